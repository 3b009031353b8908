"""Whether the MLflow view is up to date already, told without loading MLflow, which takes seconds.

``mlflow/synced.json`` holds the digest of what was last exported, and size and time of the database as that left it:
if anybody changed the database since, in the UI or otherwise, the view is not known to be up to date.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from suite.evidence.cell import digest
from suite.show.files import replace_text
from suite.show.mlflow_rows import rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from suite.assess import Assessment


def state(root: Path, assessments: Sequence[Assessment]) -> dict[str, Any]:
    """What is to be exported, and what the database is like now.

    Args:
        root: the evidence's root folder.
        assessments: what the view shall show.
    """
    wanted = digest([asdict(row) | {"claims": sorted(row.claims)} for row in rows(assessments)])
    place = root.resolve() / "mlflow"
    files = {}
    for path in sorted(place.glob("mlflow.db*")):  # with the journal that sqlite may keep beside it
        there = path.stat()
        files[path.name] = [there.st_size, there.st_mtime_ns]
    return {"wanted": wanted, "place": str(place), "files": files}


def is_current(root: Path, now: dict[str, Any]) -> bool:
    """Whether just this was exported, and nobody touched the database since."""
    try:
        known = json.loads(_file(root).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return "mlflow.db" in now["files"] and known == now


def remember(root: Path, now: dict[str, Any]) -> None:
    """Note that this was exported."""
    replace_text(_file(root), json.dumps(now, indent=1) + "\n")


def _file(root: Path) -> Path:
    return root / "mlflow" / "synced.json"
