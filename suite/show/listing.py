"""What would be computed (the dry run) and what is claimed (the list), in the terminal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from suite.evidence.store import diverged
from suite.run.progress import duration
from suite.session import Session
from suite.show import describe
from suite.show.numbers import number, plural, ranges
from suite.show.runs import group_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console

    from suite.claim import Claim
    from suite.profile import Profile
    from suite.run.costs import Estimate
    from suite.run.jobs import Look
    from suite.run.plan import Plan, Step

STATES = ("done", "running", "submitted", "missing", "partial", "failed", "damaged")
_NAMED = 2  # cells of one job that are named: a block holds dozens


@dataclass
class _Group:
    """Cells that differ by their seed alone."""

    study: str
    name: str
    steps: list[Step] = field(default_factory=list)

    @property
    def seeds(self) -> str:
        return ranges(step.cell.seed for step in self.steps)

    @property
    def states(self) -> str:
        return _states(self.steps)

    @property
    def feeds(self) -> str:
        """Claims with the number of their criteria that stand on these cells."""
        names = {name for step in self.steps for name in step.feeds}
        counts = Counter(name.partition(".")[0] for name in sorted(names))
        return ", ".join(f"{claim} ({count})" for claim, count in counts.items())


def _states(steps: Iterable[Step]) -> str:
    """How many cells are in each state: ``"done 3, failed 1"``."""
    counts = Counter(step.state.word for step in steps)
    return ", ".join(f"{word} {counts[word]}" for word in STATES if counts[word])


def _groups(steps: Iterable[Step]) -> list[_Group]:
    groups: dict[tuple[str, str], _Group] = {}
    for step in steps:
        key = (step.cell.study, group_of(str(step.cell)))
        groups.setdefault(key, _Group(*key)).steps.append(step)
    studies = list(dict.fromkeys(group.study for group in groups.values()))  # as they first come up: needs first
    return sorted(groups.values(), key=lambda group: studies.index(group.study))


def print_plan(
    plan: Plan,
    profile: Profile,
    costs: Estimate,
    console: Console,
    *,
    looks: Mapping[str, Look] | None = None,
    failures: bool = False,
    session: Session | None = None,
) -> None:
    """Print which cells the claims need, which are on disk, and what the rest will take.

    Args:
        plan: cells in order, shared ones once.
        profile: the scale it was made for.
        costs: what the cells that are to run will cost.
        console: where to.
        looks: what is known of cells that jobs have in hand or lost, by key.
        failures: print every failed or damaged cell with its reason, not the number alone.
        session: of the commands that are named; by default that of the profile alone.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("study", "cells", "seeds", "state", "to run", "feeds (criteria)"):
        table.add_column(column, justify="right" if column == "to run" else "left", overflow="fold")
    for group in _groups(plan.steps):
        to_run = sum(step.run for step in group.steps)
        cells = (group.study, group.name, group.seeds, group.states, str(to_run or "-"), group.feeds)
        table.add_row(*(Text(cell) for cell in cells))
    console.print(Text(f"profile {profile.name} ({profile.scope}): {profile.summary}", style="bold"))
    console.print(table)
    for said in sorted({str(step.cell.local["said"]) for step in plan.steps if step.cell.local.get("said")}):
        console.print(Text(f"images: {said}"))
    console.print(Text(_total(plan, costs)))
    for text in _by_study(costs):
        console.print(Text(text))
    for text in _by_claim(costs):
        console.print(Text(text))
    for text in _by_job(plan, looks or {}):
        console.print(Text(text))
    for name, reason in plan.impossible:
        console.print(Text(f"cannot be asked at {profile.name}: {name}: {reason}"))
    _print_failures(plan, console, failures=failures, session=session or Session(profile=profile.name))


def _total(plan: Plan, costs: Estimate) -> str:
    states = _states(plan.steps)
    total = plural(len(plan.steps), "cell") + (f" ({states})" if states else "")
    to_run = len(plan.to_run)
    if not to_run:
        return f"{total}; nothing to compute"
    return f"{total}; {to_run} to compute, {_spent(costs.seconds, costs.gpu_hours, costs.workers)}"


def _spent(seconds: float | None, gpu_hours: float | None, workers: int | None) -> str:
    """Time, and GPU-hours where there are GPUs."""
    if seconds is None:
        return "time unknown"
    gpus = f", {number(gpu_hours)} GPU-hours" if gpu_hours else ""
    return f"about {duration(seconds)}{' of computing' if workers is None else ''}{gpus}"


def _by_study(costs: Estimate) -> list[str]:
    """One line a study, where one line for all does not say it: several studies, an unknown cost, a guess, GPUs."""
    if not costs.unknown and not costs.gpu_hours and {cost.source for cost in costs.costs} <= {"measured"}:
        return []
    return [
        f"{cost.study}: {plural(cost.cells, 'cell')}, "
        + (
            "unknown: no cell of this study was ever measured"
            if cost.seconds is None
            else f"{_spent(cost.seconds, cost.gpu_hours, None)} ({cost.source})"
        )
        for cost in costs.costs
    ]


def _by_claim(costs: Estimate) -> list[str]:
    """What it takes to have each claim's evidence, the cheapest first; nothing where there is one claim only."""
    spent = [f"GPU-hours spent on what is there: {number(costs.spent)}"] if costs.spent else []
    if len(costs.claims) < 2:
        return spent
    one = [
        f"{cost.claim}: {plural(cost.cells, 'cell')}, {_spent(cost.seconds, cost.gpu_hours, None)}"
        for cost in costs.claims
    ]
    return [*spent, "each claim alone, the cheapest first (cells may serve several):", *(f"  {text}" for text in one)]


def _by_job(plan: Plan, looks: Mapping[str, Look]) -> list[str]:
    """One line a job: what is known of it, and its cells."""
    cells: dict[Look, list[Step]] = {}
    for step in plan.steps:
        if step.cell.key in looks:
            cells.setdefault(looks[step.cell.key], []).append(step)
    return [
        f"{look}: "
        + ", ".join(f"{step.cell} ({step.cell.key})" for step in steps[:_NAMED])
        + (f" and {len(steps) - _NAMED} more" if len(steps) > _NAMED else "")
        + (f"; its log is {look.log}" if look.log and not look.active else "")
        for look, steps in cells.items()
    ]


def _print_failures(plan: Plan, console: Console, *, failures: bool, session: Session) -> None:
    bad = [step for step in plan.steps if step.state.word in ("failed", "damaged")]
    if bad and not failures:
        text = f"{plural(len(bad), 'cell')} failed or damaged: {session.command('status')} tells why"
        console.print(Text(text, style="bold"))
    for step in bad if failures else ():
        replay = session.replay(step.cell.key)
        again = f"; '{replay}' takes that step again" if diverged(step.state.detail) else ""
        console.print(Text(f"{step.state.word}: {step.cell} ({step.cell.key}): {step.state.detail}{again}"))


def print_claims(claims: Iterable[Claim], console: Console) -> None:
    """Print every claim with its papers, its criteria, and where each is printed."""
    for claim in claims:
        console.print(Text(f"{claim.key}: {claim.sentence}", style="bold"))
        console.print(Text(f"{describe.papers(claim)}; {claim.where}", style="dim"))
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in ("criterion", "says", "claimed", "published"):
            table.add_column(column, overflow="fold")
        for criterion in claim.criteria:
            unit = criterion.quantity.unit
            printed = "\n".join(
                f"{describe.published_text(entry, unit)} ({entry.paper.key}, {entry.place})"
                for entry in criterion.published
            )
            cells = (criterion.key, criterion.sentence, criterion.region.describe(unit), printed or "-")
            table.add_row(*(Text(cell) for cell in cells))
        console.print(table)
