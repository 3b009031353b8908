"""The evidence store: one folder a cell, written once, verified at every read.

Layout of the store's root::

    cells/KEY/     finished or failed cells: cell.json, metrics.jsonl, arrays.npz, log.txt, ..., seal.json
    partial/KEY/   being computed, or left by a killed process; holds its checkpoints
    failed/KEY.N/  earlier failures of a cell that was tried again
    locks/KEY      held by the process that computes the cell; the system frees it when the process dies

A cell appears under ``cells/`` by one rename after all its files were synced to disk, so a reader never
sees half a cell. ``seal.json`` holds the size and SHA-256 of every file: a truncated or edited cell is
named and never read as a result.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from suite.errors import SuiteError
from suite.evidence.cell import Cell, Result, digest
from suite.evidence.runtime import environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 1
SEAL = "seal.json"


class Damaged(SuiteError):
    """A cell on disk is not what was written."""


class Missing(SuiteError):
    """A cell has not been computed."""


class Failed(SuiteError):
    """A cell was tried and failed."""


@dataclass(frozen=True)
class State:
    """What is on disk for a key: ``missing``, ``partial``, ``done``, ``failed`` or ``damaged``."""

    word: str
    detail: str = ""
    seconds: float = 0.0


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write JSON through a temporary name, so that a reader never sees half a file."""
    draft = path.with_name(path.name + ".draft")
    draft.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)


class Store:
    """Cells under one root folder; several processes may use it at once."""

    def __init__(self, root: Path) -> None:
        """Open the store at ``root``; the folder is made when the first cell is written."""
        self.root = root
        self._read: dict[str, Result] = {}

    def folder(self, key: str) -> Path:
        """Where a finished or failed cell lies."""
        return self.root / "cells" / key

    # ------------------------------------------------------------------ reading

    def _seal(self, key: str) -> dict[str, Any]:
        folder = self.folder(key)
        again = f"delete {folder} and run again"
        try:
            seal = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise Damaged(f"cell {key} has no seal: {again}") from None
        except (OSError, ValueError) as error:
            raise Damaged(f"cell {key}: its seal cannot be read ({error}): {again}") from None
        if not isinstance(seal, dict) or seal.get("format") != FORMAT:
            found = seal.get("format") if isinstance(seal, dict) else None
            raise Damaged(f"cell {key} has format {found}, this program reads {FORMAT}: {again}")
        body = {name: value for name, value in seal.items() if name != "sum"}
        if seal.get("sum") != digest(body):
            raise Damaged(f"cell {key}: its seal was edited: {again}")
        if seal["key"] != key:
            raise Damaged(f"folder {folder} holds the cell {seal['key']}: {again}")
        for name, expected in seal["files"].items():
            path = folder / name
            if not path.is_file():
                raise Damaged(f"cell {key}: {name} is gone: {again}")
            if path.stat().st_size != expected["bytes"]:
                raise Damaged(f"cell {key}: {name} has {path.stat().st_size} of {expected['bytes']} bytes: {again}")
            if _sha256(path) != expected["sha256"]:
                raise Damaged(f"cell {key}: {name} was changed after it was written: {again}")
        return seal

    def state(self, key: str) -> State:
        """What is on disk for a key, verified."""
        if not self.folder(key).is_dir():
            partial = (self.root / "partial" / key).is_dir()
            return State("partial", "left unfinished; it resumes when run again") if partial else State("missing")
        try:
            seal = self._seal(key)
        except Damaged as error:
            return State("damaged", str(error))
        return State(seal["status"], seal.get("error", ""), seal["seconds"])

    def read(self, cell: Cell | str) -> Result:
        """A finished cell.

        Raises:
            Missing: it was not computed.
            Failed: it was tried and failed; the message holds the reason.
            Damaged: a file is missing, truncated or edited.
        """
        key = cell if isinstance(cell, str) else cell.key
        if key in self._read:
            return self._read[key]
        if not self.folder(key).is_dir():
            raise Missing(f"cell {cell} is not computed")
        seal = self._seal(key)
        if seal["status"] != "done":
            raise Failed(f"cell {cell} failed: {seal.get('error', 'no reason recorded')}")
        folder = self.folder(key)
        identity = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
        self._read[key] = Result(
            key=key,
            folder=folder,
            arrays=_Arrays(folder / "arrays.npz"),
            metrics=[json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()],
            environment=identity["environment"],
            seconds=seal["seconds"],
        )
        return self._read[key]

    def keys(self) -> list[str]:
        """Every key under ``cells/``, done or not, sorted."""
        folder = self.root / "cells"
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    # ------------------------------------------------------------------ writing

    @contextmanager
    def lock(self, key: str) -> Iterator[bool]:
        """Hold a cell for computing; yields False if another process holds it."""
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / key)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def begin(self, cell: Cell) -> Draft:
        """The folder in which a cell is computed; what a killed process left there is kept to resume from."""
        folder = self.root / "partial" / cell.key
        folder.mkdir(parents=True, exist_ok=True)
        return Draft(self, cell, folder)

    def _retire(self, key: str) -> None:
        """Keep an earlier failure of a cell that is about to be written again; damage is kept likewise."""
        folder = self.folder(key)
        if folder.is_dir():
            kept = self.root / "failed"
            kept.mkdir(parents=True, exist_ok=True)
            number = sum(1 for path in kept.iterdir() if path.name.startswith(key))
            folder.rename(kept / f"{key}.{number}")

    def commit(self, draft: Draft, seal: dict[str, Any]) -> None:
        """Seal a draft and move it under ``cells/`` in one step."""
        files = sorted(path for path in draft.folder.rglob("*") if path.is_file() and path.name != SEAL)
        seal["files"] = {
            str(path.relative_to(draft.folder)): {"bytes": path.stat().st_size, "sha256": _sha256(path)}
            for path in files
        }
        seal["sum"] = digest(seal)
        write_json(draft.folder / SEAL, seal)
        for path in (*files, draft.folder / SEAL):
            _sync(path)
        _sync(draft.folder)
        target = self.folder(draft.cell.key)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._retire(draft.cell.key)
        draft.folder.rename(target)
        _sync(target.parent)
        self._read.pop(draft.cell.key, None)

    def collect_garbage(self, keep: set[str]) -> tuple[int, int]:
        """Delete every cell, draft and failure whose key is not in ``keep`` and nobody holds.

        Returns:
            how many folders were deleted, and their bytes.
        """
        count = size = 0
        for part in ("cells", "partial", "failed"):
            folder = self.root / part
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                key = path.name.partition(".")[0]
                if part != "failed" and key in keep:
                    continue
                with self.lock(key) as mine:
                    if mine:
                        size += sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
                        shutil.rmtree(path)
                        count += 1
        return count, size


class Draft:
    """A cell being computed: where its files go until it is sealed."""

    CHECKPOINTS = "checkpoints"

    def __init__(self, store: Store, cell: Cell, folder: Path) -> None:
        """Made by :meth:`Store.begin`."""
        self._store = store
        self.cell = cell
        self.folder = folder

    @property
    def checkpoints(self) -> Path:
        """For files that only serve to resume; removed when the cell is finished."""
        folder = self.folder / self.CHECKPOINTS
        folder.mkdir(exist_ok=True)
        return folder

    def log(self, text: str) -> None:
        """Add a line to the cell's log."""
        with (self.folder / "log.txt").open("a", encoding="utf-8") as stream:
            stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    def finish(
        self,
        arrays: Mapping[str, NDArray[Any] | np.generic],
        metrics: list[dict[str, Any]],
        *,
        seconds: float,
        device: str,
    ) -> None:
        """Write the results and move the cell to its final place in one step."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]
        (self.folder / "arrays.npz").write_bytes(buffer.getvalue())
        lines = "".join(json.dumps(line, allow_nan=False) + "\n" for line in metrics)
        (self.folder / "metrics.jsonl").write_text(lines, encoding="utf-8")
        self._close("done", seconds=seconds, device=device)

    def fail(self, error: str, *, seconds: float, device: str) -> None:
        """Keep the cell as failed: never a result, always visible."""
        self.log(error)
        self._close("failed", seconds=seconds, device=device, error=error.strip().splitlines()[-1])

    def _close(self, status: str, *, seconds: float, device: str, error: str = "") -> None:
        shutil.rmtree(self.folder / self.CHECKPOINTS, ignore_errors=True)
        record = self.cell.identity | {
            "label": self.cell.label,
            "question": self.cell.question,
            "environment": environment(device),
        }
        write_json(self.folder / "cell.json", record)
        seal: dict[str, Any] = {
            "format": FORMAT,
            "key": self.cell.key,
            "status": status,
            "seconds": round(seconds, 3),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }
        if error:
            seal["error"] = error
        self._store.commit(self, seal)


class _Arrays(Mapping[str, "NDArray[Any]"]):
    """Arrays of an ``.npz`` file, each loaded when first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loaded: dict[str, NDArray[Any]] = {}
        with zipfile.ZipFile(path) as archive:
            self._names = [name.removesuffix(".npy") for name in archive.namelist()]

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(f"{self._path.parent.name} holds no array {name!r}; it has {', '.join(self._names)}")
        if name not in self._loaded:
            with np.load(self._path, allow_pickle=False) as archive:
                self._loaded[name] = archive[name]
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
