"""The evidence store: one folder a cell, written once, verified at every read.

Layout of the store's root::

    cells/KEY/     finished or failed cells: cell.json, metrics.jsonl, arrays.npz, log.txt, ..., seal.json
    partial/KEY/   being computed, or left by a killed process; holds its checkpoints
    failed/KEY.N/  what was in the way when a cell was computed again: earlier failures, damaged cells
    locks/KEY      held by the process that computes the cell; the system frees it when the process dies
    values/        what readings found in cells, to be remembered (see :mod:`suite.values`)

A cell appears under ``cells/`` by one rename after all its files were synced to disk, so a reader never
sees half a cell. ``seal.json`` holds the size and SHA-256 of every file: a truncated or edited cell is
named and never read as a result.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Protocol

from filelock import FileLock, Timeout

from suite.errors import Diverged, SuiteError, Unobtainable
from suite.evidence.cell import Cell, Result
from suite.evidence.disk import Unwritable, sync, writing
from suite.evidence.draft import ARRAYS, CHECKPOINTS, METRICS, RECORD, Draft, LazyArrays, LazyLines, sweep
from suite.evidence.seal import FORMAT, SEAL, Damaged, read_seal, write_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

__all__ = ["FORMAT", "SEAL", "Cells", "Damaged", "Draft", "Failed", "Missing", "State", "Store", "write_json"]


class Missing(SuiteError):
    """A cell has not been computed."""


class Failed(SuiteError):
    """A cell was tried and failed."""


class FailedByDivergence(Failed, Diverged):
    """Its training was tried and diverged."""


def diverged(error: str) -> bool:
    """Whether a failure, told by its exception's line, is one of the training itself."""
    return re.match(r"[\w.]*\bDiverged:", error) is not None


def _failure(error: str) -> type[Failed]:
    return FailedByDivergence if diverged(error) else Failed


@dataclass(frozen=True)
class State:
    """What is on disk for a key: ``missing``, ``partial``, ``done``, ``failed`` or ``damaged``.

    ``origin`` names the bundle that a cell of somebody else came from; it is empty for our own. ``seconds`` is what
    it took, on ``gpus`` GPUs; None where that was not noted. ``memory`` is what its process held at most, in bytes,
    while it computed ``together`` cells in one call; None where that was not noted.
    """

    word: str
    detail: str = ""
    seconds: float = 0.0
    origin: str = ""
    gpus: int | None = None
    memory: int | None = None
    together: int = 1


class Cells(Protocol):
    """Cells that can be looked at and read, wherever they lie."""

    @property
    def root(self) -> Path:
        """The folder of this machine's own cells."""

    def state(self, cell: Cell | str) -> State:
        """What there is for a cell or its key."""

    def read(self, cell: Cell | str) -> Result:
        """A finished cell; raises as :meth:`Store.read` does."""


class Store:
    """Cells under one root folder; several processes may use it at once."""

    def __init__(self, root: Path) -> None:
        """Open the store at ``root``; the folder is made when the first cell is written."""
        self.root = root
        self._read: dict[str, Result] = {}

    def folder(self, key: str) -> Path:
        """Where a finished or failed cell lies."""
        return self.root / "cells" / key

    def _partial(self, key: str) -> Path:
        return self.root / "partial" / key

    # ------------------------------------------------------------------ reading

    def state(self, cell: Cell | str) -> State:
        """What is on disk for a cell or its key, verified."""
        key = cell if isinstance(cell, str) else cell.key
        if not os.path.lexists(self.folder(key)):
            left = self._partial(key).is_dir()
            return State("partial", "left unfinished; it resumes when run again") if left else State("missing")
        before = self.generation(key)
        try:
            seal = read_seal(self.folder(key), key)
        except Damaged as error:
            return State("damaged", str(error)) if self.generation(key) == before else self.state(key)
        noted = {name: seal[name] for name in ("gpus", "memory", "together") if name in seal}
        return State(seal["status"], seal.get("error", ""), seal["seconds"], **noted)

    def read(self, cell: Cell | str) -> Result:
        """A finished cell.

        Raises:
            Missing: it was not computed.
            Failed: it was tried and failed; the message holds the reason. A ``Diverged`` as well, if the training was.
            Unobtainable: it was tried, and something that it needs cannot be had here.
            Damaged: a file is missing, truncated or edited.
        """
        key = cell if isinstance(cell, str) else cell.key
        while key not in self._read:
            before = self.generation(key)
            try:
                self._read[key] = self._verified(key, str(cell))
            except Damaged:
                if self.generation(key) == before:
                    raise  # else another process put a new cell in its place while this one was being read
        return self._read[key]

    def generation(self, key: str) -> int | None:
        """Which folder lies there now: another number once the cell was computed again."""
        try:
            return self.folder(key).stat().st_ino
        except OSError:
            return None

    def _verified(self, key: str, name: str) -> Result:
        folder = self.folder(key)
        if not os.path.lexists(folder):
            raise Missing(f"cell '{name}' is not computed")
        seal = read_seal(folder, key)
        if seal.get("lacking"):
            raise Unobtainable(seal["error"])
        if seal["status"] != "done":
            raise _failure(seal["error"])(f"cell '{name}' failed: {seal['error']}")
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return Result(
            key=key,
            folder=folder,
            arrays=LazyArrays(folder / ARRAYS),
            metrics=LazyLines(folder / METRICS),
            environment=record["environment"],
            seconds=seal["seconds"],
            seed=record["seed"],
        )

    def has(self, key: str) -> bool:
        """Whether there is a finished or failed cell of this key; nothing is verified."""
        return os.path.lexists(self.folder(key))

    def keys(self) -> list[str]:
        """Every key under ``cells/``, done or not, sorted."""
        return [path.name for path in _folders(self.root / "cells")]

    # ------------------------------------------------------------------ writing

    @contextmanager
    def lock(self, key: str) -> Iterator[bool]:
        """Hold a cell for computing; yields False if another process holds it.

        Raises:
            Unwritable: the evidence cannot be written.
        """
        with writing(self.root):
            (self.root / "locks").mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / "locks" / key)
            with suppress(Timeout):
                lock.acquire(timeout=0)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def begin(self, cell: Cell) -> Draft:
        """The folder in which a cell is computed; checkpoints that a killed process left there are kept.

        Raises:
            Unwritable: the evidence cannot be written.
        """
        folder = self._partial(cell.key)
        with writing(self.root):
            folder.mkdir(parents=True, exist_ok=True)
            sweep(folder)
        return Draft(cell, folder, root=self.root, publish=self._publish)

    def recover(self, key: str) -> None:
        """Publish a draft that was sealed, but whose process was killed before it could move it."""
        with suppress(Damaged):
            read_seal(self._partial(key), key)
            self._publish(key)

    def _publish(self, key: str) -> None:
        """Move a sealed draft under ``cells/``; what is there is kept aside."""
        cell, draft = self.folder(key), self._partial(key)
        with writing(self.root):
            shutil.rmtree(draft / CHECKPOINTS, ignore_errors=True)
            cell.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(cell):
                aside = self.root / "failed"
                aside.mkdir(exist_ok=True)
                cell.rename(next(path for n in count() if not os.path.lexists(path := aside / f"{key}.{n}")))
            draft.rename(cell)
            sync(cell.parent)
        self._read.pop(key, None)

    def in_hand(self, key: str) -> bool:
        """Whether a process computes the cell now: there is a draft, and its lock is held.

        To find out, the lock is taken for an instant; who may not do that is told no.
        """
        if not self._partial(key).is_dir():
            return False
        try:
            with self.lock(key) as free:
                return not free
        except Unwritable:
            return False

    # ------------------------------------------------------------------ garbage

    def garbage(self, keep: Collection[str]) -> list[Path]:
        """Cells and drafts whose key is not in ``keep``, and everything that was kept aside."""
        unwanted = [path for part in ("cells", "partial") for path in _folders(self.root / part)]
        return [path for path in unwanted if path.name not in keep] + _folders(self.root / "failed")

    def delete(self, paths: Iterable[Path]) -> tuple[int, int]:
        """Delete folders that :meth:`garbage` named, but none that a process is computing.

        Returns:
            how many were deleted, and their bytes.
        """
        number = size = 0
        for path in paths:
            key = path.stem if path.parent.name == "failed" else path.name
            with self.lock(key) as mine, writing(self.root):
                if mine and path.is_dir():
                    size += sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
                    shutil.rmtree(self._binned(path))
                    number += 1
        return number, size

    def _binned(self, path: Path) -> Path:
        """Take a folder away in one step: half a cell would look like a damaged one."""
        aside = self.root / "failed"
        if path.parent == aside:
            return path
        aside.mkdir(exist_ok=True)
        shutil.rmtree(aside / f"{path.name}.deleted", ignore_errors=True)
        return path.rename(aside / f"{path.name}.deleted")


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []
