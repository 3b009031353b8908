"""Probe `magnitude`: how large activations are."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from suite.measure.magnitude import mean_absolute, moments_of, rms_about_mean
from suite.measure.probe import Form, Probe

if TYPE_CHECKING:
    from suite.measure._layer import Piece


class Magnitude(Probe):
    """Mean absolute activation, and root mean square about the mean; activation units.

    References:
        Distillation Dynamics, arXiv 2511.06848 (activation magnitude).
    """

    ARRAYS: ClassVar = {"magnitude": Form.PER_IMAGE, "scale": Form.PER_IMAGE}

    def update(self, piece: Piece) -> None:
        """Measure some images."""
        self.rows(magnitude=mean_absolute(piece.values), scale=rms_about_mean(*piece.once(moments_of)))
