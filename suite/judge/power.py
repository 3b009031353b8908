"""How many more runs or images would settle an open question."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from suite.judge.estimate import future_df
from suite.judge.interval import Interval
from suite.judge.region import Region

BEYOND_REACH = 100_000
"""No more units than this are ever proposed: twice the validation set of ImageNet-1k."""

_NODES = 200  # quadrature nodes over the spread the future sample may show; error below 0.002


def chance(n: int, interval: Interval, region: Region, *, level: float = 0.95) -> float:
    """The probability that `n` units decide, if the truth is the present estimate and spread.

    Exact for normal values: given the spread s the future sample shows, its mean is normal and the interval's
    half-width known; the probability is integrated over the chi distribution of s.

    Args:
        n: Number of units of the future sample, at least 2.
        interval: The present interval with known spread.
        region: The claimed region.
        level: Confidence of the future interval.

    Returns:
        The probability that the future interval lies inside the region (if the estimate does) or beyond
        the bound the estimate is beyond.

    Raises:
        ValueError: If the present interval does not show its spread.
    """
    if interval.sd is None or interval.df is None:
        raise ValueError("no spread is known: foresee nothing from one run")
    value, error = interval.estimate, interval.sd / math.sqrt(n)
    inside = region.contains(value, value)
    if error == 0:
        return 1.0 if region.distance(value) != 0 else 0.0
    df = future_df(interval, n)
    half = float(special.stdtrit(df, (1 + level) / 2)) * _spreads(df)
    to_low, to_high = (value - region.low) / error, (region.high - value) / error
    if inside:
        decided = np.maximum(special.ndtr(to_high - half) - special.ndtr(half - to_low), 0.0)
    else:
        decided = special.ndtr(-min(to_low, to_high) - half)
    return float(decided.mean())


def settle(
    interval: Interval,
    region: Region,
    *,
    level: float = 0.95,
    power: float = 0.8,
    cap: int = BEYOND_REACH,
) -> int | None:
    """The smallest total number of units that would settle the question with a given probability.

    It takes the present estimate and spread for the truth, so it is a plan and no promise: from three seeds
    the spread itself is known to a factor of about two.

    Args:
        interval: The present interval.
        region: The claimed region.
        level: Confidence the future interval will be judged at; stricter within a family.
        power: Probability of a decision, in (0, 1).
        cap: Largest number worth proposing.

    Returns:
        The total number of units, above the present one; None if the spread is not known, or if even `cap`
        units would not do: the estimate lies on or near a bound.
    """
    if interval.sd is None or not math.isfinite(interval.sd) or interval.n >= cap:
        return None
    if chance(cap, interval, region, level=level) < power:
        return None
    low, high = interval.n, cap  # wherever it is not near 0 the chance grows with n: bisection
    while high - low > 1:
        middle = (low + high) // 2
        if chance(middle, interval, region, level=level) < power:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=4096)
def _spreads(df: float) -> NDArray[np.float64]:
    """Equally likely values of (shown spread) / (true spread) on `df` degrees of freedom, shape (nodes,)."""
    if math.isinf(df):
        return np.ones(1)
    quantiles = (np.arange(_NODES) + 0.5) / _NODES
    spreads: NDArray[np.float64] = np.sqrt(special.gammaincinv(df / 2, quantiles) / (df / 2))
    return spreads
