"""One layer of a network as its probes see it, and the few images of it that they are shown at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor

    from suite.measure._spill import Spill
    from suite.measure._workers import Workers

    Range = tuple[Tensor, Tensor]

Found = TypeVar("Found")


@dataclass(eq=False)
class Layer:
    """What does not change from batch to batch.

    Attributes:
        number: counted from 0.
        tokens: ``N``.
        channels: ``C``.
        seed: of all draws; a probe adds what they are for (`suite.measure.nulls.generator_for`).
        groups: sums over images are kept for so many groups.
        device: where the features are.
        kind: working precision, float32 or float64.
        over_layers: smallest and largest value of the first images over all layers, float64 numbers on the device.
        over_layer: the same of this layer.
        images: how many were measured.
        spill: the features of all images, on disk, if the layer gets a second look.
        workers: threads for the second look.
    """

    number: int
    tokens: int
    channels: int
    seed: int
    groups: int
    device: torch.device
    kind: torch.dtype
    over_layers: Range
    over_layer: Range
    images: int = 0
    spill: Spill | None = None
    workers: Workers | None = None
    _found: dict[Any, Any] = field(default_factory=dict)

    def once(self, compute: Callable[[Layer], Found]) -> Found:
        """What several probes need of the layer, computed when first asked for.

        Args:
            compute: a module's function; what it gives must depend on nothing but the layer.

        Returns:
            Its result, the same object for all.
        """
        if compute not in self._found:
            self._found[compute] = compute(self)
        found: Found = self._found[compute]
        return found

    def forget(self) -> None:
        """Let go of what was computed."""
        self._found.clear()


@dataclass(eq=False)
class Piece:
    """A few images of a layer.

    Attributes:
        values: ``[b, N, C]`` finite, contiguous, in working precision.
        first: number of the first image, counted over the whole stream.
        low: ``[b]`` smallest value of each image.
        high: ``[b]`` largest value of each image.
        layer: the layer.
    """

    values: Tensor
    first: int
    low: Tensor
    high: Tensor
    layer: Layer
    _found: dict[Any, Any] = field(default_factory=dict)

    def once(self, compute: Callable[[Piece], Found]) -> Found:
        """What several probes need of these images, computed when first asked for.

        Args:
            compute: a module's function; what it gives must depend on nothing but the piece.

        Returns:
            Its result, the same object for all.
        """
        if compute not in self._found:
            self._found[compute] = compute(self)
        found: Found = self._found[compute]
        return found
