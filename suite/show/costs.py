"""What a training step of a student costs, counted once and remembered beside the evidence.

Counting builds the networks, which takes seconds a table and needs torch. ``values/costs.json`` under the evidence's
root holds what was counted, each with a digest of all that can change it: the program's files, the libraries, the
networks and the method. Whoever deletes it loses nothing but time.
"""

from __future__ import annotations

import json
import platform
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError
from suite.evidence.cell import digest
from suite.evidence.disk import writing
from suite.evidence.runtime import numerics
from suite.evidence.seal import write_json

if TYPE_CHECKING:
    from pathlib import Path

    from suite.claim.program import Program
    from suite.evidence.cell import Cell

FILE = "costs.json"


@dataclass(frozen=True)
class Counted:
    """One step of one student.

    Attributes:
        flops: operations.
        parameters: that the method trains beside the student's.
    """

    flops: int
    parameters: int


def counted(cell: Cell, folder: Path, program: Program | None) -> Counted:
    """What a step of a cell of study *train* costs, as it was counted before if nothing that can change it did.

    Args:
        cell: as a profile asks for it.
        folder: where numbers are remembered.
        program: to which the claim belongs; nothing is remembered for a claim that no file states.
    """
    if program is None:
        return _count(cell)
    key = digest([program.digest, numerics("cpu"), platform.python_version(), *_asked(cell)])
    known = _read(folder / FILE)
    if key in known:
        return Counted(*known[key])
    found = _count(cell)
    with suppress(SuiteError), writing(folder.parent):  # that it cannot be written costs time, no number
        if folder.parent.is_dir() and program.current:
            folder.mkdir(exist_ok=True)
            values = {**_read(folder / FILE), key: [found.flops, found.parameters]}
            write_json(folder / FILE, {"values": values, "sum": digest(values)})
    return found


def _asked(cell: Cell) -> tuple[Any, ...]:
    """The parts of a cell that its cost follows from."""
    spec = cell.spec
    return spec["student"], spec["teacher"], spec["method"], spec["data"]["source"], spec["data"].get("size")


def _count(cell: Cell) -> Counted:
    from suite.studies.step_cost import step_cost  # noqa: PLC0415 - torch, not needed to show what was counted before

    found = step_cost(cell)
    return Counted(found.flops, found.parameters)


def _read(path: Path) -> dict[str, Any]:
    """What is remembered; nothing, if the file is not as it was written."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["sum"] == digest(content["values"]):
            return dict(content["values"])
    return {}
