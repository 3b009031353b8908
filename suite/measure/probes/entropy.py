"""Probe `entropy`: bits of a token's channel histogram, in a range that is fixed by the first images."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from suite.measure._histogram import histogram_bits
from suite.measure.entropy import BINS, outside, widened
from suite.measure.probe import Form, Probe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suite.measure._layer import Layer, Piece


class Entropy(Probe):
    """Mean over tokens, bits: one range for all layers (as published), and a range for each layer.

    ``clipped_share`` is the share of values beyond the layer's own range, which count in the end bins; no larger a
    share lies beyond the range common to all layers.

    References:
        Distillation Dynamics, arXiv 2511.06848 (entropy; one range for the whole stack of layers).
    """

    ARRAYS: ClassVar = {
        "entropy_global": Form.PER_IMAGE,
        "entropy_layer": Form.PER_IMAGE,
        "clipped_share": Form.PER_LAYER,
    }
    CALIBRATED = True

    def __init__(self, layer: Layer) -> None:
        """Begin at a layer."""
        super().__init__(layer)
        self._clipped = self.sums("clipped", 1)
        self._ranges = widened(*layer.over_layers), widened(*layer.over_layer)

    def update(self, piece: Piece) -> None:
        """Measure some images."""
        over_layers, over_layer = (histogram_bits(piece.values, *ends, bins=BINS) for ends in self._ranges)
        self.rows(entropy_global=over_layers.mean(dim=1), entropy_layer=over_layer.mean(dim=1))
        self._clipped.add(piece.first, outside(piece, *self._ranges[1])[:, None])

    def finish(self) -> Mapping[str, float]:
        """The share of values that were clipped."""
        return {"clipped_share": float(self._clipped.mean()) / (self.layer.tokens * self.layer.channels)}
