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
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from suite.measure._features import as_features, groups_of, pieces
from suite.measure._kernels import sort_descending
from suite.measure.spectrum import mirror, one_sided_amplitude, require_spectrum, two_sided_sum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

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

    def __init__(self, channels: int, device: torch.device | str = "cpu", *, ordered: bool, groups: int = 1) -> None:
        """Start from nothing.

        Args:
            channels: ``C``, at least 2.
            device: where the amplitudes live.
            ordered: keep the bins in their order, as published; else sort each token's bins, strongest first.
            groups: image ``i`` is also summed in group ``i % groups``.
        """
        self._channels = channels
        self._ordered = ordered
        self._images = 0
        self._power = torch.zeros(
            groups, channels // 2 + 1 if ordered else channels, dtype=torch.float64, device=device
        )
        self._tokens = torch.zeros(groups, dtype=torch.int64, device=device)
        self._empty = 0

    def add(self, amplitude: Tensor) -> None:
        """Take in a piece.

        Args:
            amplitude: ``[b, N, C // 2 + 1]`` from `suite.measure.spectrum.one_sided_amplitude`, any scale.
        """
        # Dividing by the largest amplitude first keeps the squares of tiny and huge tokens within range.
        largest = amplitude.amax(dim=2, keepdim=True)
        live = largest > 0
        power = (amplitude / torch.where(live, largest, 1)).square_()
        share = power / torch.where(live, two_sided_sum(power, self._channels)[..., None], 1)
        if not self._ordered:
            share = sort_descending(mirror(share, self._channels))
        group = groups_of(self._images, len(amplitude), len(self._power), amplitude.device)
        self._power.index_add_(0, group, share.sum(dim=1, dtype=torch.float64))
        self._tokens.index_add_(0, group, live.sum(dim=(1, 2)))
        self._empty += int((~live).sum())
        self._images += len(amplitude)

    def state(self) -> dict[str, Any]:
        """What :meth:`load` continues from."""
        return {"images": self._images, "power": self._power, "tokens": self._tokens, "empty": self._empty}

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from a :meth:`state` of a sum over equal channels and groups."""
        self._images, self._empty = state["images"], state["empty"]
        self._power.copy_(state["power"])
        self._tokens.copy_(state["tokens"])

    def curves(self) -> Tensor:
        """The mean curve of each group.

        Returns:
            ``[groups, C]`` float64; zeros for a group without a live token.
        """
        power = mirror(self._power, self._channels) if self._ordered else self._power
        return (power / self._tokens.clamp(min=1)[:, None]).cumsum(dim=1)

    def pattern(self) -> EnergyPattern:
        """The mean over the tokens seen.

        Returns:
            The pattern.

        Raises:
            ValueError: no token has energy.
        """
        tokens = int(self._tokens.sum())
        if not tokens:
            raise ValueError("an energy pattern needs a token that is not all zero: leave this layer out")
        power = self._power.sum(dim=0)
        power = mirror(power, self._channels) if self._ordered else power
        return EnergyPattern((power / tokens).cumsum(dim=0), tokens, self._empty)


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


def white_sorted_pattern(channels: int, *, generator: torch.Generator, tokens: int = 4096) -> EnergyPattern:
    """`sorted_energy_pattern` of white noise: what the broadest use of channels gives at this width.

    It lies far above the diagonal, as some bins of noise are always stronger than others, and must not be read without
    it.

    Args:
        channels: ``C``, at least 2.
        generator: on the CPU.
        tokens: to average over; of a share of the power at 4,096 tokens about 5e-4 is noise.

    Returns:
        The pattern of i.i.d. Gaussian tokens.
    """
    return sorted_energy_pattern(torch.randn(1, tokens, channels, generator=generator))


def breadth(curve: ArrayLike, white: ArrayLike, percents: tuple[int, ...] = PERCENTS) -> NDArray[np.float64]:
    """Bins that a cumulative curve needs for each share of the power, as a share of those that white noise needs.

    Both are read between bins, of which narrow layers have few.

    Args:
        curve: ``[C]`` ascending to 1, such as `EnergyPattern.curve` of sorted bins.
        white: ``[C]``, that of white noise of the same width.
        percents: shares in percent, each in (0, 100).

    Returns:
        ``[P]``: 1 for a use of bins as broad as noise, less where few bins hold the power.

    Raises:
        ValueError: the curves are not equally long.
    """
    ours, theirs = np.asarray(curve, dtype=np.float64), np.asarray(white, dtype=np.float64)
    if ours.ndim != 1 or ours.shape != theirs.shape:
        raise ValueError(f"compare with white noise of the same width, not {list(ours.shape)} and {list(theirs.shape)}")
    return bins_needed(ours, percents) / bins_needed(theirs, percents)


def bins_needed(curve: ArrayLike, percents: tuple[int, ...] = PERCENTS) -> NDArray[np.float64]:
    """Bins that a cumulative curve needs for each share of the power, per bin there is, read between bins.

    Args:
        curve: ``[C]`` ascending to 1.
        percents: shares in percent, each in (0, 100).

    Returns:
        ``[P]`` in (0, 1]: the published ``d / D``, not rounded up to whole bins.
    """
    reached = np.concatenate([[0.0], np.asarray(curve, dtype=np.float64)])
    return np.interp(np.array(percents) / 100, reached, np.linspace(0.0, 1.0, len(reached)))


def _pattern(features: Tensor, *, ordered: bool) -> EnergyPattern:
    values = as_features(features)
    require_spectrum(values.shape[2])
    total = PatternSum(values.shape[2], values.device, ordered=ordered)
    for piece in pieces(values):
        total.add(one_sided_amplitude(piece))
    return total.pattern()
