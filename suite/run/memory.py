"""How much main memory a job will need: a line through what finished cells took, and a margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from suite.run.plan import Step

GB = 10**9
LIBRARIES = 0.9 * GB  # of a process that has imported study train and computed nothing, with torch 2.15 on a CPU
MARGIN = 1.25  # over what was measured: a job that meets its limit is killed, and has to be asked for again


@dataclass(frozen=True)
class Line:
    """Memory of a process by the number of cells that it computes together.

    Attributes:
        base: bytes whatever the number.
        each: bytes a cell.
        above: bytes that a measured process took above the line, at most.
        cells: finished cells that it goes by.
    """

    base: float
    each: float
    above: float
    cells: int

    def bytes(self, together: int) -> float:
        """What a process needs for so many cells, margin included."""
        return MARGIN * (self.base + self.each * together + self.above)

    def __str__(self) -> str:
        each = f" and {self.each / GB:.2g} a cell" if self.each else ""
        return (
            f"{self.base / GB:.2g} GB{each}, as {self.cells} finished cell{'s' if self.cells > 1 else ''} took, "
            f"and a margin of {MARGIN - 1:.0%}"
        )


def fit(points: Sequence[tuple[int, float]]) -> Line | None:
    """A line of least squares that no measured process lies above; None without points.

    Args:
        points: cells computed together, and bytes that the process held at most. If all are of one number, the
            libraries alone are taken to stay, and the rest to grow with the number.
    """
    if not points:
        return None
    counts, held = [count for count, _ in points], [size for _, size in points]
    middle, mean = sum(counts) / len(counts), sum(held) / len(held)
    spread = sum((count - middle) ** 2 for count in counts)
    if not spread:
        base = min(LIBRARIES, *held)
        return Line(base, (max(held) - base) / counts[0], 0.0, len(points))
    slope = sum((count - middle) * (size - mean) for count, size in points) / spread
    each = max(0.0, slope)
    base = max(0.0, mean - each * middle)
    above = max(0.0, *(size - base - each * count for count, size in points))
    return Line(base, each, above, len(points))


def measured(steps: Iterable[Step]) -> dict[str, Line]:
    """The line of each study of which finished cells noted their memory."""
    points: dict[str, list[tuple[int, float]]] = {}
    for step in steps:
        state = step.state
        if state.word == "done" and state.memory:
            points.setdefault(step.cell.study, []).append((state.together, float(state.memory)))
    found = {study: fit(own) for study, own in points.items()}
    return {study: line for study, line in found.items() if line is not None}


def gigabytes(line: Line, together: int) -> int:
    """Whole GB that a process should be given."""
    return math.ceil(line.bytes(together) / GB)
