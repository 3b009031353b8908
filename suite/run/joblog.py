"""What the log of a job says at its end: SLURM, srun, Python and the computing process all write there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TAIL = 16_384  # bytes that are looked at
_LONGEST = 200  # characters of a line that are shown
_PREFIX = re.compile(r"^(submitit \w+ \([^)]*\) - |slurmstepd: |srun: |error: |fatal: )+")
_END = re.compile(
    r"\*\*\* (JOB|STEP) .* CANCELLED AT |Exceeded job memory limit|oom.kill event|"
    r"^srun: error: .*task .*: (Killed|Terminated|Exited|Out Of Memory|Aborted|Segmentation)"
)
_LAST = 8  # lines: SLURM's, srun's and submitit's words on one end
_COMES_BACK = re.compile(r"DUE TO (PREEMPTION|JOB REQUEUE|NODE FAILURE)")
_REASONS = (  # the first that fits any line tells most
    re.compile(r"Exceeded job memory limit|oom.kill event|[Oo]ut of memory|OutOfMemoryError"),
    re.compile(r"DUE TO TIME LIMIT|Job not requeued because"),
    re.compile(r"^(lost|blocked|failed): |^suite: "),
    _END,
    re.compile(r"^(slurmstepd|srun|sbatch): (error|fatal): |^\w*(Error|Exception)\b|^/.*: (command )?not found"),
)
_SAYS_NOTHING = re.compile(
    r"Submitted job triggered an exception|not every cell was computed|^srun: Job step aborted|^During handling|"
    r"^Traceback|^The above exception|Force Terminated|task \d+: (Killed|Terminated|Exited)"
)


def last_words(log: Path) -> str:
    """The line at the end of a log that tells best why its job ended; empty if none does."""
    lines = [line for line in _tail(log) if not _SAYS_NOTHING.search(line)]
    for reason in _REASONS:
        for line in reversed(lines):
            if reason.search(line):
                return _PREFIX.sub("", line).strip("* ")[:_LONGEST]
    return ""


def says_the_end(log: Path) -> bool:
    """Whether a log's last lines say that the job was ended for good, and not to come back."""
    lines = _tail(log)[-_LAST:]
    cancelled = [line for line in lines if "CANCELLED AT" in line]
    if cancelled:  # whatever else is said there follows from it
        return not _COMES_BACK.search(cancelled[-1])
    return any(map(_END.search, lines))


def _tail(log: Path) -> list[str]:
    """The last lines that hold anything."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]
