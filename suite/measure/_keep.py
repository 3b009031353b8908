"""What a probe keeps while images stream by: rows, one per image, and sums over images by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from suite.measure._features import groups_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


PARTS = 256
"""Parts of rows that may wait to be put together."""


class Rows:
    """A row of numbers for each image, in order; they wait on their device until `collect` brings them home."""

    def __init__(self) -> None:
        """Start from nothing."""
        self._home: list[Tensor] = []
        self._away: list[Tensor] = []

    def add(self, values: Tensor) -> None:
        """Take in the next images.

        Args:
            values: ``[b, ...]``, any device.
        """
        (self._home if values.is_cpu else self._away).append(values)

    def join(self) -> None:
        """Put parts together now and then, as each part takes memory of its own."""
        if len(self._home) > PARTS:
            self._home = [torch.cat(self._home)]

    def values(self) -> Tensor:
        """All rows so far.

        Returns:
            ``[I, ...]`` on the CPU.
        """
        collect([self])
        self._home = [torch.cat(self._home)]
        return self._home[0]

    def state(self) -> Tensor:
        """What `load` goes on from."""
        return self.values()

    def load(self, state: Tensor) -> None:
        """Go on from a `state`."""
        self._home, self._away = [state], []

    @property
    def bytes(self) -> int:
        """Memory that the rows take."""
        return sum(part.nbytes for part in (*self._home, *self._away))


def collect(kept: Iterable[Rows]) -> None:
    """Bring the rows of many probes to the CPU in one transfer: each transfer makes the host wait for its device.

    Args:
        kept: any number of rows; all that are away are on one device.
    """
    every = list(kept)
    for rows in every:
        rows.join()
    waiting = [rows for rows in every if rows._away]  # noqa: SLF001 - of this module
    parts = [part for rows in waiting for part in rows._away]  # noqa: SLF001
    if not parts:
        return
    # Counts up to 2^53 and float32 numbers survive a passage as float64.
    flat = torch.cat([part.reshape(-1).double() for part in parts]).cpu()
    home = iter(torch.split(flat, [part.numel() for part in parts]))
    for rows in waiting:
        rows._home += [next(home).to(part.dtype).view(part.shape) for part in rows._away]  # noqa: SLF001
        rows._away = []  # noqa: SLF001


class Sums:
    """Sums over images, kept for each group of them: image ``i`` is in group ``i % groups``."""

    def __init__(self, size: int, *, groups: int, device: torch.device) -> None:
        """Start from nothing; ``size`` numbers are kept per group, in float64 on the device."""
        self._sums = torch.zeros(groups, size, dtype=torch.float64, device=device)
        self._counts = torch.zeros(groups, dtype=torch.float64, device=device)

    def add(self, first: int, values: Tensor, counts: Tensor | None = None) -> None:
        """Take in the next images.

        Args:
            first: number of the first one.
            values: ``[b, size]``.
            counts: ``[b]``, how much each counts in the mean; 1 unless given.
        """
        group = groups_of(first, len(values), len(self._sums), values.device)
        self._sums.index_add_(0, group, values.double())
        counts = torch.ones(len(values), device=values.device) if counts is None else counts
        self._counts.index_add_(0, group, counts.double())

    def mean(self) -> Tensor:
        """Over all images.

        Returns:
            ``[size]``.
        """
        return self._sums.sum(dim=0) / self._counts.sum()

    def means(self) -> Tensor:
        """Of each group.

        Returns:
            ``[groups, size]``; zeros for a group in which nothing counts.
        """
        return self._sums / torch.where(self._counts > 0, self._counts, 1)[:, None]

    def total(self) -> float:
        """How much counts in the mean over all images."""
        return float(self._counts.sum())

    def state(self) -> dict[str, Any]:
        """What `load` goes on from."""
        return {"sums": self._sums.cpu(), "counts": self._counts.cpu()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state` of sums of equal size and groups."""
        self._sums.copy_(state["sums"])
        self._counts.copy_(state["counts"])
