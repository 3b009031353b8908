"""Decisions as p-values, and several of them at once."""

from collections.abc import Mapping

from suite.judge.interval import Estimate
from suite.judge.region import Region

_ANY = 0.95  # a certain estimate has the same interval at every level


def p_inside(estimate: Estimate, region: Region) -> float:
    """The smallest alpha at which the (1 - alpha) interval lies inside the region.

    For Student t this is the two-sided p-value at the nearest bound. A claim with one bound is thus held to half of
    alpha, so that the interval shown is the interval that decides.

    Args:
        estimate: The estimate with its uncertainty.
        region: The claimed region.

    Returns:
        A number in [0, 1]; 1 if the estimate itself is not inside.
    """
    if not region.contains(estimate.value, estimate.value):
        return 1.0
    if estimate.certain:  # a bound belongs to the region, so a value on it lies inside
        interval = estimate.interval(_ANY)
        return 0.0 if region.contains(interval.low, interval.high) else 1.0
    return max(estimate.p(boundary) for boundary in region.boundaries)


def p_disjoint(estimate: Estimate, region: Region) -> float:
    """The smallest alpha at which the (1 - alpha) interval and the region do not meet.

    Args:
        estimate: The estimate with its uncertainty.
        region: The claimed region.

    Returns:
        A number in [0, 1]; 1 if the estimate is inside.
    """
    if region.contains(estimate.value, estimate.value):
        return 1.0
    if estimate.certain:
        interval = estimate.interval(_ANY)
        return 0.0 if region.disjoint(interval.low, interval.high) else 1.0
    return estimate.p(region.low if estimate.value < region.low else region.high)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment: decide where the adjusted p-value is at most alpha.

    The chance of any false decision in the family then stays at alpha or below: for decisions without a
    direction whatever their dependence (Holm), for decisions with one, as here, where members are
    independent (Shaffer); in simulations positive correlation lowers it.

    Args:
        p_values: P-value by member, each in [0, 1].

    Returns:
        Adjusted p-value by member in the same order: never below the raw one, in the same ranking.

    Raises:
        ValueError: If a p-value lies outside [0, 1] or is NaN.

    References:
        Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
        Statistics 6, 1979; Shaffer, "Control of directional errors with stagewise rejective multiple test
        procedures", Annals of Statistics 8, 1980.
    """
    for name, p in p_values.items():
        if not 0 <= p <= 1:
            raise ValueError(f"p-value {p} of {name} must lie in [0, 1]")
    adjusted: dict[str, float] = {}
    reached = 0.0
    for rank, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        reached = max(reached, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = reached
    return {name: adjusted[name] for name in p_values}
