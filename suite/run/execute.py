"""Compute cells in this process: lock, resume, run the study, seal the result or keep the failure."""

from __future__ import annotations

import errno
import time
import traceback
from contextlib import ExitStack
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING

from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from suite.evidence.cell import Cell, Result
    from suite.evidence.store import Draft, Store
    from suite.studies.protocol import Arrays, Metrics

    Report = Callable[[str, float, str], None]


class Outcome(StrEnum):
    """How the computation of a cell ended."""

    DONE = "done"
    CACHED = "cached"
    BUSY = "busy"
    FAILED = "failed"
    KILLED = "killed"
    BLOCKED = "blocked"


class Workbench:
    """The :class:`suite.studies.protocol.Bench` of one cell in one store."""

    def __init__(self, store: Store, draft: Draft, device: str, report: Report) -> None:
        """Progress goes to ``report`` under the cell's key."""
        self._store = store
        self._draft = draft
        self._report = report
        self.device = device

    @property
    def cell(self) -> Cell:
        """What to compute."""
        return self._draft.cell

    @property
    def folder(self) -> Path:
        """Files put here become part of the cell."""
        return self._draft.folder

    @property
    def checkpoints(self) -> Path:
        """Files put here only serve to resume."""
        return self._draft.checkpoints

    def need(self, role: str) -> Result:
        """The finished result of one of the cell's needs."""
        return self._store.read(self.cell.needs[role])

    def report(self, fraction: float, text: str) -> None:
        """Pass progress on."""
        self._report(self.cell.key, fraction, text)


def _run(study: str, benches: list[Workbench]) -> dict[str, tuple[Arrays, Metrics] | Exception]:
    """Results by key. A study with ``run_block`` computes cells of one group together."""
    module = import_module(f"suite.studies.{study}")
    if hasattr(module, "run_block"):
        results: dict[str, tuple[Arrays, Metrics] | Exception] = module.run_block(benches)
        return results
    found: dict[str, tuple[Arrays, Metrics] | Exception] = {}
    for bench in benches:
        found[bench.cell.key] = module.run(bench)
    return found


def _explain_full_disk(error: OSError, store: Store) -> SuiteError:
    return SuiteError(
        f"the disk that holds {store.root} is full ({error.strerror}): free space and run the same command "
        "again; finished cells are kept and unfinished ones resume"
    )


def _compute(store: Store, cells: Sequence[Cell], device: str, report: Report) -> dict[str, Outcome]:
    """Run the study on cells whose locks are held and seal every result or failure; a full disk is raised."""
    started = time.monotonic()
    drafts = {cell.key: store.begin(cell) for cell in cells}
    benches = [Workbench(store, draft, device, report) for draft in drafts.values()]
    try:
        results = _run(cells[0].study, benches)
    except Exception as error:  # whatever a study raises is kept with its cells
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        results = dict.fromkeys(drafts, error)
    seconds = (time.monotonic() - started) / len(cells)
    outcomes: dict[str, Outcome] = {}
    for key, draft in drafts.items():
        result = results[key]
        if isinstance(result, Exception):
            draft.fail("".join(traceback.format_exception(result)), seconds=seconds, device=device)
            outcomes[key] = Outcome.FAILED
        else:
            draft.finish(*result, seconds=seconds, device=device)
            outcomes[key] = Outcome.DONE
    return outcomes


def execute(
    store: Store, cells: Sequence[Cell], *, device: str, report: Report, again: bool = False
) -> dict[str, Outcome]:
    """Compute cells of one study (one group, if it has several) and write them to the store.

    Args:
        store: where results go.
        cells: what to compute; their needs are finished.
        device: ``cpu`` or ``cuda``.
        report: called with key, fraction and a line for people.
        again: compute a cell that is done, too.

    Returns:
        the outcome by key; ``busy`` where another process computes the cell.

    Raises:
        SuiteError: the disk is full; nothing finished is lost.
    """
    outcomes: dict[str, Outcome] = {}
    with ExitStack() as locks:
        mine: list[Cell] = []
        for cell in cells:
            if not locks.enter_context(store.lock(cell.key)):
                outcomes[cell.key] = Outcome.BUSY
            elif not again and store.state(cell.key).word == "done":
                outcomes[cell.key] = Outcome.CACHED
            else:
                mine.append(cell)
        if not mine:
            return outcomes
        try:
            outcomes |= _compute(store, mine, device, report)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise _explain_full_disk(error, store) from error
            raise
    return outcomes
