"""A stream's arrays as they would be of some of its images only: what an interval over images is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUPED = "grouped."


def groups_in(arrays: Mapping[str, NDArray[Any]]) -> int:
    """How many groups the images of a stream's arrays were dealt into; 1 if none."""
    return next((len(arrays[name]) for name in arrays if name.startswith(GROUPED)), 1)


class SomeImages(Mapping[str, "NDArray[Any]"]):
    """The arrays of `suite.measure.stream.LayerStream.finish` for some groups of the images.

    What was summed over images is summed over these groups, what holds one number per image keeps theirs, everything
    else stays. What was found from all images together stays as well: the shared basis, the number of directions
    whose angles are compared, and the ranges of the histograms.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], kept: NDArray[np.bool_]) -> None:
        """``arrays`` of a stream with groups; ``kept`` says of each group whether its images count."""
        self._arrays = arrays
        group = np.arange(int(arrays["images"])) % len(kept)
        self._kept = kept[group]
        self._weights = np.bincount(group, minlength=len(kept)) * kept

    def __getitem__(self, name: str) -> NDArray[Any]:
        values = self._arrays[name]
        grouped = f"{GROUPED}{name}"
        if grouped in self._arrays:
            return np.asarray(self._weights @ self._arrays[grouped] / self._weights.sum())
        layered, number = name.rpartition(".")[::2]
        if layered and number.isdigit():
            return np.asarray(values[self._kept])
        return np.asarray(values[:, self._kept]) if values.ndim > 1 else values

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._arrays if not name.startswith(GROUPED))

    def __len__(self) -> int:
        return sum(1 for _ in self)
