"""Probe `permuted_spectrum`: `spectrum` with channels in one random order, the twin that every reading needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from suite.measure.probe import Curve, Form, Probe
from suite.measure.spectrum import bins_of, mirror, permuted_spectrum_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suite.measure._layer import Layer, Piece


class PermutedSpectrum(Probe):
    """What is left of a spectrum where the order of channels is another one; no network would notice."""

    ARRAYS: ClassVar = {
        "flatness_permuted": Form.PER_IMAGE,
        "low_pass_permuted": Form.PER_IMAGE,
        "amplitude_permuted": Form.CURVE,
    }

    def __init__(self, layer: Layer) -> None:
        """Begin at a layer."""
        super().__init__(layer)
        self._amplitude = self.sums("one-sided amplitude", bins_of(layer.channels))

    def update(self, piece: Piece) -> None:
        """Measure some images."""
        spectrum = piece.once(permuted_spectrum_of)
        self._amplitude.add(piece.first, spectrum.amplitude)
        self.rows(flatness_permuted=spectrum.flatness(), low_pass_permuted=spectrum.low_pass_share())

    def finish(self) -> Mapping[str, Curve]:
        """The mean amplitude."""
        channels = self.layer.channels
        means = self._amplitude.mean(), self._amplitude.means()
        return {"amplitude_permuted": Curve(*(mirror(part, channels) for part in means))}
