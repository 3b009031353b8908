"""Who computes a plan's cells: this process, worker processes, a SLURM cluster; or a shell, from exported lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from suite.run.queue import Queue, jobs_of

if TYPE_CHECKING:
    from suite.evidence.store import Store
    from suite.run.execute import Outcome
    from suite.run.plan import Plan
    from suite.run.progress import Progress


@dataclass(frozen=True)
class Work:
    """What every executor must know to compute a cell.

    Attributes:
        store: where results go.
        device: ``cpu`` or ``cuda``.
        threads: torch's threads a process.
        again: compute cells that are done, too.
    """

    store: Store
    device: str
    threads: int = 1
    again: bool = False


class Executor(Protocol):
    """Computes the jobs of a queue, somewhere."""

    def run(self, queue: Queue, progress: Progress) -> None:
        """Take every job from the queue once its needs allow, and settle each of its cells.

        A failed cell is settled as failed and ends nothing else. Ctrl-C loses nothing that is finished.
        """


def run(plan: Plan, executor: Executor, progress: Progress) -> dict[str, Outcome]:
    """Compute the plan's missing cells.

    Args:
        plan: what to compute.
        executor: who computes it.
        progress: told what runs and how far it is.

    Returns:
        the outcome of every cell of the plan that was to run.

    Raises:
        Unwritable: the disk is full or not ours to write to; what is finished is kept.
        SuiteError: cells of the plan wait for one another.
    """
    queue = Queue(plan, progress)
    executor.run(queue, progress)
    queue.require_empty()
    return queue.outcomes


def here(work: Work, plan: Plan, workers: int) -> Executor:
    """This process if one worker is asked for or one job is left that several GPUs cannot share, else worker processes.

    Args:
        work: what to compute with.
        plan: what to compute.
        workers: processes, at least 1.
    """
    from suite.run import devices  # noqa: PLC0415
    from suite.run.executors.inline import Inline  # noqa: PLC0415 - they import this module
    from suite.run.executors.local import Local  # noqa: PLC0415

    jobs = jobs_of(plan)
    most = sum(job.most for job in jobs) if workers > 1 and devices.several(work.device) else len(jobs)
    return Inline(work) if min(workers, most) <= 1 else Local(work, workers)
