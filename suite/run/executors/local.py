"""Compute in worker processes on this machine, which may die without taking anything with them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from suite.evidence.disk import Unwritable
from suite.evidence.store import Store
from suite.run import devices
from suite.run.execute import Outcome, execute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from suite.run.executors import Work
    from suite.run.progress import Progress
    from suite.run.queue import Job, Queue


def _end_with_parent() -> None:
    """End this process when its parent is gone, killed or not: nobody would take its answer."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _serve(connection: Connection, root: Path, device: str, threads: int, again: bool, gpu: str) -> None:
    """A worker's life: receive a job, compute it on its own GPU, answer; until it is ended."""
    devices.see_only(gpu)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    store = Store(root)

    def report(key: str, fraction: float, text: str) -> None:
        try:
            connection.send(("progress", key, fraction, text))
        except OSError:  # nobody listens any more: not a fault of the cell, which would be kept as failed
            os._exit(1)

    while True:
        try:
            job: Job = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = execute(store, job.cells, device=device, report=report, threads=threads, again=again)
            connection.send(("outcomes", answer))
        except Unwritable as error:
            connection.send(("stop", str(error)))


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started meanwhile ignore Ctrl-C from their first instruction on: it is the parent that ends them."""
    if threading.current_thread() is not threading.main_thread():  # only there can it be set
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Worker:
    """One process, its GPU, and the job it holds."""

    def __init__(self, work: Work, gpu: str = "") -> None:
        self.gpu = gpu
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_serve, args=(theirs, work.store.root, work.device, work.threads, work.again, gpu), daemon=True
        )
        with _deaf_to_interrupts():
            self.process.start()
        theirs.close()
        self.job: Job | None = None

    def give(self, job: Job) -> None:
        """Hand over a job; if the process died meanwhile, the next message tells."""
        self.job = job
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(job)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class Local:
    """The :class:`suite.run.executors.Executor` of several processes on this machine, which share out its GPUs."""

    def __init__(self, work: Work, workers: int) -> None:
        """Nothing starts before :meth:`run`, and never more processes than jobs."""
        self._work = work
        self._count = workers

    def run(self, queue: Queue, progress: Progress) -> None:
        """Compute every job in some worker; a job whose worker died is lost, and no other."""
        if queue.waiting:
            most = sum(job.most for job in queue.waiting) if devices.several(self._work.device) else len(queue.waiting)
            _Pool(queue, self._work, progress).run(min(self._count, most))


class _Pool:
    """Several workers and the queue they empty."""

    def __init__(self, queue: Queue, work: Work, progress: Progress) -> None:
        self._queue = queue
        self._work = work
        self._progress = progress
        self._workers: list[_Worker] = []

    def _start(self, gpu: str) -> _Worker:
        return _Worker(self._work, gpu)

    def run(self, count: int) -> None:
        try:
            for gpu in devices.dealt(count, self._work.device):
                self._workers.append(self._start(gpu))
            while self._give():
                waited_for = {worker.connection: worker for worker in self._workers if worker.job is not None}
                for connection in wait(list(waited_for), timeout=1.0):
                    assert isinstance(connection, Connection)
                    self._listen(waited_for[connection])
                self._progress.tick()
        finally:
            for worker in self._workers:
                worker.end()

    def _give(self) -> bool:
        """Hand out what may start, to a fresh worker where one died; whether anybody has anything to do."""
        idle = {worker.gpu for worker in self._workers if worker.job is None and worker.gpu}
        if len(idle) > 1:  # a block's students go to several GPUs before one of them stands idle
            self._queue.deal(len(idle))
        for place, worker in enumerate(self._workers):
            if worker.job is None and (job := self._queue.next()) is not None:
                if not worker.process.is_alive():
                    worker.end()
                    self._workers[place] = self._start(worker.gpu)
                self._workers[place].give(job)
        return any(worker.job is not None for worker in self._workers)

    def _listen(self, worker: _Worker) -> None:
        try:
            kind, *content = worker.connection.recv()
        except (EOFError, OSError):
            self._bury(worker)
            return
        if kind == "progress":
            self._progress.update(*content)
        elif kind == "stop":
            raise Unwritable(*content)
        else:
            worker.job = None
            for key, outcome in content[0].items():
                self._queue.settle(key, outcome)

    def _bury(self, worker: _Worker) -> None:
        """A worker that died loses what it was computing, never a finished cell."""
        worker.process.join()
        assert worker.job is not None
        for cell in worker.job.cells:
            if self._work.store.state(cell.key).word == "done":
                self._queue.settle(cell.key, Outcome.DONE)
                continue
            self._progress.say(f"lost: {cell}: its process {_ended(worker.process.exitcode)}; run again to resume it")
            self._queue.settle(cell.key, Outcome.KILLED)
        worker.job = None


def _ended(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None or code >= 0:
        return f"ended with code {code}"
    name = signal.Signals(-code).name
    return f"was killed by {name}" + (" (often for want of memory: try fewer --workers)" if name == "SIGKILL" else "")
