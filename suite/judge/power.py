"""How many more runs or images would settle an open question."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from suite.judge.interval import Interval, combined_error
from suite.judge.region import Region

BEYOND_REACH = 100_000
"""No more units than this are ever proposed: nobody trains or reads as many."""

_NODES = 200  # quadrature nodes over the spread the future sample may show; error below 0.002


@np.errstate(over="ignore", invalid="ignore")  # near the largest numbers there are, limits are infinite
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
    value, own = interval.estimate, interval.sd / math.sqrt(n)
    inside = region.contains(value, value)
    own_df = future_df(interval, n)
    error, df = combined_error(interval.sd, n, own_df, interval.rounding)
    if error == 0:
        return 1.0 if region.distance(value) != 0 else 0.0
    half = float(special.stdtrit(df, (1 + level) / 2)) * np.hypot(_spreads(own_df) * own, interval.rounding) / error
    to_low, to_high = (value - region.low) / error, (region.high - value) / error
    if inside:
        decided = np.maximum(special.ndtr(to_high - half) - special.ndtr(half - to_low), 0.0)
    else:
        decided = special.ndtr(-min(to_low, to_high) - half)
    return float(np.nan_to_num(decided, nan=0.0).mean())  # one infinite limit less another decides nothing


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


def telescope(error: float, *, power: float = 1 / 3, level: float = 0.95) -> float:
    """The effect that a measurement of known standard error had a given chance to find, at the same level.

    A study that had less than a chance of one in three could not have seen the effect it prints; a larger one that
    excludes this effect contradicts it, whatever the printed number (Simonsohn, Psychological Science 26 (2015) 559).

    Args:
        error: standard error of the measurement, in the unit of the effect.
        power: the chance of a two-sided test, of which the far side is left out, as it adds less than 1e-4.
        level: confidence of that test.
    """
    return float(special.ndtri((1 + level) / 2) + special.ndtri(power)) * error


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many further units would settle a question, as far as the present evidence tells.

    Args:
        likely: If the present estimate and spread are the truth.
        low: If the truth lies as favourably as the evidence allows.
        high: If it lies as unfavourably; None if then no reachable number would do.
    """

    likely: int
    low: int
    high: int | None

    def together(self, other: "Outlook") -> "Outlook":
        """What settles both of two questions."""
        high = None if self.high is None or other.high is None else max(self.high, other.high)
        return Outlook(max(self.likely, other.likely), max(self.low, other.low), high)


def foresee(interval: Interval, region: Region, *, level: float = 0.95, spread: float = 0.8) -> Outlook | None:
    """How many further units would settle a question, with the uncertainty of that very number.

    The number needed follows from the distance between estimate and bound in units of the spread of one value. That
    ratio is known badly from few units; its exact interval (noncentral t) is turned into a range of numbers.

    Args:
        interval: The present interval.
        region: The claimed region.
        level: Confidence the future interval will be judged at.
        spread: Confidence of the range, in (0, 1).

    Returns:
        The further units; None if the spread is not known, or even the likely number is beyond reach.

    References:
        Hedges and Olkin, Statistical Methods for Meta-Analysis, 1985, chapter 5 (interval of a standardised mean).
    """
    total = settle(interval, region, level=level)
    if total is None or interval.sd is None or interval.df is None:
        return None
    bound = min(region.boundaries, key=lambda end: abs(end - interval.estimate))
    error = interval.sd / math.sqrt(interval.n)
    if error == 0:
        return Outlook(total - interval.n, total - interval.n, total - interval.n)
    seen, side = abs(interval.estimate - bound) / error, math.copysign(1.0, interval.estimate - bound)
    needed = []
    for tail in ((1 - spread) / 2, (1 + spread) / 2):  # the larger the noncentrality, the fewer are needed
        true = bound + side * max(_noncentrality(seen, interval.df, tail), 0.0) * error
        if region.contains(interval.estimate, interval.estimate) and not region.contains(true, true):
            true = sum(region.boundaries) / 2  # a region with two bounds: nowhere lies further from both
        needed.append(settle(replace(interval, estimate=true), region, level=level))
    fewest = min([total, *(found for found in needed[:1] if found is not None)])
    most = needed[1] if needed[1] is None else max(total, needed[1])
    return Outlook(total - interval.n, fewest - interval.n, None if most is None else most - interval.n)


def future_df(present: Interval, n: int) -> float:
    """Degrees of freedom that `n` units will have, if they grow in proportion to n - 1.

    Args:
        present: An interval with known degrees of freedom.
        n: Number of units, at least 2.

    Returns:
        The degrees of freedom; those of the present if it has a single unit (its noise is another's).
    """
    df = present.df or 0.0
    return df * (n - 1) / (present.n - 1) if present.n > 1 else df


def _noncentrality(seen: float, df: float, tail: float) -> float:
    """The noncentrality at which a t at most as large as the one seen has this probability; may be negative."""
    if math.isinf(df):
        return seen - float(special.ndtri(tail))
    low, high = -50.0, seen * 2 + 50.0
    for _ in range(60):
        middle = (low + high) / 2
        if _noncentral_cdf(seen, df, middle) > tail:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _noncentral_cdf(t: float, df: float, centre: float) -> float:
    """P(T <= t) of the noncentral t law: over the chi law of the spread, the mean is normal."""
    return float(special.ndtr(t * _spreads(df) - centre).mean())


@lru_cache(maxsize=4096)
def _spreads(df: float) -> NDArray[np.float64]:
    """Equally likely values of (shown spread) / (true spread) on `df` degrees of freedom, shape (nodes,)."""
    if math.isinf(df):
        return np.ones(1)
    quantiles = (np.arange(_NODES) + 0.5) / _NODES
    spreads: NDArray[np.float64] = np.sqrt(special.gammaincinv(df / 2, quantiles) / (df / 2))
    return spreads
