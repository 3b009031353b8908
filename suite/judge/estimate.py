"""From what was measured to an estimate with its uncertainty: the interval each sampling deserves."""

import math

from suite.judge.halves import estimate_from_halves
from suite.judge.interval import Bounds, Estimate, NoSpread, StudentT
from suite.judge.observed import Observed, Sampling


def estimate(observed: Observed) -> Estimate:
    """Chooses the estimate that fits the sampling.

    Args:
        observed: At least one value, all finite.

    Returns:
        Student t for runs, half-samples for images, bounds for exact values, a stated error with its degrees of
        freedom for a single run. One run, values that are all equal, or fewer images than can be halved give an
        estimate without an interval; its method says why.

    Raises:
        ValueError: If there is no value or one is not finite.
    """
    values, n = observed.values, len(observed.values)
    if not n or observed.broken:
        raise ValueError(f"nothing to estimate: {observed.broken or 'no values'}")
    if observed.sampling is Sampling.EXACT:
        value, error = values[0], observed.numerical_error
        return Bounds(value, value - error, value + error, n, "exact, up to rounding")
    if observed.sampling is Sampling.SINGLE:
        df = observed.error_df
        law = "normal law" if math.isinf(df) else f"Student t on {df:g} degrees of freedom"
        return StudentT(values[0], observed.standard_error or 0.0, df, 1, f"{law}, stated standard error")
    try:
        return _from_sample(observed)
    except NoSpread as reason:
        middle = sorted(values)[n // 2] if observed.whole is None else observed.whole
        return Bounds.none(middle, 1 if observed.sampling is Sampling.HALVES else n, f"no interval: {reason}")


def _from_sample(observed: Observed) -> StudentT:
    if observed.sampling is Sampling.SEEDS:
        return StudentT.of(observed.values, pooled=observed.pooled, resolution=observed.resolution)
    if observed.whole is None:
        raise NoSpread("too few images to leave half of them out")
    return estimate_from_halves(observed.whole, observed.values, resolution=observed.resolution)
