"""The "spectral energy pattern": how fast the power along a token's channels adds up over the bins.

For a real token the two-sided curve ``S`` obeys ``S[k] + S[C-1-k] = 1 + E0``, with ``E0`` the share of bin 0, whatever
the token holds; and the order of channels is arbitrary. So the published curve lies on the diagonal for noise, for a
single live channel and for shuffled channels alike. The sorted curve, which no order of bins changes, stands beside it.

References:
    Encoding Mismatch, arXiv 2511.15572, and its released analysis (power at every bin in bin order, each token
    normalised, averaged over tokens, thresholds read off the mean curve).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from suite.measure._features import as_features, pieces
from suite.measure._kernels import sort_descending
from suite.measure.spectrum import mirror, one_sided_amplitude, require_spectrum, two_sided_sum

PERCENTS = (50, 60, 70, 80, 90)
"""Published thresholds of the cumulative power."""


@dataclass(frozen=True)
class EnergyPattern:
    """Mean cumulative power of tokens.

    Attributes:
        curve: ``[C]`` float64, ascending to 1: power in the first ``k + 1`` bins, each token's total being 1.
        tokens: number of tokens in the mean.
        empty: number of all-zero tokens left out: they have no pattern, and one of them would make the mean NaN.
    """

    curve: Tensor
    tokens: int
    empty: int

    def dims(self, percents: tuple[int, ...] = PERCENTS) -> Tensor:
        """Bins needed to reach each share.

        Args:
            percents: shares in percent, each in (0, 100).

        Returns:
            ``[P]`` int64, 1 to ``C``.

        References:
            Encoding Mismatch, arXiv 2511.15572, released analysis (threshold index of the mean curve, plus one).
        """
        wanted = torch.tensor(percents, dtype=torch.float64, device=self.curve.device)
        found = torch.searchsorted(self.curve, wanted / 100) + 1
        return found.clamp_(max=len(self.curve))

    def fractions(self, percents: tuple[int, ...] = PERCENTS) -> Tensor:
        """Bins needed to reach each share, as a fraction of all bins: the published ``d / D``.

        Args:
            percents: shares in percent, each in (0, 100).

        Returns:
            ``[P]`` float64 in (0, 1].
        """
        return self.dims(percents).double() / len(self.curve)


class PatternSum:
    """Running sum of tokens' power, each token's total being 1.

    The mean of cumulative sums is the cumulative sum of the means, so no token's curve is ever built.
    """

    def __init__(self, channels: int, device: torch.device | str = "cpu", *, ordered: bool) -> None:
        """Start from nothing.

        Args:
            channels: ``C``, at least 2.
            device: where the amplitudes live.
            ordered: keep the bins in their order, as published; else sort each token's bins, strongest first.
        """
        self._channels = channels
        self._ordered = ordered
        self._power = torch.zeros(channels // 2 + 1 if ordered else channels, dtype=torch.float64, device=device)
        self._tokens = 0
        self._empty = 0

    def add(self, amplitude: Tensor) -> None:
        """Take in a piece.

        Args:
            amplitude: ``[b, N, C // 2 + 1]`` from `suite.measure.spectrum.one_sided_amplitude`, any scale.
        """
        # Dividing by the largest amplitude first keeps the squares of tiny and huge tokens within range.
        tokens = amplitude.flatten(0, 1)
        largest = tokens.amax(dim=1)
        live = tokens[largest > 0] / largest[largest > 0, None]
        power = live.square_()
        share = power / two_sided_sum(power, self._channels)[:, None]
        if not self._ordered:
            share = sort_descending(mirror(share, self._channels))
        self._power += share.sum(dim=0, dtype=torch.float64)
        self._tokens += len(share)
        self._empty += len(tokens) - len(share)

    def pattern(self) -> EnergyPattern:
        """The mean over the tokens seen.

        Returns:
            The pattern.

        Raises:
            ValueError: no token has energy.
        """
        if not self._tokens:
            raise ValueError("an energy pattern needs a token that is not all zero: leave this layer out")
        power = mirror(self._power, self._channels) if self._ordered else self._power
        return EnergyPattern((power / self._tokens).cumsum(dim=0), self._tokens, self._empty)


def energy_pattern(features: Tensor) -> EnergyPattern:
    """The pattern as published: bins 0 to ``C - 1`` in their order, bin 0 included.

    Args:
        features: ``[B, N, C]``, ``C`` at least 2.

    Returns:
        The mean over all tokens that are not all zero.

    Raises:
        ValueError: the features are malformed, have a single channel or no energy.

    References:
        Encoding Mismatch, arXiv 2511.15572 (spectral energy pattern).
    """
    return _pattern(features, ordered=True)


def sorted_energy_pattern(features: Tensor) -> EnergyPattern:
    """The pattern with each token's bins in descending order of power.

    No order of bins changes it. It is low where few bins hold the power and ``(k + 1) / C`` only for a flat spectrum.

    Args:
        features: ``[B, N, C]``, ``C`` at least 2.

    Returns:
        The mean over all tokens that are not all zero.

    Raises:
        ValueError: the features are malformed, have a single channel or no energy.
    """
    return _pattern(features, ordered=False)


def _pattern(features: Tensor, *, ordered: bool) -> EnergyPattern:
    values = as_features(features)
    require_spectrum(values.shape[2])
    total = PatternSum(values.shape[2], values.device, ordered=ordered)
    for piece in pieces(values):
        total.add(one_sided_amplitude(piece))
    return total.pattern()
