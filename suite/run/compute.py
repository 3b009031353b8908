"""Compute some planned cells by their keys: what a job of a cluster and an exported line run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.run.execute import Outcome
from suite.run.executors import run
from suite.run.plan import Plan, Step, with_needs
from suite.run.planned import read

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from suite.evidence.cell import Cell
    from suite.evidence.store import Store
    from suite.run.executors import Executor
    from suite.run.progress import Progress

_HAD = (Outcome.DONE, Outcome.CACHED)
_TRIES = 4  # a look at a cell's lock holds it for an instant: a cell that is busy is tried again
_PAUSE = 1.0  # seconds


@dataclass(frozen=True)
class Blocked:
    """A cell that cannot be computed, and why in one line."""

    cell: Cell
    why: str


def choose(store: Store, keys: Collection[str]) -> tuple[Plan, list[Blocked]]:
    """Find planned cells by their keys.

    Args:
        store: where they were planned; says which needs are done.
        keys: what to compute.

    Returns:
        a plan of these cells, needs first, and those that lack a need.

    Raises:
        SuiteError: a key was not planned, or with other code or libraries.
    """
    ordered: dict[str, Cell] = {}
    for key in keys:
        with_needs(read(store.root, key), ordered)
    steps: dict[str, Step] = {}
    blocked: list[Blocked] = []
    for key in (key for key in ordered if key in keys):
        cell = ordered[key]
        lacking = [need for need in cell.needs.values() if need.key not in steps and not _done(store, need)]
        if lacking:
            need = lacking[0]
            blocked.append(Blocked(cell, f"it needs '{need}' ({need.key}), which is {store.state(need.key).word}"))
        else:
            steps[key] = Step(cell, store.state(key), run=True)
    return Plan(tuple(steps.values()), ()), blocked


def _done(store: Store, cell: Cell) -> bool:
    return store.state(cell.key).word == "done"


def compute(plan: Plan, executor: Executor, progress: Progress, *, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Compute the plan's cells; whether all of them are done.

    Args:
        plan: of the chosen cells.
        executor: this process.
        progress: told what happens.
        sleep: waits before a busy cell is tried again.
    """
    outcomes = run(plan, executor, progress)
    for _ in range(_TRIES - 1):
        if Outcome.BUSY not in outcomes.values():
            break
        sleep(_PAUSE)
        outcomes |= run(Plan(_to_try_again(plan, outcomes), ()), executor, progress)
    return all(outcome in _HAD for outcome in outcomes.values())


def _to_try_again(plan: Plan, outcomes: Mapping[str, Outcome]) -> tuple[Step, ...]:
    """Busy cells, and those that were blocked by nothing worse than busy ones."""
    again: dict[str, Step] = {}
    for step in plan.steps:
        outcome = outcomes[step.cell.key]
        needs = [need.key for need in step.cell.needs.values()]
        if outcome is Outcome.BUSY or (
            outcome is Outcome.BLOCKED and all(key in again or outcomes.get(key, Outcome.DONE) in _HAD for key in needs)
        ):
            again[step.cell.key] = step
    return tuple(again.values())
