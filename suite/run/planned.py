"""Planned cells as data: ``planned/KEY.json`` beside the evidence says all that is needed to compute one.

A job of a cluster is given a key and this file, and looks at no claim, no profile and no image to know what to compute.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError
from suite.evidence.cell import Cell
from suite.evidence.code import code_digest, modules_of
from suite.evidence.disk import writing
from suite.evidence.seal import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FOLDER = "planned"
_PLAIN = ("study", "spec", "seed", "code", "device", "label", "weight", "group", "local")


def path_of(root: Path, key: str) -> Path:
    """Where a planned cell is written."""
    return root / FOLDER / f"{key}.json"


def write(root: Path, cells: Iterable[Cell]) -> None:
    """Write cells and everything that they need.

    Raises:
        Unwritable: the evidence cannot be written.
    """
    found: dict[str, Cell] = {}
    pending = list(cells)
    while pending:
        cell = pending.pop()
        if cell.key not in found:
            found[cell.key] = cell
            pending += cell.needs.values()
    with writing(root):
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        for key, cell in found.items():
            content = _data(cell)
            if _stored(path_of(root, key)) != content:
                write_json(path_of(root, key), content)


def _data(cell: Cell) -> dict[str, Any]:
    plain = {name: getattr(cell, name) for name in _PLAIN}
    data = plain | {
        "key": cell.key,
        "modules": modules_of(cell.code),
        "needs": {role: need.key for role, need in cell.needs.items()},
    }
    known: dict[str, Any] = json.loads(json.dumps(data, allow_nan=False))
    return known


def _stored(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def read(root: Path, key: str) -> Cell:
    """The cell that was planned under a key.

    Raises:
        SuiteError: there is none, or code or libraries are no longer those that it was planned with.
    """
    data = _stored(path_of(root, key))
    if data is None:
        raise SuiteError(
            f"no cell {key!r} is planned in {root}: 'claims', with any executor, plans what it will compute"
        )
    try:
        modules, needs = data["modules"], {role: read(root, need) for role, need in data["needs"].items()}
        cell = Cell(**{name: data[name] for name in _PLAIN}, needs=needs)
    except (KeyError, TypeError, AttributeError):
        raise SuiteError(f"{path_of(root, key)} is damaged: plan again") from None
    if cell.key != key or (modules and code_digest(*modules) != cell.code):
        raise SuiteError(f"code or libraries changed since {key!r} was planned: plan again, with the same command")
    return cell
