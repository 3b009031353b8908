"""Compute in this process, one job after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.run.execute import execute

if TYPE_CHECKING:
    from suite.run.executors import Work
    from suite.run.progress import Progress
    from suite.run.queue import Queue


class Inline:
    """The :class:`suite.run.executors.Executor` that starts nothing."""

    def __init__(self, work: Work) -> None:
        """Nothing starts before :meth:`run`."""
        self._work = work

    def run(self, queue: Queue, progress: Progress) -> None:
        """Compute every job here."""
        work = self._work
        while (job := queue.next()) is not None:
            outcomes = execute(
                work.store,
                job.cells,
                device=work.device,
                report=progress.update,
                threads=work.threads,
                again=work.again,
            )
            for key, outcome in outcomes.items():
                queue.settle(key, outcome)
