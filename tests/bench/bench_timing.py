"""Ratios of times that a busy machine cannot bend much."""

from __future__ import annotations

import gc
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Task = Callable[[], object]


@dataclass(frozen=True)
class Seconds:
    """The least time a task took, on the clock and of the processor."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Row:
    """One line of the table; times in seconds, `limit` of the ratio None where none is asserted."""

    what: str
    ours: float
    reference: float
    ratio: float
    cpu_ratio: float
    threads: int
    limit: float | None = None

    def line(self, width: int) -> str:
        limit = "" if self.limit is None else f"{self.limit:.3g}"
        return (
            f"{self.what:{width}} {1e3 * self.ours:10.2f} {1e3 * self.reference:10.2f} {self.ratio:8.3f} "
            f"{limit:>8} {self.cpu_ratio:10.3f} {self.threads:8}"
        )


def take_turns(rounds: int, **makers: Callable[[], Task]) -> dict[str, Seconds]:
    """Time tasks one after the other, several times over, so that a busy moment hits all of them.

    Args:
        rounds: turns of each task, after one that does not count.
        makers: by name, what prepares a task; only the task itself is timed.

    Returns:
        the least time of each task by name.
    """
    wall: dict[str, list[float]] = {name: [] for name in makers}
    cpu: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(rounds + 1):
        for name, make in makers.items():
            task = make()
            gc.collect()
            gc.disable()
            began, began_cpu = time.perf_counter(), time.process_time()
            task()
            cpu[name].append(time.process_time() - began_cpu)
            wall[name].append(time.perf_counter() - began)
            gc.enable()
    return {name: Seconds(min(wall[name][1:]), min(cpu[name][1:])) for name in makers}


def always(task: Task) -> Callable[[], Task]:
    """A maker for a task that needs no preparation."""
    return lambda: task


def added(*parts: Seconds) -> Seconds:
    """The time of several tasks in a row."""
    return Seconds(sum(part.wall for part in parts), sum(part.cpu for part in parts))


class Ledger:
    """Takes ratios down."""

    def __init__(self, benchmark, rows: list[Row]) -> None:
        self._benchmark = benchmark
        self._rows = rows

    def show(self, task: Task) -> None:
        """Let pytest-benchmark time our side once, for its own table and its stored files."""
        self._benchmark.pedantic(task, rounds=1, iterations=1)

    def compare(
        self, what: str, ours: Seconds, reference: Seconds, *, threads: int, limit: float | None = None
    ) -> float:
        """Write down ours / reference; returns the ratio of wall times."""
        row = Row(
            what=what,
            ours=ours.wall,
            reference=reference.wall,
            ratio=ours.wall / reference.wall,
            cpu_ratio=ours.cpu / reference.cpu if reference.cpu else float("nan"),
            threads=threads,
            limit=limit,
        )
        self._rows.append(row)
        self._benchmark.extra_info[what] = asdict(row)
        return row.ratio
