"""Which cells the claims need, what is on disk already, what it will cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from suite.errors import Unavailable, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from suite.claim import Claim, Criterion, Reading
    from suite.evidence.cell import Cell
    from suite.evidence.store import Cells, State
    from suite.profile import Profile


class CachePolicy(StrEnum):
    """Which cells to compute."""

    ONLY_MISSING = "only-missing"
    ALWAYS = "always"
    NEVER = "never"


@dataclass
class Step:
    """One cell of a plan: its state on disk and the criteria it feeds."""

    cell: Cell
    state: State
    feeds: set[str] = field(default_factory=set)
    run: bool = False


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which every cell comes after its needs."""

    steps: tuple[Step, ...]
    impossible: tuple[tuple[str, str], ...]

    @property
    def to_run(self) -> list[Step]:
        """The steps whose cells will be computed."""
        return [step for step in self.steps if step.run]

    def on(self, device: str) -> Plan:
        """The steps of one kind of device."""
        return Plan(tuple(step for step in self.steps if step.cell.device == device), ())


def readings(criterion: Criterion) -> Iterator[Reading]:
    """The evidence of a criterion and of its controls."""
    yield criterion.evidence
    for control in criterion.controls:
        yield control.evidence


def asked(claims: Iterable[Claim], profile: Profile) -> Iterator[tuple[str, Reading]]:
    """Every reading that the profile asks for, under the name of its criterion."""
    for claim in claims:
        for criterion in claim.asked_at(profile):
            yield from ((f"{claim.key}.{criterion.key}", reading) for reading in readings(criterion))


def with_needs(cell: Cell, ordered: dict[str, Cell]) -> None:
    """Add a cell by its key, after everything that it needs."""
    for need in cell.needs.values():
        with_needs(need, ordered)
    ordered.setdefault(cell.key, cell)


def cells_of(reading: Reading, profile: Profile) -> list[Cell]:
    """Every cell a reading needs, needs first.

    Raises:
        Unavailable: the profile cannot supply one of them.
        SuiteError: the profile or the claim is at fault.
    """
    ordered: dict[str, Cell] = {}
    for cell in reading.cells(profile):
        with_needs(cell, ordered)
    return list(ordered.values())


def plan(
    claims: Iterable[Claim], profile: Profile, store: Cells, *, cache: CachePolicy = CachePolicy.ONLY_MISSING
) -> Plan:
    """Collect the cells of all criteria, shared cells once, and decide which of them to compute.

    A failed or damaged cell counts as missing; it is kept aside when it is computed again. Evidence that the
    profile cannot supply, or whose description is at fault, is named with the reason and keeps nothing else back.
    """
    steps: dict[str, Step] = {}
    impossible: list[tuple[str, str]] = []
    for name, reading in asked(claims, profile):
        try:
            cells = cells_of(reading, profile)
        except Unavailable as reason:
            impossible.append((name, str(reason)))
            continue
        except Exception as fault:  # noqa: BLE001 - of a claim or a profile: its verdict will be "error"
            impossible.append((name, one_line(fault)))
            continue
        for cell in cells:
            if cell.key not in steps:
                steps[cell.key] = Step(cell, store.state(cell))
            steps[cell.key].feeds.add(name)
    for step in steps.values():
        missing = step.state.word != "done"
        step.run = cache is CachePolicy.ALWAYS or (cache is CachePolicy.ONLY_MISSING and missing)
    for step in reversed(steps.values()):  # what is lent has no weights, so no cell can be computed from it
        if step.run:
            for need in step.cell.needs.values():
                steps[need.key].run |= bool(steps[need.key].state.origin)
    return Plan(tuple(steps.values()), tuple(dict.fromkeys(impossible)))


def measured_costs(steps: Iterable[Step]) -> dict[str, tuple[float, float]]:
    """Seconds and weights of the finished cells among the steps, summed by study."""
    found: dict[str, tuple[float, float]] = {}
    for step in steps:
        if step.state.word == "done":
            seconds, weights = found.get(step.cell.study, (0.0, 0.0))
            found[step.cell.study] = (seconds + step.state.seconds, weights + step.cell.weight)
    return found
