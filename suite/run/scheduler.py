"""What a cluster's scheduler says of a job: asked, never guessed."""

from __future__ import annotations

import os
import pwd
import re
import socket
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

SLURM, LOCAL = "slurm", "local"
CLUSTERS = (SLURM, LOCAL)
QUEUED, RUNNING, ENDED, UNLISTED, UNKNOWN = "queued", "running", "ended", "unlisted", "unknown"

_PATIENCE = 60  # seconds: a scheduler that is busy answers late
_ENDS = (
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "REVOKED",
    "TIMEOUT",
)
_RUNS = ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING")
_NO_SUCH_JOB = "Invalid job id specified"  # what squeue says of a single job that it no longer knows
_FAULT = re.compile(r"^\w+: error: |^slurm_load_jobs error: ", re.MULTILINE)  # may come with exit status 0
_CONTROLLER = "submitit.local._local"  # the process that submitit's local executor starts for a job


@dataclass(frozen=True)
class Ticket:
    """What a scheduler must be told to ask it for a job.

    Attributes:
        job: the scheduler's number.
        system: ``slurm``, or ``local`` for submitit's processes on the machine that submitted it.
        user: whose job it is.
        host: the machine that submitted it.
        home: the cluster's own name; empty if it is not known.
    """

    job: str
    system: str
    user: str
    host: str
    home: str = ""


@dataclass(frozen=True)
class Answer:
    """The state of a job.

    Attributes:
        word: ``queued``, ``running``, ``ended`` (the scheduler says so), ``unlisted`` (it knows nothing of the job,
            which alone means nothing) or ``unknown`` (nobody can be asked from here).
        detail: the scheduler's own word and reason, or why it cannot be asked.
        reason: SLURM's reason why the job waits, such as ``PartitionTimeLimit``; empty if it has none.
    """

    word: str
    detail: str = ""
    reason: str = ""


def ask(tickets: Iterable[Ticket]) -> dict[str, Answer]:
    """The state of every one of these jobs, by job id; one question to SLURM for all of them."""
    tickets = list(tickets)
    found = {one.job: _process(one) for one in tickets if one.system == LOCAL}
    slurm = [one for one in tickets if one.system == SLURM]
    here = cluster_name() if slurm else ""
    for one in slurm:
        if one.home and here and one.home != here:
            found[one.job] = Answer(UNKNOWN, f"its cluster is {one.home}, this one is {here}")
    asked = {one.job: one for one in slurm if one.job not in found}
    if not asked:
        return found
    me = user()
    for job, answer in _slurm(asked).items():
        foreign = answer.word == UNLISTED and asked[job].user != me
        found[job] = Answer(UNKNOWN, f"SLURM does not show {me} a job of {asked[job].user}") if foreign else answer
    return found


def user() -> str:
    """Whose processes these are: by number, for ``LOGNAME`` and ``USER`` may say anything."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container, or while a directory service is away
        return f"uid {os.getuid()}"


def cluster_name() -> str:
    """The name of the cluster that answers here; empty if none does."""
    try:
        return _cluster_name(os.environ.get("SLURM_CONF", ""), os.environ.get("PATH", ""))
    except LookupError:
        return ""


@cache
def _cluster_name(_configuration: str, _path: str) -> str:
    """Remembered once it is known."""
    said, _ = _output("scontrol", "show", "config")
    found = re.search(r"^ClusterName\s*=\s*(\S+)", said, flags=re.MULTILINE)
    if found is None:
        raise LookupError
    return found.group(1)


def _slurm(jobs: Collection[str]) -> dict[str, Answer]:
    """Ask for these jobs, whoever's they are, and for those that ended a short while ago, which SLURM still lists."""
    asked = ("--noheader", "--states=all", f"--jobs={','.join(sorted(jobs))}", "--format=%i|%T|%r")
    said, fault = _output("squeue", *asked)
    if fault and _NO_SUCH_JOB not in fault:
        return dict.fromkeys(jobs, Answer(UNKNOWN, fault))
    listed = dict(line.strip().split("|", 1) for line in said.splitlines() if "|" in line)
    found = {job: _listed(*listed[job].split("|", 1)) for job in jobs if "|" in listed.get(job, "")}
    gone = sorted(set(jobs) - set(found))
    return found | (_accounted(gone) if gone else {})


def _listed(state: str, reason: str) -> Answer:
    """What a line of the queue says; whatever is no end may go on."""
    reason = "" if reason in ("None", "") else reason
    if state in _ENDS:
        return Answer(ENDED, state)
    if state in _RUNS:
        return Answer(RUNNING, state)
    return Answer(QUEUED, f"{state}: {reason}" if reason else state, reason)


def _accounted(jobs: list[str]) -> dict[str, Answer]:
    """``TIMEOUT``, ``OUT_OF_MEMORY``... where the cluster keeps accounts of jobs that it no longer lists.

    A job that was preempted or requeued comes back, so those are no ends.
    """
    fields = ("--noheader", "--allocations", "--parsable2", "--format=JobID,State")
    said, _ = _output("sacct", *fields, "--jobs", ",".join(jobs))
    states = dict(line.split("|", 1) for line in said.splitlines() if "|" in line)
    return {job: _account(states.get(job, "")) for job in jobs}


def _account(state: str) -> Answer:
    if state.split(" ", 1)[0] in _ENDS:  # "CANCELLED by 1000"
        return Answer(ENDED, state)
    return Answer(UNLISTED, f"SLURM does not list it{f'; its accounts say {state}' if state else ''}")


def _output(*command: str) -> tuple[str, str]:
    """What a command prints, or why it gave no answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE)
    except FileNotFoundError:
        return "", f"there is no {command[0]} on {socket.gethostname()}"
    except OSError as error:
        return "", f"{command[0]}: {error.strerror}"
    except subprocess.CalledProcessError as error:
        return "", f"{command[0]}: {' '.join(str(error.stderr).split()) or f'exit status {error.returncode}'}"
    except subprocess.TimeoutExpired:
        return "", f"{command[0]} gave no answer within {_PATIENCE} s"
    if _FAULT.search(done.stderr):
        return "", f"{command[0]}: {' '.join(done.stderr.split())}"
    return done.stdout, ""


def _process(ticket: Ticket) -> Answer:
    """A job of submitit's local executor is a process of the machine that submitted it, by its number."""
    if ticket.host != socket.gethostname():
        return Answer(UNKNOWN, f"its processes run on {ticket.host}")
    return Answer(RUNNING) if _alive(int(ticket.job)) else Answer(ENDED)


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
