"""How many bits the entropy of a histogram gains when the scale doubles.

With endless channels a doubling would be one bit. With few channels most bins are empty or hold a single value, and
the entropy answers less: a region for the published quantity must be set with this slope, not with one bit.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import binom, norm

from suite.measure.entropy import BINS, check_bins

DEVIATION = 0.1
"""Standard deviation as a share of the range: the range is set by the extremes of some hundred thousand values."""


def expected_entropy(channels: int, deviation: float, *, bins: int = BINS) -> float:
    """Mean entropy of a token of Gaussian channels, in a fixed range about their mean.

    Exact: the count of each bin is binomial, and the entropy is a sum over bins. Values beyond the range count in the
    end bins.

    Args:
        channels: ``C``, at least 1.
        deviation: standard deviation of a channel as a share of the range, above 0.
        bins: number of equal bins.

    Returns:
        Bits, from 0 to ``log2(min(C, bins))``.

    Raises:
        ValueError: there are no channels or bins, or there is no deviation.
    """
    check_bins(bins)
    if channels < 1 or not deviation > 0:
        raise ValueError(f"an entropy needs channels and a deviation above 0, not {channels} and {deviation}")
    edges = np.linspace(-0.5, 0.5, bins + 1)[1:-1]
    share = np.diff(norm.cdf(edges / deviation), prepend=0.0, append=1.0)
    count = np.arange(1, channels + 1)
    filled = binom.pmf(count, channels, share[:, None]) @ (count * np.log2(count))
    return math.log2(channels) - float(filled.sum()) / channels


def entropy_slope(channels: int, *, bins: int = BINS, deviation: float = DEVIATION) -> float:
    """Bits of entropy that a doubling of scale gives, about a scale.

    >>> [round(entropy_slope(channels), 2) for channels in (24, 48, 384)]
    [0.34, 0.54, 0.92]

    Args:
        channels: ``C``.
        bins: number of equal bins.
        deviation: standard deviation as a share of the range, in the middle of the doubling.

    Returns:
        Bits per doubling; below 1, and falling once the end bins fill.

    Raises:
        ValueError: as `expected_entropy` does.
    """
    half = math.sqrt(2)
    upper, lower = (expected_entropy(channels, scale, bins=bins) for scale in (deviation * half, deviation / half))
    return upper - lower
