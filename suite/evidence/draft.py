"""A cell being computed: where its files go until it is sealed."""

from __future__ import annotations

import io
import json
import shutil
import time
import zipfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.errors import SuiteError
from suite.evidence import memory
from suite.evidence.disk import writing
from suite.evidence.runtime import environment
from suite.evidence.seal import write_json, write_seal
from suite.together import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from suite.evidence.cell import Cell

ARRAYS, METRICS, LOG, RECORD = "arrays.npz", "metrics.jsonl", "log.txt", "cell.json"
CHECKPOINTS = "checkpoints"


class Draft:
    """Made by :meth:`suite.evidence.store.Store.begin`."""

    def __init__(self, cell: Cell, folder: Path, *, root: Path, publish: Callable[[str], None]) -> None:
        """Work in ``folder``; ``publish`` moves it to its final place once it is sealed."""
        self.cell = cell
        self.folder = folder
        self.together = 1  # cells that one call computes, of which this is one
        self._root = root
        self._publish = publish

    @property
    def checkpoints(self) -> Path:
        """For files that only serve to resume; removed when the cell is finished."""
        folder = self.folder / CHECKPOINTS
        with writing(self._root):
            folder.mkdir(exist_ok=True)
        return folder

    def log(self, text: str) -> None:
        """Add to the cell's log."""
        with writing(self._root), (self.folder / LOG).open("a", encoding="utf-8") as stream:
            stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    def finish(
        self,
        arrays: Mapping[str, NDArray[Any] | np.generic],
        metrics: Sequence[Mapping[str, Any]],
        *,
        seconds: float,
        device: str,
    ) -> None:
        """Write the results and move the cell to its final place in one step.

        Raises:
            SuiteError: a metric is not finite or not JSON, or an array holds objects; nothing was written.
            Unwritable: the disk is full or not ours to write to; the checkpoints are still there.
        """
        packed, lines = _packed(arrays), _lines(metrics)
        with writing(self._root):
            (self.folder / ARRAYS).write_bytes(packed)
            (self.folder / METRICS).write_text(lines, encoding="utf-8")
        self._close({"status": "done"}, seconds=seconds, device=device)

    def fail(self, error: str, *, seconds: float, device: str, reason: str = "", lacking: bool = False) -> None:
        """Keep the cell as failed: never a result, always visible.

        Args:
            error: everything known of it, for the cell's log.
            seconds: how long it took to fail.
            device: where.
            reason: in one line; by default the last line of ``error``.
            lacking: nothing is at fault, but something that it needs cannot be had here.
        """
        self.log(error)
        lines = error.strip().splitlines() or ["no reason given"]
        status = {"status": "failed", "error": reason or lines[-1], "lacking": lacking}
        self._close(status, seconds=seconds, device=device)

    def _close(self, status: dict[str, Any], *, seconds: float, device: str) -> None:
        record = self.cell.identity | {
            "label": self.cell.label,
            "question": self.cell.question,
            "environment": environment(device),
        }
        seal = status | {
            "key": self.cell.key,
            "seconds": round(seconds, 3),
            "gpus": count() if device == "cuda" else 0,  # one a process, for all of these seconds
            "memory": memory.peak(),
            "together": self.together,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }
        with writing(self._root):
            write_json(self.folder / RECORD, record)
            write_seal(self.folder, seal, leave_out=self.folder / CHECKPOINTS)
        self._publish(self.cell.key)


def sweep(folder: Path) -> None:
    """Remove what a killed attempt left in a draft, but for its checkpoints and its log."""
    for path in folder.iterdir():
        if path.name in (CHECKPOINTS, LOG):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _lines(metrics: Sequence[Mapping[str, Any]]) -> str:
    """One JSON object a line; a value that JSON does not know is named."""
    lines = []
    for number, record in enumerate(metrics, start=1):
        for name, value in record.items():
            try:
                _json(value)
            except (TypeError, ValueError):
                raise SuiteError(
                    f"metric {name!r} of record {number} is {value!r}: a metric is a finite number, a text or null"
                ) from None
        lines.append(_json(dict(record)) + "\n")
    return "".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, default=_number)


def _number(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError


def _packed(arrays: Mapping[str, NDArray[Any] | np.generic]) -> bytes:
    """An ``.npz`` file; it is made in memory, so that a full disk is one plain write that fails."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in arrays.items():
            array = np.asarray(value)
            if array.dtype.hasobject:
                raise SuiteError(f"array {name!r} holds Python objects: give numbers, flags or text of one type")
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)
    return buffer.getvalue()


class LazyLines(Sequence[Mapping[str, Any]]):
    """Records of a file with one JSON object a line, read when first asked for."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self._path = path

    @cached_property
    def _records(self) -> list[Mapping[str, Any]]:
        return [json.loads(line) for line in self._path.read_text(encoding="utf-8").splitlines()]

    def __getitem__(self, index: Any) -> Any:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)


class LazyArrays(Mapping[str, "NDArray[Any]"]):
    """Arrays of an ``.npz`` file, each loaded when first asked for."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self._path = path
        self._loaded: dict[str, NDArray[Any]] = {}

    @cached_property
    def _names(self) -> list[str]:
        with zipfile.ZipFile(self._path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]

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
