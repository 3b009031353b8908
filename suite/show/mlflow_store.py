"""Where the MLflow view lies, and what can be read of it without MLflow, which takes seconds to import."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_RUNS = (
    "SELECT e.name, t.value, r.artifact_uri FROM experiments e"
    " JOIN runs r ON r.experiment_id = e.experiment_id JOIN tags t ON t.run_uuid = r.run_uuid"
    " WHERE t.key = 'key' AND r.lifecycle_stage = 'active' AND r.status = 'FINISHED'"
)


def folder(root: Path) -> Path:
    """Where the view lies, an absolute path."""
    return root.resolve() / "mlflow"


def database(root: Path) -> Path:
    """The view's database."""
    return folder(root) / "mlflow.db"


def experiments(root: Path) -> dict[str, int]:
    """Experiment ids by name; none if there is no view, or none that can be read."""
    return {name: int(identifier) for name, identifier in _asked(root, "SELECT name, experiment_id FROM experiments")}


def stored(root: Path) -> dict[tuple[str, str], Path]:
    """The folders of the finished runs' artifacts by experiment name and key."""
    return {(name, key): Path(unquote(urlsplit(place).path)) for name, key, place in _asked(root, _RUNS)}


def _asked(root: Path, query: str) -> list[tuple[Any, ...]]:
    path = database(root)
    if not path.is_file():
        return []
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.Error:
        return []
