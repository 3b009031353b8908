"""Features kept on disk, so that a second look at them needs neither memory nor a second forward pass."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from suite.measure._features import at_once

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Spill:
    """The feature maps of one layer in one file, image after image.

    Iterating gives all of them in order, a few at a time, as often as wanted.
    """

    def __init__(
        self,
        path: Path,
        *,
        tokens: int,
        channels: int,
        kind: torch.dtype,
        device: torch.device,
        images: int = 0,
    ) -> None:
        """Create the file, or open an earlier one.

        Args:
            path: where; without ``images`` nothing may be there.
            tokens: ``N``.
            channels: ``C``.
            kind: float32 or float64.
            device: where features are wanted when they are read back.
            images: how many of an earlier file's images to go on from; what follows them is cut off.

        Raises:
            ValueError: the earlier file is gone or holds fewer.
        """
        self._shape = (tokens, channels)
        self._kind = np.dtype(np.float64 if kind == torch.float64 else np.float32)
        self.device = device
        self.kind = kind
        self._images = images
        wanted = images * tokens * channels * self._kind.itemsize
        if images and (not path.is_file() or path.stat().st_size < wanted):
            raise ValueError(f"the spilled features in {path} are gone or cut short: measure again from the start")
        self._file = path.open("r+b" if images else "x+b")
        self._file.truncate(wanted)

    def append(self, values: Tensor) -> None:
        """Add images at the end.

        Args:
            values: ``[b, N, C]`` in the type of the file.
        """
        self._file.seek(0, 2)
        self._file.write(values.cpu().numpy().data)
        self._images += len(values)

    def fetch(self, index: Tensor) -> Tensor:
        """Read images in any order.

        Args:
            index: ``[b]`` int64.

        Returns:
            ``[b, N, C]`` on the device.
        """
        return torch.cat([self._read(int(image), 1) for image in index])

    def __iter__(self) -> Iterator[Tensor]:
        """Read all images in order.

        Yields:
            ``[b, N, C]`` on the device, the same pieces whatever the pieces they were added in.
        """
        count = at_once(*self._shape, self.device)
        for first in range(0, self._images, count):
            yield self._read(first, min(count, self._images - first))

    def flush(self) -> None:
        """Bring what was added to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; it is for the owner of its folder to remove it."""
        self._file.close()

    def _read(self, first: int, count: int) -> Tensor:
        values = np.empty((count, *self._shape), self._kind)
        self._file.seek(first * values[0].nbytes)
        if self._file.readinto(values.data) != values.nbytes:
            raise ValueError(f"the spilled features in {self._file.name} were cut short: measure again")
        return torch.from_numpy(values).to(self.device)
