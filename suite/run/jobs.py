"""The ledger of submitted jobs: which job computes which cell, one small file a cell under ``jobs/``.

Everything that can be said of a cell on a cluster comes from four places: the cell on disk, the lock that its
process holds, the ledger, and the scheduler. None of them is a process that must stay alive, so any later process
sees the same.
"""

from __future__ import annotations

import json
import socket
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from suite.evidence.disk import writing
from suite.evidence.seal import write_json
from suite.run import joblog, scheduler

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from suite.evidence.store import Store
    from suite.run.plan import Plan

FOLDER = "jobs"
SUBMITTED, RUNNING, LOST = "submitted", "running", "lost"
UNLISTED_FOR = 60.0  # seconds after which a job that SLURM does not list, and that left nothing behind, is lost


@dataclass(frozen=True)
class Entry:
    """One cell's job.

    Attributes:
        key: the cell's.
        job: the scheduler's number.
        cluster: ``slurm``, or ``local`` for submitit's processes on the machine that submitted it.
        before: which folder lay at the cell's place when it was submitted: another one is the job's doing.
        log: the file that holds what the job said, and what SLURM said of it.
        user: whose job it is.
        host: the machine that submitted it.
        submitted: when, in local time.
        home: the cluster's own name; empty if it is not known.
    """

    key: str
    job: str
    cluster: str
    before: int | None
    log: str
    user: str
    host: str
    submitted: str
    home: str = ""

    @property
    def ticket(self) -> scheduler.Ticket:
        """What the scheduler is asked with."""
        return scheduler.Ticket(self.job, self.cluster, self.user, self.host, self.home)


def entry(key: str, job: str, cluster: str, *, before: int | None, log: str) -> Entry:
    """An entry made now, here."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    home = scheduler.cluster_name() if cluster == scheduler.SLURM else ""
    return Entry(key, job, cluster, before, log, scheduler.user(), socket.gethostname(), now, home)


@dataclass(frozen=True)
class Look:
    """What is known of a cell that was handed to somebody and has no result yet.

    Attributes:
        word: ``submitted``, ``running``, or ``lost``: its job ended without a result.
        job: the job's number; empty where a process without a job computes it.
        detail: what the scheduler adds, or why it cannot be asked; of a lost job also what its log ends with.
        log: the job's log file.
        reason: SLURM's reason why the job waits; empty if it has none.
    """

    word: str
    job: str = ""
    detail: str = ""
    log: str = ""
    reason: str = ""

    @property
    def active(self) -> bool:
        """Whether a result may still come: such a cell is not submitted again."""
        return self.word != LOST

    def __str__(self) -> str:
        """``"submitted, job 12 (PENDING)"``."""
        job = f", job {self.job}" if self.job else ""
        return f"{self.word}{job}" + (f" ({self.detail})" if self.detail else "")


_WORDS = {
    scheduler.QUEUED: SUBMITTED,
    scheduler.UNKNOWN: SUBMITTED,  # its detail says that nobody could be asked
    scheduler.UNLISTED: SUBMITTED,  # its detail says so; it is no end as long as nothing else speaks for one
    scheduler.RUNNING: RUNNING,
    scheduler.ENDED: LOST,
}


class Ledger:
    """The jobs of one store."""

    def __init__(self, store: Store, *, patience: float = UNLISTED_FOR) -> None:
        """Nothing is written before a job is submitted; ``patience`` (seconds) is for jobs that are not listed."""
        self._store = store
        self._patience = patience
        self._unlisted: dict[str, float] = {}  # since when, by job
        self.folder = store.root / FOLDER

    @property
    def logs(self) -> Path:
        """Where submitit keeps its files."""
        return self.folder / "logs"

    @contextmanager
    def submitting(self) -> Iterator[None]:
        """Alone: what is not in the ledger now is in no other process's hands."""
        with writing(self._store.root):
            self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".lock"):
            yield

    def write(self, entries: Iterable[Entry]) -> None:
        """Note jobs, in place of earlier ones of the same cells."""
        with writing(self._store.root):
            for one in entries:
                write_json(self.folder / f"{one.key}.json", asdict(one))

    def read(self, key: str) -> Entry | None:
        """The last job of a cell; a file that cannot be read is none."""
        try:
            return Entry(**json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def ended(self, one: Entry) -> bool:
        """Whether the job put a cell there, done or failed."""
        return self._store.generation(one.key) not in (None, one.before)

    def looks(self, keys: Iterable[str]) -> dict[str, Look]:
        """What is known of each of these cells that a job or a process has in hand, or lost; no entry for others.

        The scheduler is asked before the disk, so that a job that ends in between is seen with its result.
        """
        keys = list(keys)
        found = {key: one for key in keys if (one := self.read(key)) is not None and not self.ended(one)}
        answers = scheduler.ask({one.ticket for one in found.values()})
        looks: dict[str, Look] = {}
        for key in keys:
            if self._store.in_hand(key):
                looks[key] = Look(RUNNING, found[key].job if key in found else "")
            elif key in found and not self.ended(found[key]):
                looks[key] = self._look(found[key], answers[found[key].job])
        return looks

    def _look(self, one: Entry, answer: scheduler.Answer) -> Look:
        """What an answer means: a job that is not listed is judged by what lies on disk, and by time."""
        if answer.word != scheduler.UNLISTED:
            self._unlisted.pop(one.job, None)
        elif self._left_its_end(one) or self._long_unlisted(one):
            answer = replace(answer, word=scheduler.ENDED)
        detail = answer.detail
        if answer.word == scheduler.ENDED:
            detail = ": ".join(filter(None, (detail, joblog.last_words(Path(one.log)))))
        return Look(_WORDS[answer.word], one.job, detail, one.log, answer.reason)

    def _left_its_end(self, one: Entry) -> bool:
        """Whether the disk says that the job is over: its result is there, or its log ends with its end."""
        return (self.logs / f"{one.job}_0_result.pkl").exists() or joblog.says_the_end(Path(one.log))

    def _long_unlisted(self, one: Entry) -> bool:
        since = self._unlisted.setdefault(one.job, time.monotonic())
        return time.monotonic() - since >= self._patience


def without_submitted(plan: Plan, ledger: Ledger) -> tuple[Plan, dict[str, Look]]:
    """The plan as it stands for whoever would compute the rest now, and what is known of the cells in others' hands.

    Args:
        plan: cells and what is on disk of them.
        ledger: of the same store.

    Returns:
        the plan in which cells that a job or a process has in hand are ``submitted`` or ``running`` and not to run;
        and these, together with those that a job lost, by key.
    """
    looks = ledger.looks(step.cell.key for step in plan.steps if step.run)
    steps = []
    for step in plan.steps:
        look = looks.get(step.cell.key)
        if look is not None and look.active:
            steps.append(replace(step, state=replace(step.state, word=look.word, detail=look.detail), run=False))
        else:
            steps.append(step)
    return replace(plan, steps=tuple(steps)), looks
