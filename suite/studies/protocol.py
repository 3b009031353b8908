"""What a study is: what it is given to compute cells, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from suite.evidence.cell import Cell, Result

Arrays: TypeAlias = Mapping[str, np.ndarray[Any, Any] | np.generic]
Metrics: TypeAlias = list[dict[str, Any]]
Results: TypeAlias = Mapping[str, tuple[Arrays, Metrics] | Exception]
"""By cell key: what was computed, or the fault that ended this cell alone."""


class Bench(Protocol):
    """A study's workplace: the cell, the results it builds on, and where to put files."""

    @property
    def cell(self) -> Cell:
        """What to compute."""

    @property
    def device(self) -> str:
        """Where to compute it: ``cpu`` or ``cuda``."""

    @property
    def folder(self) -> Path:
        """Files put here become part of the cell."""

    @property
    def checkpoints(self) -> Path:
        """Files put here only serve to resume."""

    def need(self, role: str) -> Result:
        """The finished result of one of the cell's needs."""

    def report(self, fraction: float, text: str) -> None:
        """Tell the person who waits: share done in [0, 1] and a short line."""


class Study(Protocol):
    """A module that computes cells: one of ``suite.studies``, or any module by its dotted name.

    Attributes:
        TOGETHER: whether the cells of a group are computed by one call; else each is by a call of its own.
        DISTRIBUTED: whether all processes of a job compute a call together; else the first one does alone.
    """

    TOGETHER: bool
    DISTRIBUTED: bool

    def run_block(self, benches: Sequence[Bench], /) -> Results:
        """Compute cells; whatever it raises is the fault of all of them."""


def separately(run: Callable[[Bench], tuple[Arrays, Metrics]]) -> Callable[[Sequence[Bench]], Results]:
    """The ``run_block`` of a study that knows one cell at a time."""

    def run_block(benches: Sequence[Bench]) -> Results:
        return {bench.cell.key: run(bench) for bench in benches}

    return run_block
