"""Compute cells in this process: lock, resume, run the study, seal the result or keep the failure.

Where several processes were started together (torchrun), all of them call :func:`execute` with the same cells. The
first one alone holds locks, drafts and seals, and says which cells are computed; the others compute with it, if the
study can use them, and otherwise wait.
"""

from __future__ import annotations

import shlex
import sys
import time
import traceback
from contextlib import ExitStack
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar, cast

from suite.errors import LostProcess, Stopped, SuiteError, Unobtainable, one_line
from suite.evidence import memory
from suite.evidence.disk import Unwritable, full, is_full
from suite.evidence.store import diverged
from suite.run.keepsake import keep
from suite.together import started_together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from suite.evidence.cell import Cell, Result
    from suite.evidence.draft import Draft
    from suite.evidence.store import Store
    from suite.studies.protocol import Bench, Study
    from suite.train.distributed import Processes

    Report = Callable[[str, float, str], None]

B = TypeVar("B", bound="Bench")


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
        """Progress goes to the cell's log, and to ``report`` under the cell's key."""
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
        self._draft.log(text)
        self._report(self.cell.key, fraction, text)

    def settle(self, result: Any, *, seconds: float, together: int = 1) -> Outcome:
        """Seal what a study returned for one of the cells of a call: arrays and metrics, or a fault, kept as one.

        Raises:
            Unwritable: the disk is full or not ours to write to.
        """
        self._draft.together = together
        fault = result if isinstance(result, Exception) else self._finish(result, seconds)
        if fault is None:
            return Outcome.DONE
        if isinstance(fault, Unwritable):
            raise fault
        if is_full(fault, self._store.root):
            raise full(self._store.root) from fault
        text = "".join(traceback.format_exception(fault))
        lacking = isinstance(fault, Unobtainable)
        if diverged(one_line(fault)):
            self._keep_what_replays_it(one_line(fault))
        self._draft.fail(text, reason=one_line(fault), seconds=seconds, device=self.device, lacking=lacking)
        return Outcome.FAILED

    def _keep_what_replays_it(self, reason: str) -> None:
        if keep(self.folder, self.checkpoints, reason=reason, seed=self.cell.seed) is not None:
            replay = shlex.join(("python", "-m", "suite", "replay", self.cell.key, "--evidence", str(self._store.root)))
            self.report(0.0, f"'{replay}' takes its last step again and looks at it")

    def stop(self, reason: Stopped) -> Outcome:
        """Leave the cell unfinished, with its checkpoints."""
        self.report(0.0, f"stopped: {one_line(reason)}")
        return Outcome.KILLED

    def _finish(self, result: Any, seconds: float) -> Exception | None:
        """Write results; what makes them none, if they are none."""
        if not isinstance(result, tuple) or len(result) != len(("arrays", "metrics")):
            return SuiteError(f"the study returned {type(result).__name__}, not a pair of arrays and metrics")
        try:
            self._draft.finish(*result, seconds=seconds, device=self.device)
        except Exception as fault:  # noqa: BLE001 - no result: a fault of the cell like any other
            return fault
        return None


class Helper:
    """The :class:`suite.studies.protocol.Bench` of one cell in a process that computes with the first one."""

    def __init__(self, store: Store, cell: Cell, device: str, folder: Path) -> None:
        """What is put in ``folder`` serves this process alone and is removed."""
        self.cell, self.device = cell, device
        self.folder = self.checkpoints = folder
        self._store = store

    def need(self, role: str) -> Result:
        """The finished result of one of the cell's needs."""
        return self._store.read(self.cell.needs[role])

    def report(self, fraction: float, text: str) -> None:
        """The first process tells."""


def _study(name: str) -> Study:
    """The module of a study: one of ours, or any module by its dotted name."""
    module = import_module(name if "." in name else f"suite.studies.{name}")
    missing = [part for part in ("TOGETHER", "DISTRIBUTED", "run_block") if not hasattr(module, part)]
    if missing:
        raise SuiteError(f"{module.__name__} is no study: it lacks {', '.join(missing)}")
    return cast("Study", module)


def _calls(study: Study, benches: Sequence[B]) -> list[Sequence[B]]:
    """The cells of one call each."""
    return [benches] if study.TOGETHER else [[bench] for bench in benches]


def _limit_threads(threads: int) -> None:
    """Results must not depend on how many workers there are, and sums depend on the number of threads."""
    torch = sys.modules.get("torch")  # a study imports it at the top, or does without
    if torch is not None:
        torch.set_num_threads(threads)


def _run(study: Study, benches: Sequence[Bench]) -> dict[str, Any]:
    """What a study returns for cells computed together, by key; whatever it raises is each cell's fault."""
    try:
        found = study.run_block(benches)
        return {
            bench.cell.key: found.get(bench.cell.key, SuiteError("the study returned nothing for this cell"))
            for bench in benches
        }
    except Stopped:  # no fault of the cells, which resume
        raise
    except Exception as fault:  # noqa: BLE001 - kept with its cells
        return {bench.cell.key: fault for bench in benches}


def _together(study: Study, benches: Sequence[Bench], group: Processes | None) -> dict[str, Any]:
    """What a study returns, once all processes are through with it.

    Raises:
        LostProcess: another process is gone, or one failed where the others did not.
    """
    if group is None:
        return _run(study, benches)
    shared = study.DISTRIBUTED
    results = _run(study, benches) if shared or group.leader else {}
    from suite.train.distributed import GRACE  # noqa: PLC0415 - torch, which is loaded by now

    failed = bool(results) and all(isinstance(result, Exception) for result in results.values())
    said = one_line(next(iter(results.values()))) if failed else ""
    topic = "/".join(bench.cell.key for bench in benches)
    told = group.agree(topic, said, wait=GRACE if failed else None)
    if shared and any(told) and not all(told):
        raise LostProcess(f"one process failed alone: {next(filter(None, told))}; start the job again to resume")
    return results


def _compute(
    store: Store, cells: Sequence[Cell], device: str, threads: int, report: Report, group: Processes | None
) -> dict[str, Outcome]:
    """Run the study on cells whose locks are held and seal every result or failure."""
    benches = [Workbench(store, store.begin(cell), device, report) for cell in cells]
    try:
        study = _study(cells[0].study)
        _limit_threads(threads)
    except Exception as fault:  # noqa: BLE001 - a study that cannot be loaded is a fault of its cells
        return {bench.cell.key: bench.settle(fault, seconds=0.0) for bench in benches}
    outcomes: dict[str, Outcome] = {}
    for together in _calls(study, benches):
        started = time.monotonic()
        memory.begin()
        try:
            results = _together(study, together, group)
        except Stopped as reason:
            if group is not None:  # the other processes cannot go on to something else
                raise
            outcomes |= {bench.cell.key: bench.stop(reason) for bench in together}
            continue
        seconds = (time.monotonic() - started) / len(together)
        for bench in together:
            outcomes[bench.cell.key] = bench.settle(results[bench.cell.key], seconds=seconds, together=len(together))
    return outcomes


def execute(
    store: Store,
    cells: Sequence[Cell],
    *,
    device: str,
    report: Report,
    threads: int = 1,
    again: bool = False,
) -> dict[str, Outcome]:
    """Compute cells of one study (one group, if it has several) and write them to the store.

    Args:
        store: where results go.
        cells: what to compute; their needs are finished.
        device: ``cpu`` or ``cuda``.
        report: called with key, fraction and a line for people.
        threads: torch's threads, if the study uses torch.
        again: compute a cell that is done, too.

    Returns:
        the outcome by key; ``busy`` where another process computes the cell.

    Raises:
        Unwritable: the disk is full or not ours to write to; nothing finished is lost.
        LostProcess: another process of the job is gone; what is unfinished resumes.
    """
    group = _group()
    if group is not None and not group.leader:
        return _help(store, cells, device, threads, group)
    outcomes: dict[str, Outcome] = {}
    with ExitStack() as locks:
        mine: list[Cell] = []
        for cell in cells:
            if not locks.enter_context(store.lock(cell.key)):
                outcomes[cell.key] = Outcome.BUSY
                continue
            store.recover(cell.key)
            if not again and store.state(cell.key).word == "done":
                outcomes[cell.key] = Outcome.CACHED
            else:
                mine.append(cell)
        if group is not None:
            group.from_leader([cell.key for cell in mine])
        if mine:
            outcomes |= _compute(store, mine, device, threads, report, group)
        if group is not None:
            group.from_leader(outcomes)
    return outcomes


def _group() -> Processes | None:
    """The processes started together with this one; None, and nothing is imported, if it is alone."""
    if not started_together():
        return None
    from suite.train.distributed import processes  # noqa: PLC0415 - torch, not needed to compute a study without it

    return processes()


def _help(store: Store, cells: Sequence[Cell], device: str, threads: int, group: Processes) -> dict[str, Outcome]:
    """Compute what the first process says; its outcomes."""
    keys = group.from_leader()
    chosen = [next(cell for cell in cells if cell.key == key) for key in keys]
    if chosen:
        study = _study(chosen[0].study)
        _limit_threads(threads)
        with TemporaryDirectory() as folder:
            helpers: list[Bench] = [Helper(store, cell, device, Path(folder)) for cell in chosen]
            for together in _calls(study, helpers):
                _together(study, together, group)
    outcomes: dict[str, Outcome] = group.from_leader()
    return outcomes
