"""What a study is given while it computes a cell, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from suite.evidence.cell import Cell, Result

Arrays: TypeAlias = Mapping[str, np.ndarray[Any, Any] | np.generic]
Metrics: TypeAlias = list[dict[str, Any]]


class Bench(Protocol):
    """A study's workplace: the cell, the results it builds on, and where to put files."""

    @property
    def cell(self) -> Cell:
        """What to compute."""

    @property
    def device(self) -> str:
        """Where to compute it: ``cpu`` or ``cuda``."""

    @property
    def folder(self) -> Path:
        """Files put here become part of the cell."""

    @property
    def checkpoints(self) -> Path:
        """Files put here only serve to resume."""

    def need(self, role: str) -> Result:
        """The finished result of one of the cell's needs."""

    def report(self, fraction: float, text: str) -> None:
        """Tell the person who waits: share done in [0, 1] and a short line."""
