"""Probe `pooled`: each image's mean token, for comparisons of layers on the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from suite.measure.probe import Form, Probe

if TYPE_CHECKING:
    from suite.measure._layer import Piece


class Pooled(Probe):
    """The mean over tokens, ``[I, C]`` float32, activation units."""

    ARRAYS: ClassVar = {"pooled": Form.ROWS}

    def update(self, piece: Piece) -> None:
        """Measure some images."""
        self.rows(pooled=piece.values.mean(dim=1).float())
