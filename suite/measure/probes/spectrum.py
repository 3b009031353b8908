"""Probe `spectrum`: the Fourier transform of tokens along their channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from suite.measure.probe import Curve, Form, Probe
from suite.measure.spectrum import bins_of, mirror, spectrum_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suite.measure._layer import Layer, Piece


class Spectrum(Probe):
    """Amplitude over bins (``[C]``, two-sided), and what is read off each image's spectrum.

    References:
        Distillation Dynamics, arXiv 2511.06848 (channel spectra, frequency intensity).
    """

    ARRAYS: ClassVar = {
        "intensity": Form.PER_IMAGE,
        "dc_share": Form.PER_IMAGE,
        "flatness": Form.PER_IMAGE,
        "low_pass": Form.PER_IMAGE,
        "amplitude": Form.CURVE,
    }

    def __init__(self, layer: Layer) -> None:
        """Begin at a layer."""
        super().__init__(layer)
        self._amplitude = self.sums("one-sided amplitude", bins_of(layer.channels))

    def update(self, piece: Piece) -> None:
        """Measure some images."""
        spectrum = piece.once(spectrum_of)
        self._amplitude.add(piece.first, spectrum.amplitude)
        self.rows(
            intensity=spectrum.intensity(),
            dc_share=spectrum.dc_share(),
            flatness=spectrum.flatness(),
            low_pass=spectrum.low_pass_share(),
        )

    def finish(self) -> Mapping[str, Curve]:
        """The mean amplitude."""
        channels = self.layer.channels
        return {
            "amplitude": Curve(*(mirror(part, channels) for part in (self._amplitude.mean(), self._amplitude.means())))
        }
