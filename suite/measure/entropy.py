"""Shannon entropy of the histogram of a token's channels, under three choices of range.

A histogram needs a range, and the choice decides what is measured:

* one range over all layers (as published): the entropy of a layer is then the logarithm of its scale;
* a range per layer: free of the layer's scale, not of its outliers;
* the token's own mean and standard deviation: free of both, so only the shape is left.

Bins are those of ``numpy.histogram`` in float64: equal widths, closed below, the last one closed above as well.
Values beyond the range count in the end bins: every token keeps all its channels, so its entropy stays comparable.

References:
    Distillation Dynamics, arXiv 2511.06848, and its released analysis (100 bins, range over all layers).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from suite.measure._features import as_features, pieces
from suite.measure._histogram import histogram_bits
from suite.measure.magnitude import token_moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from suite.measure._histogram import End
    from suite.measure._layer import Piece

BINS = 100
"""Bins of the published histogram."""
SPAN = 4.0
"""Half-width of the standardised range, in standard deviations.

A Gaussian leaves 6e-5 of its values outside, so the end bins stay honest; a wider range would spend bins on nothing.
"""
NARROWEST = 1e-300
"""Ranges and deviations below this are a point: the width of a bin could not be divided by."""


def global_range(layers: Sequence[Tensor]) -> tuple[float, float]:
    """Smallest and largest value over all layers, images, tokens and channels.

    Args:
        layers: one ``[B, N_l, C_l]`` per layer.

    Returns:
        (low, high), activation units.

    Raises:
        ValueError: there is no layer, or one is malformed, NaN or infinite.

    References:
        Distillation Dynamics, arXiv 2511.06848, released analysis (one range for the whole stack of layers).
    """
    if not layers:
        raise ValueError("a global range needs at least one layer")
    ends = [torch.aminmax(as_features(layer)) for layer in layers]
    return min(float(low) for low, _ in ends), max(float(high) for _, high in ends)


def token_entropy(features: Tensor, low: float, high: float, *, bins: int = BINS) -> Tensor:
    """Entropy of each token's histogram over one explicit range.

    Args:
        features: ``[B, N, C]``.
        low: lower end of the range, activation units.
        high: upper end; equal ends are widened by one half each way, as numpy does.
        bins: number of equal bins.

    Returns:
        ``[B, N]`` float64, bits, from 0 to ``log2(min(C, bins))``.

    Raises:
        ValueError: the features are malformed, NaN or infinite, or the range or the bins make no histogram.

    References:
        Distillation Dynamics, arXiv 2511.06848 (entropy; the published range is `global_range`).
    """
    values = as_features(features)
    check_bins(bins)
    ends = check_range(low, high)
    return torch.cat([histogram_bits(piece, *ends, bins=bins) for piece in pieces(values)])


def standardised_entropy(features: Tensor, *, bins: int = BINS) -> Tensor:
    """Entropy of each token after it is brought to mean 0 and standard deviation 1.

    The range is ``-SPAN .. SPAN``; what lies beyond counts in the end bins, so that one outlier cannot widen the bins
    of the rest. Nothing is standardised in fact: each token's range is placed about its own mean instead.

    Args:
        features: ``[B, N, C]``.
        bins: number of equal bins.

    Returns:
        ``[B, N]`` float64, bits; 0 for a constant token. Unchanged by any scale and offset of a token.

    Raises:
        ValueError: the features are malformed, NaN or infinite, or there are no bins.
    """
    values = as_features(features)
    check_bins(bins)
    return torch.cat(
        [histogram_bits(piece, *standard_range(*token_moments(piece)), bins=bins) for piece in pieces(values)]
    )


def check_bins(bins: int) -> None:
    """Refuse a histogram without bins.

    Args:
        bins: number of bins.

    Raises:
        ValueError: it is below 1.
    """
    if bins < 1:
        raise ValueError(f"a histogram needs at least 1 bin, not {bins}")


def check_range(low: float, high: float) -> tuple[float, float]:
    """A usable range: equal ends (to all purposes) are widened by one half each way, as numpy does.

    Args:
        low: lower end.
        high: upper end.

    Returns:
        (low, high) with ``low < high``.

    Raises:
        ValueError: the range is reversed or not finite.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"a histogram range must be finite and ascending, not ({low}, {high})")
    return (low, high) if high - low > NARROWEST else (low - 0.5, high + 0.5)


def widened(low: Tensor, high: Tensor) -> tuple[End, End]:
    """`check_range` of finite numbers that may be on an accelerator, for which nobody waits.

    Args:
        low: lower end, a float64 number.
        high: upper end, not below.

    Returns:
        Numbers on the CPU, elsewhere tensors.
    """
    if low.is_cpu:
        return check_range(float(low), float(high))
    reach = torch.where(high - low > NARROWEST, 0.0, 0.5)
    return low - reach, high + reach


def outside(piece: Piece, low: End, high: End) -> Tensor:
    """How many values of each image lie beyond a range.

    Args:
        piece: the images.
        low: lower end.
        high: upper end.

    Returns:
        ``[b]`` float64.
    """
    values = piece.values
    if values.is_cpu and float(piece.low.min()) >= low and float(piece.high.max()) <= high:
        return torch.zeros(len(values), dtype=torch.float64)
    return ((values < low) | (values > high)).sum(dim=(1, 2)).double()


def standard_range(mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Each token's mean less and plus ``SPAN`` standard deviations, or one half for a constant token.

    Args:
        mean: ``[B, N]`` float64, mean of each token.
        deviation: ``[B, N]`` float64, its standard deviation.

    Returns:
        Two ``[B, N, 1]`` float64 tensors, the first below the second.
    """
    reach = torch.where(deviation > NARROWEST, SPAN * deviation, 0.5)
    return (mean - reach)[..., None], (mean + reach)[..., None]
