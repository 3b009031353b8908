"""Training logs: one JSON object a line, one line an epoch."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.errors import SuiteError
from suite.evidence.released.source import Figure, Source, fault, lines_of, short_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

EPOCH = "epoch"


@dataclass(frozen=True)
class TrainingLog:
    """A run as its authors logged it.

    Attributes:
        file: folder and name inside the release.
        epochs: ``[E]`` int64 as logged, in the order of the file; line ``i + 1`` holds ``epochs[i]``.
        columns: ``[E]`` float64 by name, all finite.
    """

    file: str
    epochs: NDArray[np.int64]
    columns: Mapping[str, NDArray[np.float64]]

    def figures(self) -> dict[str, NDArray[Any]]:
        """Every logged quantity by name, `epoch` first."""
        return {EPOCH: self.epochs, **self.columns}

    @classmethod
    def of(cls, file: str, figures: Mapping[str, NDArray[Any]]) -> TrainingLog:
        """The log that has these figures; line ``i + 1`` holds row ``i``."""
        columns = {name: column for name, column in figures.items() if name != EPOCH}
        return cls(file, figures[EPOCH], columns)

    def column(self, name: str) -> NDArray[np.float64]:
        """A logged quantity: ``[E]``.

        Raises:
            SuiteError: the log has none of that name.
        """
        try:
            return self.columns[name]
        except KeyError:
            raise SuiteError(f"{self.file}: no {name!r}; logged are {', '.join(self.columns)}") from None

    def complete(self, epochs: int) -> TrainingLog:
        """The log itself, if it holds epochs 0 to ``epochs - 1``, each once and in order.

        Raises:
            SuiteError: it does not; names the first line that is not as announced.
        """
        for row, epoch in enumerate(self.epochs[:epochs]):
            if epoch != row:
                raise SuiteError(f"{self.file}, line {row + 1}: epoch {epoch} where epoch {row} belongs")
        if len(self.epochs) != epochs:
            raise SuiteError(
                f"{self.file}, line {len(self.epochs)}: ends there, but a run of {epochs} epochs is announced"
            )
        return self

    def at(self, name: str, epochs: range) -> NDArray[np.float64]:
        """A quantity at some epochs: ``[len(epochs)]``.

        Raises:
            SuiteError: an epoch or the quantity is not logged.
        """
        return self.column(name)[self._rows(epochs)]

    def figure(self, name: str, epoch: int) -> Figure:
        """One number with the line it stands on.

        Raises:
            SuiteError: the epoch or the quantity is not logged.
        """
        (row,) = self._rows(range(epoch, epoch + 1))
        return Figure(float(self.column(name)[row]), Source(self.file, int(row) + 1))

    def cite(self, epochs: range) -> str:
        """The lines on which some epochs stand: ``Distillation_Logs/SoftKD.txt:291-300``.

        Raises:
            SuiteError: an epoch is not logged.
        """
        lines = self._rows(epochs) + 1
        every = f", every {epochs.step} lines" if epochs.step > 1 else ""
        return f"{self.file}:{lines[0]}-{lines[-1]}{every}"

    def _rows(self, epochs: range) -> NDArray[np.int64]:
        rows = []
        for epoch in epochs:
            found = np.flatnonzero(self.epochs == epoch)
            if len(found) != 1:
                how = "is not logged" if not len(found) else f"is logged {len(found)} times"
                raise SuiteError(f"{self.file}, line {len(self.epochs)}: epoch {epoch} {how}")
            rows.append(found[0])
        return np.asarray(rows, dtype=np.int64)


def read_training_log(path: Path) -> TrainingLog:
    """Read a log of one JSON object a line.

    Args:
        path: every line an object of finite numbers under the same names, ``epoch`` among them.

    Returns:
        The log; whether its epochs are complete is for `TrainingLog.complete` to say.

    Raises:
        SuiteError: the file is missing or a line is not such an object; names file and line.

    References:
        Format of the logs in https://github.com/thy960112/Distillation-Dynamics, folder Distillation_Logs.
    """
    rows = [_row(path, line, text) for line, text in enumerate(lines_of(path), start=1)]
    names = tuple(rows[0])
    for line, row in enumerate(rows, start=1):
        if set(row) != set(names):
            odd = ", ".join(sorted(set(row) ^ set(names)))
            fault(path, line, f"other quantities than in line 1: {odd}")
    epochs = []
    for line, row in enumerate(rows, start=1):
        if EPOCH not in row or row[EPOCH] != int(row[EPOCH]) or row[EPOCH] < 0:
            fault(path, line, f"{EPOCH} is {row.get(EPOCH)}, not a whole number from 0")
        epochs.append(int(row[EPOCH]))
    return TrainingLog(
        file=short_name(path),
        epochs=np.asarray(epochs, dtype=np.int64),
        columns={name: np.asarray([row[name] for row in rows]) for name in names if name != EPOCH},
    )


def _row(path: Path, line: int, text: str) -> dict[str, float]:
    try:
        found = json.loads(text, object_pairs_hook=list)
    except ValueError as error:
        fault(path, line, f"not a JSON object ({error}); is the file truncated?")
    if not isinstance(found, list) or not all(isinstance(pair, tuple) for pair in found):
        fault(path, line, "not a JSON object")
    row = {name: _value(path, line, name, value) for name, value in found}
    if len(row) != len(found):
        fault(path, line, "a quantity stands there twice")
    return row


def _value(path: Path, line: int, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        fault(path, line, f"{name} is {value!r}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        fault(path, line, f"{name} is {number}: no number may be taken from it")
    return number
