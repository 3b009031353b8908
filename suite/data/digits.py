"""Labelled images in memory, read from what a profile's ``[data]`` section names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Images:
    """Images in [0, 1] as float32 ``[I, channels, H, W]`` with int64 labels ``[I]``."""

    pixels: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Images:
        """The first ``count`` images (all, if there are fewer)."""
        return Images(self.pixels[:count], self.labels[:count])


@dataclass(frozen=True)
class Split:
    """One data set: what is trained on, what settings are chosen on, what is reported on."""

    train: Images
    validation: Images
    test: Images
    classes: int


@cache
def _digits_arrays() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    digits = load_digits()
    return (digits.images / 16.0).astype(np.float32), digits.target.astype(np.int64)


def _digits(spec: Mapping[str, Any]) -> Split:
    """The 1,797 handwritten digits of 8x8 pixels that scikit-learn embeds (UCI optical recognition, test part)."""
    pixels, labels = _digits_arrays()
    order = np.arange(len(labels))
    rest, test = train_test_split(order, test_size=spec["test"], stratify=labels, random_state=spec["split_seed"])
    train, validation = train_test_split(
        rest, test_size=spec["validation"], stratify=labels[rest], random_state=spec["split_seed"]
    )

    def part(index: NDArray[np.int64]) -> Images:
        images = torch.from_numpy(pixels[index]).unsqueeze(1)
        size = spec.get("size", images.shape[-1])
        if size != images.shape[-1]:
            images = F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False)
        return Images(images, torch.from_numpy(labels[index]))

    return Split(part(train), part(validation), part(test), classes=int(labels.max()) + 1)


SOURCES = {"digits": _digits}


def load(spec: Mapping[str, Any]) -> Split:
    """Read the data set that a profile names.

    Args:
        spec: ``source`` and that source's settings (digits: ``test`` and ``validation`` counts, ``split_seed``,
            ``size`` in pixels).

    Raises:
        ValueError: there is no such source.
    """
    try:
        source = SOURCES[spec["source"]]
    except KeyError:
        raise ValueError(f"no data source {spec.get('source')!r}: choose from {', '.join(SOURCES)}") from None
    return source(spec)


@cache
def _digits_digest() -> str:
    pixels, labels = _digits_arrays()
    return hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()[:16]


DIGESTS = {"digits": _digits_digest}


def digest(spec: Mapping[str, Any]) -> str:
    """Digest of the source's content, 16 hexadecimal digits; enters the key of every cell that reads it."""
    try:
        return DIGESTS[spec["source"]]()
    except KeyError:
        raise ValueError(f"no data source {spec.get('source')!r}: choose from {', '.join(DIGESTS)}") from None


def normalise(pixels: torch.Tensor, spec: Mapping[str, Any]) -> torch.Tensor:
    """Subtract the data set's mean and divide by its standard deviation, both from the profile."""
    normalised: torch.Tensor = (pixels - spec["mean"]) / spec["std"]
    return normalised
