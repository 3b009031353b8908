"""Tables of one number per layer: a row a checkpoint, a column a layer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.errors import SuiteError
from suite.evidence.released.source import Figure, Source, fault, finite, rows_of, short_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_LAYER = re.compile(r"layer[_ ]?(\d+)", re.IGNORECASE)
FEWEST_LAYERS = 3


@dataclass(frozen=True)
class LayerTable:
    """A quantity over the layers of several checkpoints of one run.

    Attributes:
        file: folder and name inside the release.
        checkpoints: their names, in the order of the file; row ``i`` stands on line ``i + 2``.
        values: ``[R, L]`` float64, all finite.
    """

    file: str
    checkpoints: tuple[str, ...]
    values: NDArray[np.float64]

    def figures(self) -> dict[str, NDArray[Any]]:
        """Names of the checkpoints, and their values."""
        return {"checkpoints": np.asarray(self.checkpoints), "values": self.values}

    @classmethod
    def of(cls, file: str, figures: Mapping[str, NDArray[Any]]) -> LayerTable:
        """The table that has these figures."""
        return cls(file, tuple(figures["checkpoints"].tolist()), figures["values"])

    def profile(self, checkpoint: str) -> NDArray[np.float64]:
        """The values over layers, first layer first: ``[L]``.

        Raises:
            SuiteError: there is no such checkpoint.
        """
        profile: NDArray[np.float64] = self.values[self._row(checkpoint)]
        return profile

    def figure(self, checkpoint: str, layer: int) -> Figure:
        """One number with the line it stands on; layers count from 1.

        Raises:
            SuiteError: there is no such checkpoint or layer.
        """
        if not 1 <= layer <= self.values.shape[1]:
            raise SuiteError(f"{self.file}, line 1: no layer {layer} of {self.values.shape[1]}")
        return Figure(float(self.profile(checkpoint)[layer - 1]), self.source(checkpoint))

    def source(self, checkpoint: str) -> Source:
        """The line a checkpoint stands on.

        Raises:
            SuiteError: there is no such checkpoint.
        """
        return Source(self.file, self._row(checkpoint) + 2)

    def _row(self, checkpoint: str) -> int:
        try:
            return self.checkpoints.index(checkpoint)
        except ValueError:
            known = ", ".join(self.checkpoints)
            raise SuiteError(f"{self.file}: no checkpoint {checkpoint!r}; there are {known}") from None


def read_layer_table(path: Path) -> LayerTable:
    """Read a table of comma-separated values.

    Args:
        path: a header ``<anything>,Layer_1,Layer_2,...``, then rows ``<checkpoint>,<number>,...``.

    Returns:
        The table.

    Raises:
        SuiteError: the file is missing, ragged, without rows, or a cell is no number; names file and line.

    References:
        Format of the tables in https://github.com/thy960112/Distillation-Dynamics, folder Analysis_Results.
    """
    header, *rows = rows_of(path)
    layers = [_LAYER.fullmatch(name.strip()) for name in header[1:]]
    if [match and int(match[1]) for match in layers] != list(range(1, len(header))):
        fault(path, 1, f"columns must be a name and Layer_1, Layer_2, ... in order, not {', '.join(header)}")
    if len(layers) < FEWEST_LAYERS:
        fault(path, 1, f"{len(layers)} layers are too few for a profile over depth")
    if not rows:
        fault(path, 1, "a header without rows; is the file truncated?")
    names: list[str] = []
    values = []
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            fault(path, line, f"{len(row)} cells where {len(header)} belong; is the file truncated?")
        if row[0] in names:
            fault(path, line, f"checkpoint {row[0]!r} stands there a second time")
        names.append(row[0])
        cells = zip(header[1:], row[1:], strict=True)
        values.append([finite(path, line, name, cell) for name, cell in cells])
    return LayerTable(short_name(path), tuple(names), np.asarray(values, dtype=np.float64))
