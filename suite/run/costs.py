"""What the rest of a plan will cost: from what was measured, else from what the profile says, else unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.run.plan import measured_costs
from suite.run.resources import resources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from suite.profile import Profile
    from suite.run.plan import Plan, Step

HOUR = 3600.0


@dataclass(frozen=True)
class Cost:
    """What the cells of one study that are still to run will cost.

    Attributes:
        study: its name.
        cells: how many are to run.
        seconds: computing time, summed over them; None if nobody knows.
        gpu_hours: the same times the GPUs of a job, in hours; None where nobody knows, 0 without GPUs.
        source: ``measured`` on finished cells, ``from the profile``, or empty.
    """

    study: str
    cells: int
    seconds: float | None
    gpu_hours: float | None
    source: str


@dataclass(frozen=True)
class ClaimCost:
    """What it takes to have all evidence of one claim, if nothing else were computed.

    Attributes:
        claim: its key.
        cells: how many are to run.
        seconds: computing time, summed over them; None if nobody knows.
        gpu_hours: the same times the GPUs of a job; None where nobody knows, 0 without GPUs.
    """

    claim: str
    cells: int
    seconds: float | None
    gpu_hours: float | None


@dataclass(frozen=True)
class Estimate:
    """The costs of a plan, by study in the plan's order.

    Attributes:
        costs: one entry a study that has cells to run.
        workers: cells computed at once on this machine; None where a cluster decides.
        claims: one entry a claim that lacks cells, the cheapest first, those of unknown cost last.
        spent: GPU-hours that the finished cells of the plan took; 0 without GPUs.
    """

    costs: tuple[Cost, ...] = ()
    workers: int | None = 1
    claims: tuple[ClaimCost, ...] = ()
    spent: float = 0.0

    @property
    def unknown(self) -> tuple[str, ...]:
        """Studies of which nobody knows what a cell costs."""
        return tuple(cost.study for cost in self.costs if cost.seconds is None)

    @property
    def seconds(self) -> float | None:
        """Wall time on this machine's workers, or computing time on a cluster's; None if any of it is unknown."""
        known = [cost.seconds for cost in self.costs if cost.seconds is not None]
        return sum(known) / (self.workers or 1) if len(known) == len(self.costs) else None

    @property
    def gpu_hours(self) -> float | None:
        """Summed over all studies; None if any of it is unknown."""
        known = [cost.gpu_hours for cost in self.costs if cost.gpu_hours is not None]
        return sum(known) if len(known) == len(self.costs) else None


def estimate(plan: Plan, profile: Profile, *, workers: int | None = 1) -> Estimate:
    """What the plan's cells that are to run will cost at this profile, where their studies' costs are known.

    Measured cells of a study stand for the others of the same plan by their weights, and are taken to have run on
    as many processes as the profile asks for now.

    Args:
        plan: its finished cells are the measure.
        profile: its ``[compute]`` says hours a unit of weight where nothing was measured, and GPUs a job.
        workers: cells computed at once on this machine; None where a cluster decides.
    """
    units = _Units(plan, profile)
    by_study: dict[str, list[Step]] = {}
    by_claim: dict[str, list[Step]] = {}
    for step in plan.to_run:
        by_study.setdefault(step.cell.study, []).append(step)
        for claim in dict.fromkeys(name.partition(".")[0] for name in sorted(step.feeds)):
            by_claim.setdefault(claim, []).append(step)
    costs = tuple(
        Cost(study, len(steps), *units.total(steps), units.of(study).source) for study, steps in by_study.items()
    )
    claims = [ClaimCost(claim, len(steps), *units.total(steps)) for claim, steps in by_claim.items()]
    claims.sort(key=lambda one: (one.seconds is None, one.gpu_hours or 0.0, one.seconds or 0.0, one.cells))
    return Estimate(costs, workers, tuple(claims), _gpu_seconds(plan.steps, profile) / HOUR)


@dataclass(frozen=True)
class _Unit:
    """What one unit of a cell's weight costs: seconds, and seconds times GPUs; None where nobody knows."""

    seconds: float | None
    gpu_seconds: float | None
    source: str


class _Units:
    """Of every study of a plan."""

    def __init__(self, plan: Plan, profile: Profile) -> None:
        self._plan = plan
        self._profile = profile
        self._measured = measured_costs(plan.steps)
        self._known: dict[str, _Unit] = {}

    def of(self, study: str) -> _Unit:
        if study not in self._known:
            self._known[study] = self._find(study)
        return self._known[study]

    def _find(self, study: str) -> _Unit:
        asked = resources(self._profile, study)
        gpus = asked.world if self._profile.device == "cuda" else 0
        seconds, weight = self._measured.get(study, (0.0, 0.0))
        if weight > 0:
            steps = [step for step in self._plan.steps if step.cell.study == study]
            return _Unit(seconds / weight, _gpu_seconds(steps, self._profile) / weight, "measured")
        if asked.hours is not None:
            return _Unit(asked.hours * HOUR, asked.hours * HOUR * gpus, "from the profile")
        return _Unit(None, None if gpus else 0.0, "")

    def total(self, steps: Iterable[Step]) -> tuple[float | None, float | None]:
        """Seconds and GPU-hours of cells; None where any of them is unknown."""
        seconds = gpu_hours = 0.0
        known = gpus_known = True
        for step in steps:
            unit = self.of(step.cell.study)
            seconds += (unit.seconds or 0.0) * step.cell.weight
            gpu_hours += (unit.gpu_seconds or 0.0) * step.cell.weight / HOUR
            known &= unit.seconds is not None
            gpus_known &= unit.gpu_seconds is not None
        return seconds if known else None, gpu_hours if gpus_known else None


def _gpu_seconds(steps: Iterable[Step], profile: Profile) -> float:
    """Seconds times GPUs of the finished cells; of those that did not note GPUs, as many as the profile asks for."""
    total = 0.0
    for step in steps:
        if step.state.word == "done":
            asked = resources(profile, step.cell.study).world if profile.device == "cuda" else 0
            total += step.state.seconds * (asked if step.state.gpus is None else step.state.gpus)
    return total
