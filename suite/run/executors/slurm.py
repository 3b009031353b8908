"""Compute in jobs of a SLURM cluster, submitted through submitit.

Every job is submitted at once, with ``afterany`` dependencies on the jobs of its needs, so that nothing waits for
this process: it may end, and the cluster goes on to the last stage. ``afterok`` would leave a job in the queue for
ever once a need failed, and with it those cells of its block whose needs are there; after ``afterany`` the job itself
sees what is missing, computes the rest and says what is blocked.

submitit's executor of local processes has no dependencies: there a job is submitted once its needs have ended.
"""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError, one_line
from suite.run.execute import Outcome
from suite.run.executors.launch import elastic, standalone
from suite.run.jobs import SUBMITTED, Ledger, Look, entry
from suite.run.resources import Resources, resources
from suite.run.scheduler import CLUSTERS, LOCAL, SLURM

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from suite.evidence.cell import Cell
    from suite.profile import Profile
    from suite.run.executors import Work
    from suite.run.executors.launch import Launch
    from suite.run.jobs import Entry
    from suite.run.memory import Line
    from suite.run.progress import Progress
    from suite.run.queue import Job, Queue

EXTRA = "slurm"
CLUSTER = "cluster"
_TIMEOUTS = "slurm_max_num_timeout"  # the one parameter that submitit takes when it is made
_OFTEN = 100  # times that a job may run out of time and be requeued: a training of weeks does so every day
_EXTRA, _SRUN = "slurm_additional_parameters", "slurm_srun_args"  # of submitit; to what is given, ours is added
_FASTEST, _SLOWEST, _SLOWDOWN = 1.0, 30.0, 1.5  # seconds between looks at the queue, and how they grow
_SOON = 0.05  # seconds
_GRACE = 15.0  # seconds that torchrun is given to end its workers
_PORTS = range(20_000, 30_000)
_HEEDS = ("--signals-to-handle", "SIGHUP")  # torchrun must not take SLURM's SIGTERM, a mere announcement, for its end
_KEPT = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT")  # how SLURM is reached; the rest is of the job around us
_TOO_MANY = re.compile(r"(Max|Grp)Submit\w*|MaxJobCount")
_PERHAPS_TOO_MANY = re.compile(r"job submit limit")  # stands for other limits of a policy as well
_NO_MEMORY = re.compile(r"[Mm]emory specification")
_STUCK = {  # SLURM's reasons for which a job waits until somebody does something, and what
    "PartitionTimeLimit": "it asks for more time than its partition gives: --slurm timeout_min=MINUTES",
    "PartitionNodeLimit": "it asks for more nodes than its partition gives: nodes in [compute]",
    "PartitionConfig": "its partition cannot give what it asks for: --slurm partition=NAME, or processes in [compute]",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition is inactive",
    "BadConstraints": "no node has what it asks for: look at --slurm and at [compute.slurm]",
    "DependencyNeverSatisfied": "a job that it must follow failed: scancel it, and run again",
    "JobHeldUser": "somebody holds it: scontrol release JOB",
    "JobHeldAdmin": "an administrator holds it",
    "launch failed requeued held": "a node could not start it, and SLURM holds it: scontrol release JOB",
    "job requeued in held state": "it was requeued to be held: scontrol release JOB",
    "JobHoldMaxRequeue": "it was requeued too often, and SLURM holds it: scontrol release JOB",
    "AccountNotAllowed": "its account may not use the partition: --slurm slurm_account=NAME",
    "QOSNotAllowed": "its quality of service may not use the partition: --slurm slurm_qos=NAME",
}


class Remote:
    """What a job runs: the command that computes its cells. submitit requeues it after a time-out or preemption.

    The computing process is no part of this one, so that whatever ends it, this one can say so and requeue. Cells
    that were left unfinished go on from their checkpoints.
    """

    def __init__(self, module: Sequence[str], asked: Resources) -> None:
        """``module`` is what follows ``python``; it is pickled, so it holds nothing but data."""
        self.module = list(module)
        self.asked = replace(asked, parameters={})
        self._child: subprocess.Popen[bytes] | None = None

    def __call__(self) -> None:
        """Compute, and wait for it.

        Raises:
            RuntimeError: not every cell is done; the job counts as failed.
        """
        with subprocess.Popen(self._command(), preexec_fn=_deaf) as self._child:  # noqa: PLW1509 - one thread
            code = self._child.wait()
        if code:
            raise RuntimeError(f"not every cell was computed (exit status {code}): the lines above tell why")

    def _command(self) -> list[str]:
        if self.asked.world == 1:
            return [sys.executable, *self.module]
        torchrun = [sys.executable, "-m", "torch.distributed.run", *_HEEDS]
        if self.asked.nodes == 1:
            return [*torchrun, *standalone(self.asked), *self.module]
        job = _submitit().JobEnvironment()
        port = _PORTS[int(job.raw_job_id) % len(_PORTS)]  # jobs may share a node, but no number
        meet = ["--rdzv-endpoint", f"{job.hostnames[0]}:{port}"]
        return [*torchrun, *elastic(self.asked, job.job_id), *meet, *self.module]

    def checkpoint(self) -> Any:
        """Submitit asks for this when the job must go: what to run when it is back."""
        self._end()
        return _submitit().helpers.DelayedSubmission(Remote(self.module, self.asked))

    def _end(self) -> None:
        """End the computing process; the store keeps its checkpoints, and frees its locks."""
        if self._child is None:
            return
        if self.asked.world > 1:
            self._child.send_signal(signal.SIGHUP)  # a killed torchrun would leave its workers behind
            if self._gone(within=_GRACE):
                return
        self._child.kill()
        self._gone(within=_GRACE)

    def _gone(self, *, within: float) -> bool:
        """Wait until the child has ended, leaving it to be reaped: a signal handler runs in midst of wait()."""
        assert self._child is not None
        deadline = time.monotonic() + within
        while os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(_SOON)
        return True


def _deaf() -> None:
    """The signals by which SLURM announces the end are for the job's own process, which ends this one itself."""
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _submitit() -> Any:
    try:
        return import_module("submitit")
    except ModuleNotFoundError as error:
        if error.name != "submitit":
            raise
        raise SuiteError(
            f"--executor slurm needs submitit: in the clone, pip install -e '.[{EXTRA}]', "
            "or print shell lines with --executor export"
        ) from None


@dataclass(frozen=True)
class _Held:
    """A cell in the hands of a job, or of a process that has none."""

    cell: Cell
    before: int | None
    entry: Entry | None

    @property
    def job(self) -> str:
        return self.entry.job if self.entry else ""


class Slurm:
    """The :class:`suite.run.executors.Executor` of a cluster."""

    def __init__(
        self,
        work: Work,
        profile: Profile,
        launch: Launch,
        *,
        overrides: Mapping[str, Any] | None = None,
        lines: Mapping[str, Line] | None = None,
        slowest: float = _SLOWEST,
    ) -> None:
        """Nothing is submitted before :meth:`run`.

        Args:
            work: what to compute with.
            profile: its ``[compute]`` says what a job asks for.
            launch: how a cell is computed.
            overrides: submitit's parameters as typed, and ``cluster``: ``slurm``, or ``local`` to try it without one.
            lines: memory of a process by study, where finished cells tell (:mod:`suite.run.memory`).
            slowest: seconds between looks at the queue, once it takes long.

        Raises:
            SuiteError: submitit is absent, or ``[compute]`` is not right.
        """
        self._work = work
        self._profile = profile
        self._launch = launch
        self._overrides = dict(overrides or {})
        self._lines = dict(lines or {})
        self._slowest = slowest
        self._ledger = Ledger(work.store)
        self._held: dict[str, _Held] = {}
        self._missed: set[str] = set()
        self._made: list[Any] = []  # submitit's view of the jobs
        self._own: set[str] = set()  # cells whose jobs this one submitted
        self._told: set[tuple[str, str]] = set()  # what was said already, by job or topic
        self._full = ""  # why the cluster takes no more jobs now
        self._guesses = True  # whether to ask for the memory that is estimated
        self._cluster = str(resources(profile, "", self._overrides).parameters.get(CLUSTER, SLURM))
        if self._cluster not in CLUSTERS:
            raise SuiteError(f"{CLUSTER} = {self._cluster!r}: choose from {', '.join(CLUSTERS)}")
        self._submitit = _submitit()

    def run(self, queue: Queue, progress: Progress) -> None:
        """Submit what nobody has in hand, then follow all of it to its end; Ctrl-C ends the following alone.

        Raises:
            SuiteError: there is no such cluster, or it refuses a job; what it took goes on.
        """
        for job in queue.waiting:  # what is wrong is said before anything is submitted
            self._executor(job.cells)
        self._say_memory(queue, progress)
        pause = _FASTEST
        try:
            while (new := self._hand_out(queue, progress)) or self._held or (queue.waiting and self._full):
                pause = min(_FASTEST if new else pause * _SLOWDOWN, self._slowest)
                time.sleep(pause)
                self._follow(queue, progress)
                progress.tick()
            self._part()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self._leave(progress)) from None

    def _say_memory(self, queue: Queue, progress: Progress) -> None:
        """How much memory jobs ask for, and by what, a line a study."""
        for study in dict.fromkeys(job.cells[0].study for job in queue.waiting):
            jobs = [job.cells for job in queue.waiting if job.cells[0].study == study]
            asked, line = self._asked(jobs[0]), self._lines.get(study)
            if asked.guesses_memory:
                most = max(asked.memory(self._work.device, len(cells), line) for cells in jobs)
                by = f"a process {line}" if line else "estimated, for no finished cell has noted what it took"
                progress.say(f"{study}: a job asks for {most} GB of memory at most: {by}; --slurm mem_gb=N asks for N")

    def _leave(self, progress: Progress) -> str:
        """Say what goes on; what to say of the end of this process."""
        ids = [held.job for held in self._held.values()]
        jobs = _named(ids)
        if jobs:
            go, them = ("goes", "it") if len(set(ids)) == 1 else ("go", "them")
            progress.say(f"{jobs} {go} on: '{progress.status}' shows {them}, the same command follows {them} again")
        return f"following ended; {jobs} {go} on" if jobs else ""

    def _part(self) -> None:
        """Local jobs are children of this process: wait for the moment that they need to end after their results."""
        while self._cluster == LOCAL and not all(job.done() for job in self._made):
            time.sleep(_SOON)

    # ------------------------------------------------------------------ submitting

    def _hand_out(self, queue: Queue, progress: Progress) -> bool:
        """Submit whatever may start, and take note of what others have in hand; whether anything was submitted."""
        if not queue.waiting:
            return False
        submitted: list[str] = []
        self._full = ""
        try:
            with self._ledger.submitting():
                self._attach(queue, progress)
                while not self._full and (ready := self._ready(queue)):
                    for job in ready:
                        if (number := self._submit(queue, progress, job)) is None:
                            break
                        submitted.append(number)
        finally:
            if submitted:
                progress.say(f"submitted {_named(submitted)}")
        if self._full:
            left = f"{len(queue.waiting)} job{'s wait' if len(queue.waiting) > 1 else ' waits'} for a free place"
            self._say_once(progress, "full", f"the cluster takes no more jobs for now ({self._full}); {left}")
        return bool(submitted)

    def _ready(self, queue: Queue) -> list[Job]:
        return [job for job in queue.waiting if self._after(queue, job) is not None]

    def _say_once(self, progress: Progress, whose: str, text: str) -> None:
        if (whose, text) not in self._told:
            self._told.add((whose, text))
            progress.say(text)

    def _attach(self, queue: Queue, progress: Progress) -> None:
        """Cells that a job or a process has in hand already are followed, not submitted."""
        cells = {cell.key: cell for job in queue.waiting for cell in job.cells}
        looks = {key: look for key, look in self._ledger.looks(cells).items() if look.active}
        for key, look in looks.items():
            one = self._ledger.read(key) if look.job else None
            before = one.before if one else self._work.store.generation(key)
            self._take(queue, progress, [_Held(cells[key], before, one)], look)
        jobs = _named(look.job for look in looks.values())
        if jobs:
            progress.say(f"submitted before: {jobs}")

    def _take(self, queue: Queue, progress: Progress, held: Sequence[_Held], look: Look) -> None:
        queue.take(one.cell for one in held)
        self._held |= {one.cell.key: one for one in held}
        for one in held:
            progress.update(one.cell.key, 0.0, str(look))

    def _after(self, queue: Queue, job: Job) -> set[str] | None:
        """Jobs that must end before this one; None if it cannot be submitted yet."""
        pending = queue.pending(job)
        if not pending:
            return set()
        jobs = {self._job_on_this_cluster(key) for key in pending}
        return jobs if self._cluster == SLURM and all(jobs) else None

    def _job_on_this_cluster(self, key: str) -> str:
        one = self._held[key].entry if key in self._held else None
        return one.job if one is not None and one.cluster == self._cluster else ""

    def _submit(self, queue: Queue, progress: Progress, job: Job) -> str | None:
        """Submit one job and note it; its number, or None if the cluster takes no more for now.

        Ctrl-C waits for the moment it takes, so that no job goes unnoted.

        Raises:
            SuiteError: the cluster refuses the job.
        """
        keys = [cell.key for cell in job.cells]
        before = {key: self._work.store.generation(key) for key in keys}
        remote = Remote(self._launch.module(keys), self._asked(job.cells))
        with _interrupts_wait():
            try:
                submitted = self._accepted(remote, job, self._after(queue, job) or set(), progress)
            except (RuntimeError, OSError, subprocess.CalledProcessError) as fault:
                _sweep(self._ledger.logs)
                reason = one_line(fault)
                if _TOO_MANY.search(reason) or (self._held and _PERHAPS_TOO_MANY.search(reason)):
                    self._full = reason
                    return None
                raise SuiteError(f"{job.cells[0]}: the cluster refused the job: {reason}") from fault
            self._made.append(submitted)
            number, log = str(submitted.job_id), str(submitted.paths.stderr)
            noted = [entry(key, number, self._cluster, before=before[key], log=log) for key in keys]
            self._ledger.write(noted)
            self._own.update(keys)
            held = [_Held(cell, before[cell.key], one) for cell, one in zip(job.cells, noted, strict=True)]
            self._take(queue, progress, held, Look(SUBMITTED, number))
        return number

    def _accepted(self, remote: Remote, job: Job, after: Collection[str], progress: Progress) -> Any:
        """What submitit gives for a job that the cluster took; an estimate of memory is no reason not to take it."""
        try:
            # What sbatch says comes with the exception, once.
            with _without_the_job_around_us(), redirect_stderr(io.StringIO()):
                return self._executor(job.cells, after).submit(remote)
        except (RuntimeError, OSError, subprocess.CalledProcessError) as fault:
            if not (self._guesses and _NO_MEMORY.search(one_line(fault))):
                raise
            self._guesses = False
            with _without_the_job_around_us():
                made = self._executor(job.cells, after).submit(remote)
            progress.say("no node has the memory that is estimated: jobs ask for none; --slurm mem_gb=N asks for some")
            return made

    def _asked(self, cells: Sequence[Cell]) -> Resources:
        return resources(self._profile, cells[0].study, self._overrides)

    def _executor(self, cells: Sequence[Cell], after: Collection[str] = ()) -> Any:
        """Submitit's executor for one job.

        Raises:
            SuiteError: a parameter is none of submitit's, or there is no such cluster here.
        """
        wanted = self._asked(cells).submission(
            weight=sum(cell.weight for cell in cells),
            device=self._work.device,
            threads=self._work.threads,
            together=len(cells),
            line=self._lines.get(cells[0].study),
        )
        wanted.pop(CLUSTER, None)
        often = wanted.pop(_TIMEOUTS, _OFTEN)
        made_with = {_TIMEOUTS: often} if self._cluster == SLURM else {}
        if not self._guesses and "mem_gb" not in self._asked(cells).parameters:
            wanted.pop("mem_gb", None)
        wanted.setdefault("name", f"suite-{cells[0].study.rpartition('.')[2]}")
        if self._cluster == SLURM:
            wanted[_EXTRA] = {"requeue": True} | dict(wanted.get(_EXTRA) or {})
            wanted[_SRUN] = ["--export=ALL", *(wanted.get(_SRUN) or ())]
        if after:
            wanted["slurm_dependency"] = ",".join(
                [*filter(None, [wanted.get("slurm_dependency")]), "afterany:" + ":".join(sorted(after))]
            )
        try:
            made = self._submitit.AutoExecutor(folder=self._ledger.logs, cluster=self._cluster, **made_with)
        except RuntimeError as fault:
            raise SuiteError(
                f"no SLURM here ({one_line(fault)}): submit from a login node, try it out with --slurm cluster=local, "
                "or print shell lines with --executor export"
            ) from None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it takes "partition" for "slurm_partition", and complains
                made.update_parameters(**wanted)
        except (NameError, AssertionError, ValueError, TypeError) as fault:
            raise SuiteError(f"profile {self._profile.name}, [compute.slurm]: {one_line(fault)}") from None
        return made

    # ------------------------------------------------------------------ following

    def _follow(self, queue: Queue, progress: Progress) -> None:
        """Settle what has ended; say how far the rest is."""
        looks = self._ledger.looks(self._held)
        anew: list[Cell] = []
        for key, held in list(self._held.items()):
            look = looks.get(key)
            if self._work.store.generation(key) not in (None, held.before):
                done = self._work.store.state(key).word == "done"
                self._settle(queue, key, Outcome.DONE if done else Outcome.FAILED)
            elif look is not None and look.active:
                self._missed.discard(key)
                progress.update(key, 0.0, str(look))
                if look.reason in _STUCK:
                    what = f"job {look.job} waits for {look.reason}: {_STUCK[look.reason]}"
                    self._say_once(progress, look.job, what)
            elif key not in self._missed:  # a shared file system may show a result later than the queue shows its end
                self._missed.add(key)
            elif self._may_go_anew(queue, held):
                progress.say(f"{held.cell}: job {held.job} ended without a result{_how(look)}: it is submitted anew")
                del self._held[key]
                self._missed.discard(key)
                anew.append(held.cell)
            else:
                self._settle(queue, key, self._lost(queue, held, look, progress))

        queue.put_back(anew)

    def _may_go_anew(self, queue: Queue, held: _Held) -> bool:
        """Whether a lost job is of an earlier command: had it ended before this one, it would be submitted now."""
        done = self._work.store.state(held.cell.key).word == "done"
        ours = held.cell.key in self._own
        return bool(held.job) and not ours and not queue.lacks(held.cell) and (self._work.again or not done)

    def _settle(self, queue: Queue, key: str, outcome: Outcome) -> None:
        del self._held[key]
        self._missed.discard(key)
        queue.settle(key, outcome)

    def _lost(self, queue: Queue, held: _Held, look: Look | None, progress: Progress) -> Outcome:
        """What became of a cell whose job ended and put nothing there."""
        if not self._work.again and self._work.store.state(held.cell.key).word == "done":
            return Outcome.CACHED
        if queue.lacks(held.cell):
            return Outcome.BLOCKED
        where = f"; {held.entry.log} tells more" if held.entry else ""
        who = f"job {held.job}" if held.job else "its process"
        progress.say(f"lost: {held.cell}: {who} ended without a result{_how(look)}{where}; run again to resume it")
        return Outcome.KILLED


def _how(look: Look | None) -> str:
    return f" ({look.detail})" if look and look.detail else ""


def _sweep(logs: Path) -> None:
    """Delete what a refused submission left: a script, and what the job was to run. Nobody else submits meanwhile."""
    for path in (*logs.glob("submission_file_*.sh"), *logs.glob(".submission_file_*.sh"), *logs.glob("*.pkl")):
        kept = path.name.endswith(("_submitted.pkl", "_result.pkl")) or path.is_symlink()  # of jobs that were taken
        if not kept:
            path.unlink(missing_ok=True)


@contextmanager
def _without_the_job_around_us() -> Iterator[None]:
    """Submit as from a login node: what SLURM told the job around us about itself would bind the new one."""
    aside = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SLURM_") and name not in _KEPT}
    try:
        yield
    finally:
        os.environ.update(aside)


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Ctrl-C is delivered at the end; processes started meanwhile never get it, for it goes to a whole terminal."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _named(jobs: Iterator[str] | Sequence[str]) -> str:
    """``"job 7"``, ``"jobs 7, 8"``, ``"40 jobs (7 ... 46)"``; empty for none."""
    names = list(dict.fromkeys(job for job in jobs if job))
    if len(names) > 5:
        return f"{len(names)} jobs ({names[0]} ... {names[-1]})"
    return f"job{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else ""
