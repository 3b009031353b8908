"""Probe `energy_pattern`: how fast the power along a token's channels adds up over the bins."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from suite.measure.energy_pattern import power_shares
from suite.measure.probe import Curve, Form, Probe
from suite.measure.spectrum import amplitude_of, bins_of, mirror, permuted_amplitude_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suite.measure._keep import Sums
    from suite.measure._layer import Layer, Piece


class EnergyPattern(Probe):
    """Cumulative power of tokens, ``[C]`` ascending to 1: in bin order, permuted, and sorted; all-zero tokens left out.

    References:
        Encoding Mismatch, arXiv 2511.15572 (spectral energy pattern).
    """

    ARRAYS: ClassVar = {"sep_curve": Form.CURVE, "sep_sorted": Form.CURVE, "sep_curve_permuted": Form.CURVE}
    DEEP = True

    def __init__(self, layer: Layer) -> None:
        """Begin at a layer."""
        super().__init__(layer)
        self._ordered = self.sums("in order", bins_of(layer.channels))
        self._permuted = self.sums("permuted", bins_of(layer.channels))
        self._sorted = self.sums("sorted", layer.channels)

    def update(self, piece: Piece) -> None:
        """Measure some images."""
        channels, first = self.layer.channels, piece.first
        self._ordered.add(first, *power_shares(piece.once(amplitude_of), channels, ordered=True))
        self._sorted.add(first, *power_shares(piece.once(amplitude_of), channels, ordered=False))
        self._permuted.add(first, *power_shares(piece.once(permuted_amplitude_of), channels, ordered=True))

    def finish(self) -> Mapping[str, Curve]:
        """The three curves."""
        if not self._ordered.total():
            raise ValueError("an energy pattern needs a token that is not all zero: leave this layer out")
        return {
            "sep_curve": self._cumulative(self._ordered, ordered=True),
            "sep_sorted": self._cumulative(self._sorted, ordered=False),
            "sep_curve_permuted": self._cumulative(self._permuted, ordered=True),
        }

    def _cumulative(self, power: Sums, *, ordered: bool) -> Curve:
        mean, means = power.mean(), power.means()
        if ordered:
            mean, means = mirror(mean, self.layer.channels), mirror(means, self.layer.channels)
        return Curve(mean.cumsum(dim=-1), means.cumsum(dim=-1))
