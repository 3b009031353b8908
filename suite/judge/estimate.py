"""From what was measured to an estimate with its uncertainty: the interval each sampling deserves."""

import math

import numpy as np

from suite.judge.bootstrap import FEWEST_UNITS, Bootstrap
from suite.judge.halves import estimate_from_halves
from suite.judge.interval import Bounds, Estimate, Interval, StudentT, check_level
from suite.judge.observed import Observed, Sampling


def estimate(observed: Observed, rng: np.random.Generator) -> Estimate:
    """Chooses the estimate that fits the sampling.

    Args:
        observed: At least one value, all finite.
        rng: Source of the bootstrap's draws; untouched by other samplings.

    Returns:
        Student t for runs, bootstrap or half-samples for images, bounds for exact values, the normal law for a stated
        error. One run, or fewer images than can be resampled, gives an estimate without an interval.

    Raises:
        ValueError: If there is no value or one is not finite.
    """
    values, n = observed.values, len(observed.values)
    if not n or observed.broken:
        raise ValueError(f"nothing to estimate: {observed.broken or 'no values'}")
    match observed.sampling:
        case Sampling.EXACT:
            value, error = values[0], observed.numerical_error
            return Bounds(value, value - error, value + error, n, "exact, up to rounding")
        case Sampling.SINGLE:
            return StudentT(values[0], observed.standard_error or 0.0, math.inf, 1, "normal law, stated standard error")
        case Sampling.IMAGES | Sampling.HALVES:
            return _over_images(observed, rng)
        case Sampling.SEEDS:
            if n == 1 and not (observed.pooled and observed.pooled.fair):
                return Bounds.none(values[0], n, "no interval: one run does not show its noise")
            return StudentT.of(values, pooled=observed.pooled, resolution=observed.resolution)


def _over_images(observed: Observed, rng: np.random.Generator) -> Estimate:
    values = observed.values
    if observed.sampling is Sampling.HALVES:
        if observed.whole is None:
            return Bounds.none(values[0], 1, "no interval: too few images to leave half of them out")
        return estimate_from_halves(observed.whole, values, resolution=observed.resolution)
    units = len(set(observed.clusters)) if observed.clusters else len(values)
    if units < FEWEST_UNITS:
        return Bounds.none(_mean(values), units, f"no interval: fewer than {FEWEST_UNITS} independent images")
    return Bootstrap.of(values, rng, clusters=observed.clusters)


def with_n(observed: Observed, n: int, *, rng: np.random.Generator, level: float = 0.95) -> Interval:
    """What-if: the interval that `n` units would give if they had the present mean and spread.

    Args:
        observed: What was measured.
        n: Number of runs, of images, or (with clusters) of their sources, at least 2.
        rng: Source of the bootstrap's draws.
        level: Confidence in (0, 1).

    Returns:
        The predicted Student t interval; degrees of freedom grow in proportion to n - 1. Exact bounds stay as
        they are, and where the present evidence shows no spread the interval stays without ends.

    Raises:
        ValueError: If n is below 2, the level is not in (0, 1), the evidence is empty or broken, or it is
            one released run.
    """
    check_level(level)
    if n < 2:
        raise ValueError(f"cannot foresee an interval from n = {n}: ask for at least 2")
    if observed.sampling is Sampling.SINGLE:
        raise ValueError("a single released run cannot be repeated here: run your own seeds instead")
    present = estimate(observed, rng).interval(level)
    if present.sd is None or present.df is None:
        return present
    df = future_df(present, n)
    return StudentT(present.estimate, present.sd, df, n, f"foreseen for n = {n:,}").interval(level)


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


def _mean(values: tuple[float, ...]) -> float:
    scale = max(abs(value) for value in values) or 1.0
    return math.fsum(sorted(value / scale for value in values)) / len(values) * scale
