"""What a batch of layers must be before any of it is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from suite.measure._features import check_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    Extremes = tuple[Tensor, Tensor]


def require_shapes(layers: Sequence[Tensor], before: Sequence[tuple[int, int]]) -> None:
    """Refuse layers whose shapes do not fit each other or the batches before.

    Args:
        layers: one ``[B, N_l, C_l]`` per layer.
        before: tokens and channels of the layers of earlier batches; empty for the first batch.

    Raises:
        ValueError: they do not fit; the layer is named.
    """
    if not layers:
        raise ValueError("a batch needs at least one layer")
    for number, layer in enumerate(layers):
        try:
            check_shape(layer)
        except ValueError as error:
            raise ValueError(f"layer {number}: {error}") from None
        if len(layer) != len(layers[0]):
            raise ValueError(f"layer {number} holds {len(layer)} images, layer 0 {len(layers[0])}: pass the same ones")
        if min(layer.shape[1:]) < 2:
            raise ValueError(
                f"layer {number} has {layer.shape[1]} tokens of {layer.shape[2]} channels, "
                "and every measurement needs at least 2 of each: leave it out"
            )
    now = [(layer.shape[1], layer.shape[2]) for layer in layers]
    if before and list(before) != now:
        raise ValueError(
            f"[tokens, channels] of the layers changed from {list(before)} to {now}: use one stream for each network"
        )


def extremes(layer: Tensor) -> Extremes:
    """Smallest and largest value of each image; NaN where one is NaN.

    Args:
        layer: ``[B, N, C]``.

    Returns:
        Two ``[B]`` tensors.
    """
    values = layer.detach()
    return values.amin(dim=(1, 2)), values.amax(dim=(1, 2))


def require_finite(ends: Sequence[Extremes], *, first_image: int) -> None:
    """Refuse NaN and infinite values; the host waits for an accelerator once.

    Args:
        ends: the `extremes` of each layer.
        first_image: number of the batch's first image, counted over the whole stream.

    Raises:
        ValueError: there is one; its layer and image are named.
    """
    broken = torch.stack([~(torch.isfinite(low) & torch.isfinite(high)) for low, high in ends]).cpu()
    if bool(broken.any()):
        number, image = (int(place) for place in broken.nonzero()[0])
        raise ValueError(
            f"layer {number}, image {first_image + image}: a feature is NaN or infinite, check the model and its input"
        )
