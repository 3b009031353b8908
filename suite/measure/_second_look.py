"""What the probes of a second look share: the features again, and each image's own basis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from suite.measure.rank import SHARES, dims_for, participation_ratio, settled_energies
from suite.measure.shared_basis import Moments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from suite.measure._layer import Layer
    from suite.measure._spill import Spill
    from suite.measure._workers import Workers


@dataclass(frozen=True)
class OwnBasis:
    """What images need in their own best basis.

    Attributes:
        dims: ``[I, S]`` int64.
        participation: ``[I]`` float64.
    """

    dims: Tensor
    participation: Tensor


def spilled(layer: Layer) -> Spill:
    """The layer's features on disk."""
    assert layer.spill is not None
    return layer.spill


def features_of(layer: Layer) -> Iterable[Tensor]:
    """The features of all images again, in pieces ``[b, N, C]`` that do not depend on the batches."""
    return spilled(layer)


def threads(layer: Layer) -> Workers:
    """The threads that a second look may use."""
    assert layer.workers is not None
    return layer.workers


def own_basis(layer: Layer) -> OwnBasis:
    """What each image needs in its own best basis."""

    def look(values: Tensor) -> tuple[Tensor, Tensor]:
        energy = settled_energies(values)
        return dims_for(energy), participation_ratio(energy)

    dims, participation = zip(*threads(layer).map(look, features_of(layer)), strict=True)
    return OwnBasis(torch.cat(dims), torch.cat(participation))


def moments(layer: Layer) -> Moments:
    """Sums over all tokens of all images, from which the shared basis follows."""
    return Moments.total(threads(layer).map(Moments.of, features_of(layer)))


def directions(layer: Layer) -> int:
    """Directions whose angles are compared: what the median image needs for 90 % of its energy.

    Args:
        layer: the layer.

    Returns:
        The median rounded up, at least 1, at most what half of the tokens can span.
    """
    return directions_for(layer.once(own_basis).dims, tokens=layer.tokens, channels=layer.channels)


def directions_for(dims: Tensor, *, tokens: int, channels: int) -> int:
    """`directions` of images that need so many dimensions.

    Args:
        dims: ``[I, S]`` dimensions that each image needs in its own basis.
        tokens: ``N``.
        channels: ``C``.

    Returns:
        The number.
    """
    most = min(tokens // 2, channels)
    median = float(np.median(dims[:, SHARES.index(0.90)].cpu().numpy()))
    return min(max(1, math.ceil(median)), most)
