"""Digests of files, remembered by size and time of change: 50,000 images or a gigabyte of weights are read once."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from suite.evidence.cell import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST = 200  # digests that are remembered; the oldest are forgotten
DIGITS = 16


def cache_file() -> Path:
    """Where digests are remembered: in the user's cache folder (``$XDG_CACHE_HOME``, else ``~/.cache``)."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "vit-distillation-claims" / "digests.json"


def file_digest(path: Path) -> str:
    """SHA-256 of a file, its first 16 hexadecimal digits."""

    def read() -> str:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:DIGITS]

    return remembered(["one file"], [path], read)


def remembered(names: Sequence[str], files: Sequence[Path], compute: Callable[[], str]) -> str:
    """A digest of files, computed only if one of them changed since.

    Args:
        names: what else the digest depends on.
        files: the files; with none, nothing can be remembered.
        compute: reads them all.
    """
    if not files:
        return compute()
    stats = [(str(file.absolute()), stat.st_size, stat.st_mtime_ns) for file in files for stat in [file.stat()]]
    signature = digest([list(names), stats])
    found = _read().get(signature)
    if found is None:
        found = compute()
        _remember(signature, found)
    return found


def _read() -> dict[str, str]:
    try:
        known = json.loads(cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(signature: str, found: str) -> None:
    """Write in one step; that it cannot be written costs time, no result."""
    path = cache_file()
    known = dict([*_read().items(), (signature, found)][-MOST:])
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.write_text(json.dumps(known, indent=1), encoding="utf-8")
        draft.replace(path)
