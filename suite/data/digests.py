"""What is remembered of files between processes: digests, and what folders hold, as long as nothing changed.

50,000 images or a gigabyte of weights are read once, and the million files of a training set are listed once.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.evidence.cell import digest

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MOST = 200  # digests that are remembered; the oldest are forgotten
MOST_FILES = 50  # of digests of single images, and of listings
DIGITS = 16
LISTINGS, IMAGES = "listings", "images"


def cache_folder() -> Path:
    """Where things are remembered: in the user's cache folder (``$XDG_CACHE_HOME``, else ``~/.cache``)."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "vit-distillation-claims"


def cache_file() -> Path:
    """Where digests of whole files are remembered."""
    return cache_folder() / "digests.json"


def file_digest(path: Path) -> str:
    """SHA-256 of a file, its first 16 hexadecimal digits."""

    def read() -> str:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:DIGITS]

    signature = digest([["one file"], [stamp(path)]])
    known = _read(cache_file())
    found = known.get(signature)
    if found is None:
        found = read()
        _write(cache_file(), dict([*known.items(), (signature, found)][-MOST:]))
    return str(found)


def stamp(path: Path) -> tuple[str, int, int]:
    """What tells whether a file changed: where it is, its size and time; -1 for what is not there (a broken link)."""
    try:
        stat = path.stat()
    except OSError:
        return str(path.absolute()), -1, -1
    return str(path.absolute()), stat.st_size, stat.st_mtime_ns


def remembered_each(names: Sequence[str], files: Sequence[Path], compute: Callable[[], list[str]]) -> list[str]:
    """A digest of each of many things, computed only if one of the files changed since.

    Args:
        names: what else the digests depend on.
        files: the files; with none, nothing can be remembered.
        compute: reads them all.
    """
    if not files:
        return compute()
    path = cache_folder() / IMAGES / f"{digest([list(names), [stamp(file) for file in files]])[:32]}.json"
    with one_at_a_time(path):
        known = _read(path).get("digests")
        if isinstance(known, list) and len(known) == len(names):
            return known
        found = compute()
        _write(path, {"digests": found})
        _forget_oldest(path.parent)
    return found


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Let one process after the other look for what is kept in a file, and make it.

    The processes of a training begin together: the first one reads what all need, and the others find it kept.
    """
    with ExitStack() as held:
        with suppress(OSError):  # where nothing can be kept, nobody waits
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = held.enter_context(path.with_suffix(".lock").open("w"))
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def listing_file(root: Path) -> Path:
    """Where what a folder holds is kept."""
    return cache_folder() / LISTINGS / f"{digest(str(root.absolute()))[:32]}.json"


def known_listing(root: Path) -> Mapping[str, Any] | None:
    """What a folder and those in it held when it was last listed; None if one of them changed since.

    Only the folders are asked for their times, not the files: a file that comes, goes or is renamed changes its
    folder's.
    """
    kept = _read(listing_file(root))
    if kept.get("root") != str(root.absolute()):
        return None
    folders = kept.get("folders")
    if not isinstance(folders, dict):
        return None
    for below, entry in folders.items():
        try:
            if (root / below).stat().st_mtime_ns != entry["time"]:
                return None
        except OSError:
            return None
    return folders


def remember_listing(root: Path, folders: Mapping[str, Any]) -> None:
    """Keep what folders hold, by path below the root: ``time`` of change [ns], and anything else."""
    path = listing_file(root)
    _write(path, {"root": str(root.absolute()), "folders": dict(folders)})
    _forget_oldest(path.parent)


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Write in one step; that it cannot be written costs time, no result."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.write_text(json.dumps(content), encoding="utf-8")
        draft.replace(path)


def _forget_oldest(folder: Path) -> None:
    with suppress(OSError):
        files = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        for path in files[:-MOST_FILES]:
            path.unlink()
