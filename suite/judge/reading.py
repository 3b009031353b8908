"""One measured quantity held against one region."""

from dataclasses import dataclass
from enum import StrEnum

from suite.judge.estimate import estimate
from suite.judge.family import p_disjoint, p_inside
from suite.judge.interval import Interval, StudentT
from suite.judge.observed import Observed, Sampling
from suite.judge.region import Region


class Position(StrEnum):
    """Where a quantity lies, as far as its evidence tells."""

    INSIDE = "inside"
    """The interval lies inside the region."""
    OUTSIDE = "outside"
    """The interval and the region do not meet."""
    UNDECIDED = "undecided"
    """The interval reaches across a bound, or there is none."""
    NOT_RUN = "not run"
    """There is no evidence."""
    ERROR = "error"
    """The evidence is broken."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the evidence says of one quantity, be it the claim's or a control's.

    Args:
        position: Where it lies.
        interval: Its interval; None without usable evidence.
        leans_inside: Whether the estimate itself lies in the region.
        single: Whether it stands on one run, from which nothing is ever reproduced.
        p_inside: Smallest alpha at which the interval lies inside; 1 if none does.
        p_outside: Smallest alpha at which it is disjoint; 1 if none is.
        statistical: Whether it was judged by a sample that can decide, so that it counts in a family.
        unit: The noun for one unit of the evidence.
        size: How many values it stands on, in words.
        message: What is broken or missing; the note of the evidence otherwise.
    """

    position: Position
    interval: Interval | None = None
    leans_inside: bool = False
    single: bool = False
    p_inside: float = 1.0
    p_outside: float = 1.0
    statistical: bool = False
    unit: str = ""
    size: str = ""
    message: str = ""

    def open_at(self, alpha: float) -> bool:
        """Whether the evidence decides neither way at this alpha."""
        return min(self.p_inside, self.p_outside) > alpha


def read(observed: Observed | None, region: Region, *, level: float) -> Reading:
    """Holds what was measured against a region.

    One run decides nothing: its interval, where a pool or a stated error gives one, is shown, but its
    position stays undecided. The exception is a released run whose stated error covers the noise
    between runs.

    Args:
        observed: What was measured; None or without values means not run.
        region: The claimed region.
        level: Confidence of the interval.

    Returns:
        The reading; broken evidence is read as an error and never as a number.
    """
    if observed is None:
        return Reading(Position.NOT_RUN)
    if observed.broken:
        return Reading(Position.ERROR, message=observed.broken)
    if not observed.values:
        return Reading(Position.NOT_RUN, message=observed.note)
    estimated = estimate(observed)
    interval = estimated.interval(level)
    runs = observed.sampling in (Sampling.SEEDS, Sampling.SINGLE)
    single = runs and len(observed.values) == 1
    decisive = not single or observed.covers_runs
    position = Position.UNDECIDED
    if decisive and region.contains(interval.low, interval.high):
        position = Position.INSIDE
    elif decisive and region.disjoint(interval.low, interval.high):
        position = Position.OUTSIDE
    return Reading(
        position=position,
        interval=interval,
        leans_inside=region.contains(estimated.value, estimated.value),
        single=single,
        p_inside=p_inside(estimated, region) if decisive else 1.0,
        p_outside=p_disjoint(estimated, region) if decisive else 1.0,
        statistical=isinstance(estimated, StudentT) and decisive,
        unit=observed.unit,
        size=observed.size,
        message=observed.note,
    )
