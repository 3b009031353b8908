"""What replays a training that diverged: its last checkpoint and where it ended, kept with the failed cell.

Every draw of a training is a function of seed and step, so seed, step and the weights of some step before are enough:
the images of the slice and all random numbers follow from them. The checkpoint is the last one that was written before
the end, and is there in any case; a healthy training is not touched.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from suite.evidence.disk import writing
from suite.evidence.seal import write_json

if TYPE_CHECKING:
    from pathlib import Path

FOLDER, NOTE, CHECKPOINT = "replay", "replay.json", "student.pt"
_BEFORE = ".before"
_STEP = re.compile(r"\b(at|after) step (\d+)")


@dataclass(frozen=True)
class Keepsake:
    """Where a training ended.

    Attributes:
        reason: of its end, in one line.
        step: the step that was being taken, counted from 0; where an output was no number, the steps that were done.
        taken: whether that step was done, and it was the evaluation afterwards that failed.
        seed: of the cell.
        digest: SHA-256 of the checkpoint file, weights and optimiser; empty if none was written before the end.
    """

    reason: str
    step: int
    taken: bool
    seed: int
    digest: str = ""


def keep(folder: Path, checkpoints: Path, *, reason: str, seed: int) -> Keepsake | None:
    """Keep what replays a training, if its end says at which step it came.

    Args:
        folder: of the cell, before it is sealed.
        checkpoints: of the cell.
        reason: why it ended, in one line.
        seed: of the cell.

    Raises:
        Unwritable: the disk is full or not ours to write to.
    """
    found = _STEP.search(reason)
    if found is None:
        return None
    place = folder / FOLDER
    newest = next((file for file in _checkpoints(checkpoints) if file.is_file()), None)
    with writing(folder):
        place.mkdir(exist_ok=True)
        digest = ""
        if newest is not None:
            with newest.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            newest.rename(place / CHECKPOINT)
        kept = Keepsake(reason, int(found.group(2)), found.group(1) == "after", seed, digest)
        write_json(place / NOTE, asdict(kept))
    return kept


def _checkpoints(folder: Path) -> tuple[Path, ...]:
    newest = folder / CHECKPOINT
    return newest, newest.with_suffix(_BEFORE)


def read(folder: Path) -> Keepsake | None:
    """What was kept in a failed cell's folder; None if nothing was."""
    try:
        return Keepsake(**json.loads((folder / FOLDER / NOTE).read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
