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
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from suite.measure._features import as_features, pieces
from suite.measure._kernels import sort_descending
from suite.measure.spectrum import mirror, one_sided_amplitude, require_spectrum, two_sided_sum

if TYPE_CHECKING:
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


def power_shares(amplitude: Tensor, channels: int, *, ordered: bool) -> tuple[Tensor, Tensor]:
    """Power of tokens over the bins, each token's total being 1, summed over the tokens of an image.

    The mean of cumulative sums is the cumulative sum of the means, so no token's curve is ever built.

    Args:
        amplitude: ``[b, N, C // 2 + 1]`` from `suite.measure.spectrum.one_sided_amplitude`, any scale.
        channels: ``C``.
        ordered: keep the bins in their order, as published, and give one side of them; else all bins, sorted for each
            token, strongest first.

    Returns:
        (``[b, C // 2 + 1]`` or ``[b, C]`` float64 sums, ``[b]`` tokens that are not all zero: the others count for
        nothing, and one of them would make a mean NaN).
    """
    # Dividing by the largest amplitude first keeps the squares of tiny and huge tokens within range.
    largest = amplitude.amax(dim=2, keepdim=True)
    live = largest > 0
    power = (amplitude / torch.where(live, largest, 1)).square_()
    share = power / torch.where(live, two_sided_sum(power, channels)[..., None], 1)
    if not ordered:
        share = sort_descending(mirror(share, channels))
    return share.sum(dim=1, dtype=torch.float64), live.sum(dim=(1, 2))


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
    channels = values.shape[2]
    require_spectrum(channels)
    parts = [power_shares(one_sided_amplitude(piece), channels, ordered=ordered) for piece in pieces(values)]
    power, live = (torch.cat(tensors).sum(dim=0) for tensors in zip(*parts, strict=True))
    tokens = int(live)
    if not tokens:
        raise ValueError("an energy pattern needs a token that is not all zero: leave this layer out")
    mean = power / tokens
    curve = (mirror(mean, channels) if ordered else mean).cumsum(dim=0)
    return EnergyPattern(curve, tokens, values.shape[0] * values.shape[1] - tokens)
