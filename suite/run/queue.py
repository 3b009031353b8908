"""Which jobs may start, and what became of every cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.errors import SuiteError
from suite.run.execute import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from suite.evidence.cell import Cell
    from suite.run.plan import Plan
    from suite.run.progress import Progress

_HAD = (Outcome.DONE, Outcome.CACHED)
# Studies whose groups may be computed in parts: each part asks the teachers anew, which costs little beside a GPU that
# stands idle. The probes of one network share a single pass, which parts would repeat.
_DEALT = ("train",)


@dataclass(frozen=True)
class Job:
    """Cells computed together: one cell, or the cells of one group."""

    cells: tuple[Cell, ...]

    @property
    def needs(self) -> set[str]:
        """Keys that must be done before."""
        return {need.key for cell in self.cells for need in cell.needs.values()}

    @property
    def weight(self) -> float:
        """Relative cost."""
        return sum(cell.weight for cell in self.cells)

    @property
    def most(self) -> int:
        """Into how many jobs it could be cut."""
        return len(self.cells) if self.cells[0].study in _DEALT else 1


def jobs_of(plan: Plan) -> list[Job]:
    """The cells to run, in the plan's order; cells of one study and group make one job."""
    return _grouped(step.cell for step in plan.to_run)


def dealt(jobs: Sequence[Job], count: int) -> list[Job]:
    """As many jobs as there are workers: students of a block, who do not depend on their company, go apart.

    Args:
        jobs: that may start.
        count: workers that wait.

    Returns:
        the same cells in ``count`` jobs, or in as many as they can be cut into; parts of like weight.
    """
    parts = [1] * len(jobs)
    while sum(parts) < count:
        able = [number for number, job in enumerate(jobs) if parts[number] < job.most]
        if not able:
            break
        parts[max(able, key=lambda number: jobs[number].weight / parts[number])] += 1
    return [part for job, number in zip(jobs, parts, strict=True) for part in _cut(job, number)]


def _cut(job: Job, number: int) -> list[Job]:
    """Parts of like weight: the heaviest cell first, each to the part that has least."""
    shares: list[list[Cell]] = [[] for _ in range(number)]
    for cell in sorted(job.cells, key=lambda cell: -cell.weight):
        min(shares, key=lambda share: sum(one.weight for one in share)).append(cell)
    return [Job(tuple(cell for cell in job.cells if cell in share)) for share in shares]


def _grouped(cells: Iterable[Cell]) -> list[Job]:
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.study, cell.group or cell.key), []).append(cell)
    return [Job(tuple(together)) for together in groups.values()]


class Queue:
    """The jobs of a plan that are still to start, and the outcome of every cell that ended."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        """Nothing has started; ``progress`` is told of every cell that ends."""
        self.outcomes: dict[str, Outcome] = {}
        self.waiting = jobs_of(plan)
        self._pending = {cell.key for job in self.waiting for cell in job.cells}
        self._progress = progress

    def next(self) -> Job | None:
        """The first job whose needs all ended."""
        for job in self.waiting:
            if not self.pending(job):
                self.waiting.remove(job)
                for cell in job.cells:
                    self._progress.start(cell.key)
                return job
        return None

    def deal(self, count: int) -> None:
        """Cut jobs that may start, where fewer of them wait than ``count`` workers."""
        ready = [job for job in self.waiting if not self.pending(job)]
        if 0 < len(ready) < count:
            others = [job for job in self.waiting if job not in ready]
            self.waiting = dealt(ready, count) + others

    def take(self, cells: Iterable[Cell]) -> None:
        """These cells are in somebody's hands: they wait no longer, and whoever took them settles them."""
        taken = {cell.key for cell in cells}
        left = (Job(tuple(cell for cell in job.cells if cell.key not in taken)) for job in self.waiting)
        self.waiting = [job for job in left if job.cells]

    def put_back(self, cells: Iterable[Cell]) -> None:
        """These cells were taken, and are in nobody's hands any more: they wait again."""
        self.waiting += _grouped(cells)

    def pending(self, job: Job) -> set[str]:
        """Keys of the job's needs that have not ended."""
        return job.needs & self._pending

    def lacks(self, cell: Cell) -> bool:
        """Whether a need of the cell ended and could not be had."""
        ended = (self.outcomes.get(need.key, Outcome.DONE) for need in cell.needs.values())
        return any(outcome not in _HAD for outcome in ended)

    def settle(self, key: str, outcome: Outcome) -> None:
        """A cell ended; what cannot be had any more takes those that need it with it, and nobody else."""
        self.outcomes[key] = outcome
        self._pending.discard(key)
        self._progress.done(key, outcome)
        if outcome in _HAD:
            return
        blocked = [cell for job in self.waiting for cell in job.cells if _needs(cell, key)]
        self.waiting = [job for job in map(_without(key), self.waiting) if job.cells]
        for cell in blocked:
            self.settle(cell.key, Outcome.BLOCKED)

    def require_empty(self) -> None:
        """Check that nothing waits when nothing runs.

        Raises:
            SuiteError: cells wait for one another.
        """
        if self.waiting:
            names = ", ".join(str(cell) for job in self.waiting for cell in job.cells)
            raise SuiteError(f"these cells wait for one another, so none was computed: {names}; mend their groups")


def _needs(cell: Cell, key: str) -> bool:
    return any(need.key == key for need in cell.needs.values())


def _without(key: str) -> Callable[[Job], Job]:
    return lambda job: Job(tuple(cell for cell in job.cells if not _needs(cell, key)))
