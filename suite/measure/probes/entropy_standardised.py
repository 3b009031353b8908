"""Probe `entropy_standardised`: bits of a token's channel histogram, free of its scale and offset."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from suite.measure._histogram import histogram_bits
from suite.measure.entropy import BINS, standard_range
from suite.measure.magnitude import moments_of
from suite.measure.probe import Form, Probe

if TYPE_CHECKING:
    from suite.measure._layer import Piece


class EntropyStandardised(Probe):
    """Mean over tokens, bits, each token in the range of its mean less and plus four standard deviations."""

    ARRAYS: ClassVar = {"entropy_standardised": Form.PER_IMAGE}

    def update(self, piece: Piece) -> None:
        """Measure some images."""
        ends = standard_range(*piece.once(moments_of))
        self.rows(entropy_standardised=histogram_bits(piece.values, *ends, bins=BINS).mean(dim=1))
