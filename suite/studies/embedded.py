"""Digests of the images that come with a library, without loading what reads them.

They are computed once, and remembered in the user's cache folder as long as the library's release, its files and the
code that reads them stay the same.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path

from suite.errors import SuiteError
from suite.evidence.cell import digest
from suite.evidence.code import code_digest, folder_of
from suite.evidence.runtime import numerics

DIGITS, PHOTOGRAPHS = "digits", "photographs"
_FILES = {DIGITS: ("data/digits.csv.gz",), PHOTOGRAPHS: ("images/china.jpg", "images/flower.jpg")}  # of scikit-learn


def memory() -> Path:
    """Where digests of embedded images are remembered: in the user's cache folder."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "vit-distillation-claims" / "embedded.json"


def embedded_digest(name: str) -> str:
    """Digest of embedded images, for the cells that depend on them.

    Args:
        name: ``digits`` or ``photographs``.
    """
    return _digest(name, memory())


@cache
def _digest(name: str, path: Path) -> str:
    key = f"{name}-{digest([code_digest(f'suite.data.{name}'), numerics('cpu'), _stamps(name)])[:16]}"
    known = _read(path)
    if key not in known:
        known = {other: value for other, value in known.items() if not other.startswith(f"{name}-")}
        known[key] = _computed(name)
        _write(path, known)
    return known[key]


def _computed(name: str) -> str:
    module = import_module(f"suite.data.{name}")
    return str(module.digest({"source": name}) if name == DIGITS else module.digest())


def _stamps(name: str) -> list[list[int]]:
    """Size and time of the library's files; nothing where it keeps them elsewhere."""
    with suppress(OSError, SuiteError):
        states = [(folder_of("sklearn") / "datasets" / file).stat() for file in _FILES[name]]
        return [[state.st_size, state.st_mtime_ns] for state in states]
    return []


def _read(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(path: Path, known: dict[str, str]) -> None:
    with suppress(OSError):  # that it cannot be written costs time, no result
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.write_text(json.dumps(known), encoding="utf-8")
        draft.replace(path)
