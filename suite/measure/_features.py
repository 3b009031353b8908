"""What counts as a feature map, and how it is cut into pieces that fit a processor's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

CACHE_ELEMENTS = 1 << 18
"""Values per piece on a CPU: a megabyte of float32, so that a chain of operations stays in the L2 cache."""
DEVICE_ELEMENTS = 1 << 25
"""Values per piece on an accelerator, where large pieces are what is fast."""
TOKEN_ELEMENTS = 128
"""Least size a token is counted with: narrow ones still fill a histogram of 100 counts."""


def as_features(features: Tensor) -> Tensor:
    """A checked feature map in working precision: float64 stays, every other float becomes float32.

    Args:
        features: ``[B, N, C]``, any floating-point type.

    Returns:
        The same values, contiguous and detached, float32 or float64.

    Raises:
        ValueError: the shape or the type is wrong, an axis is empty, or a value is NaN or infinite.
    """
    check_shape(features)
    values = working(features)
    if not bool(torch.isfinite(torch.stack(torch.aminmax(values))).all()):
        raise ValueError("the features hold NaN or infinite values: find the image that causes them first")
    return values


def check_shape(features: Tensor) -> None:
    """Refuse anything but a non-empty floating-point ``[images, tokens, channels]`` tensor.

    Args:
        features: the tensor to look at.

    Raises:
        ValueError: it is something else.
    """
    if features.ndim != 3 or not features.is_floating_point():
        raise ValueError(
            f"features must be a floating-point tensor [images, tokens, channels], "
            f"not {str(features.dtype).removeprefix('torch.')} {list(features.shape)}: reshape or convert it"
        )
    if features.numel() == 0:
        raise ValueError(f"features have an empty axis, {list(features.shape)}: pass at least one value")


def working(features: Tensor) -> Tensor:
    """The features in working precision, unchecked.

    Args:
        features: ``[B, N, C]``.

    Returns:
        Contiguous, detached, float64 if it was, else float32.
    """
    kind = torch.float64 if features.dtype == torch.float64 else torch.float32
    return features.detach().to(kind).contiguous()


def pieces(features: Tensor) -> Iterator[Tensor]:
    """Cut a feature map along its images into pieces that are fast to work on.

    Args:
        features: ``[B, N, C]``.

    Yields:
        ``[b, N, C]`` views in order, ``b`` at least 1.
    """
    yield from torch.split(features, at_once(features.shape[1], features.shape[2], features.device))


def at_once(tokens: int, channels: int, device: torch.device) -> int:
    """How many images make a piece that is fast to work on.

    Args:
        tokens: ``N``.
        channels: ``C``.
        device: where it is worked on.

    Returns:
        At least 1.
    """
    budget = CACHE_ELEMENTS if device.type == "cpu" else DEVICE_ELEMENTS
    return max(1, budget // (tokens * max(channels, TOKEN_ELEMENTS)))


def groups_of(first: int, count: int, groups: int, device: torch.device | str = "cpu") -> Tensor:
    """Which group each of some consecutive images belongs to: dealt out in turn, so that groups are alike.

    Args:
        first: number of the first image.
        count: images, ``b``.
        groups: how many groups there are.
        device: where the result is wanted.

    Returns:
        ``[b]`` int64, from 0 to ``groups - 1``.
    """
    return torch.arange(first, first + count, device=device) % groups
