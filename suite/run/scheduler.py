"""What a cluster's scheduler says of a job: asked, never guessed."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from suite.run.jobs import Entry

SLURM, LOCAL = "slurm", "local"
CLUSTERS = (SLURM, LOCAL)
QUEUED, RUNNING, ENDED, UNKNOWN = "queued", "running", "ended", "unknown"

_PATIENCE = 60  # seconds: a scheduler that is busy answers late
_WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT", "CONFIGURING")
_CONTROLLER = "submitit.local._local"  # the process that submitit's local executor starts for a job


@dataclass(frozen=True)
class Answer:
    """The state of a job.

    Attributes:
        word: ``queued``, ``running``, ``ended`` (the scheduler no longer holds it) or ``unknown`` (nobody can be
            asked from here).
        detail: the scheduler's own word, or why it cannot be asked.
    """

    word: str
    detail: str = ""


def ask(entries: Iterable[Entry]) -> dict[str, Answer]:
    """The state of every job of these entries, by job id; one question to SLURM for all of them."""
    entries = list(entries)
    slurm = [entry for entry in entries if entry.cluster == SLURM]
    found = {entry.job: _process(entry) for entry in entries if entry.cluster == LOCAL}
    return found | (_slurm({entry.job for entry in slurm}, {entry.user for entry in slurm}) if slurm else {})


def _slurm(jobs: Collection[str], users: Collection[str]) -> dict[str, Answer]:
    """Ask for all jobs of the users: asked for one by its number, squeue fails when that has left its memory."""
    said, fault = _output("squeue", "--noheader", "--user", ",".join(sorted(users)), "--format=%i %T")
    if fault:
        return dict.fromkeys(jobs, Answer(UNKNOWN, fault))
    held = dict(line.split(maxsplit=1) for line in said.splitlines() if len(line.split()) > 1)
    found = {job: Answer(QUEUED if held[job] in _WAITING else RUNNING, held[job]) for job in jobs if job in held}
    gone = sorted(set(jobs) - set(found))
    return found | (_how_they_ended(gone) if gone else {})


def _how_they_ended(jobs: list[str]) -> dict[str, Answer]:
    """``TIMEOUT``, ``OUT_OF_MEMORY``... where the cluster keeps accounts; not knowing it changes nothing."""
    fields = ("--noheader", "--allocations", "--parsable2", "--format=JobID,State")
    said, _ = _output("sacct", *fields, "--jobs", ",".join(jobs))
    states = dict(line.split("|", 1) for line in said.splitlines() if "|" in line)
    return {job: Answer(ENDED, states.get(job, "")) for job in jobs}


def _output(*command: str) -> tuple[str, str]:
    """What a command prints, or why it did not run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE)
    except FileNotFoundError:
        return "", f"there is no {command[0]} on {socket.gethostname()}"
    except subprocess.CalledProcessError as error:
        return "", f"{command[0]}: {' '.join(str(error.stderr).split()) or f'exit status {error.returncode}'}"
    except subprocess.TimeoutExpired:
        return "", f"{command[0]} gave no answer within {_PATIENCE} s"
    return done.stdout, ""


def _process(entry: Entry) -> Answer:
    """A job of submitit's local executor is a process of the machine that submitted it, by its number."""
    if entry.host != socket.gethostname():
        return Answer(UNKNOWN, f"its processes run on {entry.host}")
    return Answer(RUNNING) if _alive(int(entry.job)) else Answer(ENDED)


def _alive(pid: int) -> bool:
    """Whether a job's controller lives; where /proc tells, that it is one, and no zombie."""
    try:
        if not Path("/proc/self").exists():
            os.kill(pid, 0)
            return True
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (OSError, ValueError):
        return False
    return state != "Z" and (not command or _CONTROLLER in command)  # it is empty while a process starts
