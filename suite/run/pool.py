"""Run a plan: in this process, or in worker processes that may die without taking anything with them."""

from __future__ import annotations

import multiprocessing
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from suite.errors import SuiteError
from suite.evidence.store import Store
from suite.run.execute import Outcome, execute

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from suite.evidence.cell import Cell
    from suite.run.plan import Plan
    from suite.run.progress import Progress


@dataclass(frozen=True)
class Job:
    """Cells computed together: one cell, or the cells of one group."""

    cells: tuple[Cell, ...]

    @property
    def needs(self) -> set[str]:
        """Keys that must be done before."""
        return {need.key for cell in self.cells for need in cell.needs.values()}


def jobs_of(plan: Plan) -> list[Job]:
    """The cells to run, cells of one group in one job; longest waits first is left to the order of the plan."""
    groups: dict[str, list[Cell]] = {}
    for step in plan.to_run:
        groups.setdefault(step.cell.group or step.cell.key, []).append(step.cell)
    return [Job(tuple(cells)) for cells in groups.values()]


def _limit_threads(threads: int) -> None:
    """Results must not depend on how many workers there are, and sums depend on the number of threads."""
    import torch  # noqa: PLC0415 - only where cells are computed

    torch.set_num_threads(threads)


def _serve(connection: Connection, root: Path, device: str, threads: int, again: bool) -> None:
    """A worker's life: receive a job, compute it, answer; until the connection closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its workers
    _limit_threads(threads)
    store = Store(root)
    while True:
        try:
            job: Job | None = connection.recv()
        except EOFError:
            return
        if job is None:
            return
        try:
            outcomes = execute(
                store,
                job.cells,
                device=device,
                report=lambda key, fraction, text: connection.send(("progress", key, fraction, text)),
                again=again,
            )
            connection.send(("outcomes", outcomes))
        except SuiteError as error:
            connection.send(("stop", str(error)))


class _Worker:
    """One process and the job it holds."""

    def __init__(self, store: Store, device: str, threads: int, again: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_serve, args=(theirs, store.root, device, threads, again), daemon=True
        )
        self.process.start()
        theirs.close()
        self.job: Job | None = None

    def give(self, job: Job) -> None:
        self.job = job
        self.connection.send(job)

    def end(self) -> None:
        self.process.terminate()
        self.process.join()
        self.connection.close()


class _Queue:
    """Which jobs may start, and what became of every cell."""

    def __init__(self, plan: Plan) -> None:
        self.waiting = jobs_of(plan)
        self.outcomes: dict[str, Outcome] = {}
        self._pending = {cell.key for job in self.waiting for cell in job.cells}

    def settle(self, key: str, outcome: Outcome, progress: Progress) -> None:
        self.outcomes[key] = outcome
        self._pending.discard(key)
        progress.done(key, outcome)

    def block(self, progress: Progress) -> None:
        """Settle the jobs whose needs cannot be had any more; their own dependants follow."""
        bad = (Outcome.FAILED, Outcome.KILLED, Outcome.BLOCKED, Outcome.BUSY)
        blocked = [job for job in self.waiting if any(self.outcomes.get(key) in bad for key in job.needs)]
        while blocked:
            for job in blocked:
                self.waiting.remove(job)
                for cell in job.cells:
                    self.settle(cell.key, Outcome.BLOCKED, progress)
            blocked = [job for job in self.waiting if any(self.outcomes.get(key) in bad for key in job.needs)]

    def next(self) -> Job | None:
        """The first job whose needs are all done."""
        for job in self.waiting:
            if not job.needs & self._pending:
                self.waiting.remove(job)
                return job
        return None


def run(
    plan: Plan,
    store: Store,
    *,
    device: str,
    workers: int,
    threads: int,
    progress: Progress,
    again: bool = False,
) -> dict[str, Outcome]:
    """Compute the plan's missing cells; Ctrl-C keeps everything that is finished.

    Args:
        plan: what to compute.
        store: where results go.
        device: ``cpu`` or ``cuda``.
        workers: processes; 1 computes in this process.
        threads: torch's threads in each of them.
        progress: told what runs and how far it is.
        again: compute cells that are done, too.

    Returns:
        the outcome of every cell of the plan that was to run.

    Raises:
        SuiteError: the disk is full.
    """
    queue = _Queue(plan)
    if not queue.waiting:
        return {}
    if workers == 1:
        _limit_threads(threads)
        return _inline(queue, store, device, progress, again)
    return _pool(queue, store, device, min(workers, len(queue.waiting)), threads, progress, again)


def _inline(queue: _Queue, store: Store, device: str, progress: Progress, again: bool) -> dict[str, Outcome]:
    while (job := queue.next()) is not None:
        for cell in job.cells:
            progress.start(cell.key)
        outcomes = execute(store, job.cells, device=device, report=progress.update, again=again)
        for key, outcome in outcomes.items():
            queue.settle(key, outcome, progress)
        queue.block(progress)
    return queue.outcomes


def _pool(
    queue: _Queue, store: Store, device: str, count: int, threads: int, progress: Progress, again: bool
) -> dict[str, Outcome]:
    workers = [_Worker(store, device, threads, again) for _ in range(count)]
    try:
        while True:
            for worker in workers:
                if worker.job is None and (job := queue.next()) is not None:
                    for cell in job.cells:
                        progress.start(cell.key)
                    worker.give(job)
            busy = [worker for worker in workers if worker.job is not None]
            if not busy:
                return queue.outcomes
            ready = wait([worker.connection for worker in busy], timeout=1.0)
            progress.tick()
            for worker in busy:
                if worker.connection in ready:
                    _listen(worker, queue, progress)
                    if not worker.process.is_alive() and worker.job is None:
                        worker.end()
                        workers[workers.index(worker)] = _Worker(store, device, threads, again)
            queue.block(progress)
    finally:
        for worker in workers:
            worker.end()


def _listen(worker: _Worker, queue: _Queue, progress: Progress) -> None:
    """Take one message; a worker that died (killed, out of memory) loses its job, never a finished cell."""
    assert worker.job is not None
    try:
        message = worker.connection.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join()
        for cell in worker.job.cells:
            progress.say(
                f"the process that computed '{cell}' ended with code {worker.process.exitcode} "
                "(-9 is a kill, often for want of memory); it resumes when run again"
            )
            queue.settle(cell.key, Outcome.KILLED, progress)
        worker.job = None
        return
    if message[0] == "progress":
        progress.update(*message[1:])
    elif message[0] == "stop":
        raise SuiteError(message[1])
    else:
        worker.job = None
        for key, outcome in message[1].items():
            queue.settle(key, outcome, progress)
