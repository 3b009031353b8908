"""One basis for all images: the eigenvectors of the second moment of all their tokens.

The basis is the best one for the images together, so no image can need fewer dimensions in it than in its own
(Eckart and Young): shared dims are never below per-image dims. Part of that gap arises even if all images share one
covariance; compare with `suite.measure.nulls.MatchedGaussian`.

References:
    Encoding Mismatch, arXiv 2511.15572, and its released analysis (dataset PCA, second moment not centred).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import torch

from suite.measure._features import as_features, pieces
from suite.measure.rank import SHARES, cumulative_share, dims_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor


@dataclass(frozen=True)
class SharedBasis:
    """An orthonormal basis of channel space, its directions in descending order of energy.

    Attributes:
        spectrum: ``[C]`` float64, mean energy of a token along each direction, descending, at least 0.
        directions: ``[C, C]`` float64, one direction per column.
        origin: ``[C]`` float64, what is subtracted from every token: zeros, or the mean token.
    """

    spectrum: Tensor
    directions: Tensor
    origin: Tensor

    def energy(self, values: Tensor) -> Tensor:
        """Energy of each image along each direction.

        Args:
            values: checked features ``[b, N, C]``.

        Returns:
            ``[b, C]`` float64, squared activation units, summed over tokens.
        """
        along = values.double() @ self.directions - self.origin @ self.directions
        return along.square().sum(dim=1)


@dataclass(frozen=True)
class Moments:
    """Sums over tokens from which a shared basis follows.

    Attributes:
        tokens: how many.
        first: ``[C]`` float64, their sum.
        second: ``[C, C]`` float64, the sum of their outer products.
    """

    tokens: int
    first: Tensor
    second: Tensor

    @classmethod
    def of(cls, values: Tensor) -> Moments:
        """The sums of one piece.

        Args:
            values: checked features ``[b, N, C]``.

        Returns:
            The sums.
        """
        tokens = values.double().flatten(0, 1)
        return cls(len(tokens), tokens.sum(dim=0), tokens.T @ tokens)

    @classmethod
    def total(cls, parts: Iterable[Moments]) -> Moments:
        """The sums of all pieces.

        Args:
            parts: the sums of each, at least one.

        Returns:
            Their sum.
        """
        return reduce(
            lambda one, two: cls(one.tokens + two.tokens, one.first + two.first, one.second + two.second),
            parts,
        )

    def basis(self, *, centred: bool = False) -> SharedBasis:
        """The eigenbasis of the second moment, about zero (as published) or about the mean token.

        Args:
            centred: subtract the mean token of the data set first.

        Returns:
            The basis.
        """
        mean = self.first / self.tokens
        origin = mean if centred else torch.zeros_like(mean)
        spectrum, directions = torch.linalg.eigh(self.second / self.tokens - torch.outer(origin, origin))
        return SharedBasis(spectrum.flip(0).clamp_(min=0), directions.flip(1), origin)


def shared_basis(features: Tensor, *, centred: bool = False) -> SharedBasis:
    """The shared basis of a feature map held in memory.

    Args:
        features: ``[B, N, C]``.
        centred: subtract the mean token of the data set first.

    Returns:
        The basis.

    References:
        Encoding Mismatch, arXiv 2511.15572 (dataset PCA; ``centred=False`` as published).
    """
    values = as_features(features)
    return Moments.total(map(Moments.of, pieces(values))).basis(centred=centred)


def captured(features: Tensor, basis: SharedBasis) -> Tensor:
    """Share of each image's energy that the first ``d`` directions of a basis hold.

    Args:
        features: ``[B, N, C]``.
        basis: the directions, in the order in which they are taken.

    Returns:
        ``[B, C]`` float64, cumulative over directions, ending at 1; zeros for an image without energy.

    References:
        Encoding Mismatch, arXiv 2511.15572 (per-image energy captured by the shared basis).
    """
    return cumulative_share(_energies(features, basis))


def shared_dims(features: Tensor, basis: SharedBasis, shares: Sequence[float] = SHARES) -> Tensor:
    """Dimensions of a shared basis that each image needs.

    Args:
        features: ``[B, N, C]``.
        basis: the basis; with the uncentred one of the same images, never below `per_image_dims`.
        shares: shares of the energy.

    Returns:
        ``[B, S]`` int64, at most ``C``.

    References:
        Encoding Mismatch, arXiv 2511.15572 (dataset PCA ranks).
    """
    return dims_for(_energies(features, basis), shares)


def _energies(features: Tensor, basis: SharedBasis) -> Tensor:
    return torch.cat([basis.energy(piece) for piece in pieces(as_features(features))])
