"""What the rest of a plan will cost: from what was measured, else from what the profile says, else unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.run.plan import measured_costs
from suite.run.resources import resources

if TYPE_CHECKING:
    from suite.profile import Profile
    from suite.run.plan import Plan

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
class Estimate:
    """The costs of a plan, by study in the plan's order.

    Attributes:
        costs: one entry a study that has cells to run.
        workers: cells computed at once on this machine; None where a cluster decides.
    """

    costs: tuple[Cost, ...] = ()
    workers: int | None = 1

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
    measured = measured_costs(plan.steps)
    weights: dict[str, list[float]] = {}
    for step in plan.to_run:
        weights.setdefault(step.cell.study, []).append(step.cell.weight)
    return Estimate(tuple(_cost(study, found, measured, profile) for study, found in weights.items()), workers)


def _cost(study: str, weights: list[float], measured: dict[str, tuple[float, float]], profile: Profile) -> Cost:
    asked = resources(profile, study)
    seconds, weight = measured.get(study, (0.0, 0.0))
    if weight > 0:
        unit, source = seconds / weight, "measured"
    elif asked.hours is not None:
        unit, source = asked.hours * HOUR, "from the profile"
    else:
        return Cost(study, len(weights), None, None if profile.device == "cuda" else 0.0, "")
    total = unit * sum(weights)
    gpus = asked.world if profile.device == "cuda" else 0
    return Cost(study, len(weights), total, total * gpus / HOUR, source)
