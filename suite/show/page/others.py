"""Which other profiles have evidence in the same folder: told from the verdicts stored beside it, computing nothing.

Every ``claims`` and ``judge`` leaves ``claims-PROFILE.json`` with the cells that each verdict stands on and the command
that asked for it. A profile has evidence if one of those cells is still there; it is asked for again just as it
was then. Cells that were computed but never judged are in none of these files: ``judge`` them first.
"""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_PROGRAM = 3  # words of "python -m suite"


def judged_before(root: Path, *, but: Collection[str] = ()) -> dict[str, list[str]]:
    """The command line of every profile with evidence, without ``python -m suite``, by the profile's name.

    Args:
        root: the evidence's root folder.
        but: profiles to leave out. Smoke evidence is left out always: it says nothing beside any other.
    """
    found = {}
    for path in sorted(root.glob("claims-*.json")):
        name = path.stem.removeprefix("claims-")
        if name in but:
            continue
        for entry in _entries(path):
            if entry.get("profile") == name and entry.get("scope") != "smoke" and _is_there(root, entry):
                found[name] = shlex.split(entry["command"])[_PROGRAM:]
                break
    return found


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """The criteria of a file of verdicts; none if it cannot be read, because it is only a help."""
    try:
        criteria = json.loads(path.read_text(encoding="utf-8"))["criteria"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for entry in criteria if isinstance(criteria, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("command"), str):
            yield entry


def _is_there(root: Path, entry: dict[str, Any]) -> bool:
    """Whether one of our own cells that a verdict stood on is still on disk."""
    own = [cell.get("key", "") for cell in entry.get("cells", ()) if not cell.get("origin")]
    return any(os.path.lexists(root / "cells" / key) for key in own if key)
