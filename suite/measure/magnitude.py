"""How large activations are: the one number behind intensity and global-range entropy.

References:
    Distillation Dynamics, arXiv 2511.06848, M_l = mean |A_l|.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from suite.measure._features import as_features

if TYPE_CHECKING:
    from suite.measure._layer import Piece

TINY, HUGE = 1e-15, 1e15
"""Lengths beyond which squares in float32 lose digits: there float64 takes over."""


def magnitude(features: Tensor) -> Tensor:
    """Mean absolute activation of each image.

    Args:
        features: ``[B, N, C]``.

    Returns:
        ``[B]`` float64, in activation units, at least 0.

    References:
        Distillation Dynamics, arXiv 2511.06848 (activation magnitude).
    """
    return mean_absolute(as_features(features))


def scale(features: Tensor) -> Tensor:
    """Root mean square of each image about its own mean over tokens and channels.

    Args:
        features: ``[B, N, C]``.

    Returns:
        ``[B]`` float64, in activation units, at least 0. Unlike the magnitude it ignores a common offset.
    """
    return rms_about_mean(*token_moments(as_features(features)))


def mean_absolute(values: Tensor) -> Tensor:
    """`magnitude` without checks.

    Args:
        values: checked features ``[B, N, C]``.

    Returns:
        ``[B]`` float64.
    """
    return values.abs().mean(dim=2).mean(dim=1, dtype=torch.float64)


def token_moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each token over its channels.

    Args:
        values: checked features ``[B, N, C]``.

    Returns:
        Two ``[B, N]`` float64 tensors; the deviation divides by ``C``.
    """
    if values.dtype == torch.float32 and not values.is_cpu:  # where looking at lengths would cost more than this
        return token_moments(values.double())
    mean = values.mean(dim=2, keepdim=True)
    length = torch.linalg.vector_norm(values - mean, dim=2)
    if values.dtype == torch.float32 and not bool(((length > TINY) & (length < HUGE)).all()):
        return token_moments(values.double())
    return mean[..., 0].double(), length.double() / math.sqrt(values.shape[2])


def moments_of(piece: Piece) -> tuple[Tensor, Tensor]:
    """`token_moments` of a piece, for `suite.measure._layer.Piece.once`."""
    return token_moments(piece.values)


def rms_about_mean(mean: Tensor, deviation: Tensor) -> Tensor:
    """`scale` from the moments of the tokens.

    Args:
        mean: ``[B, N]`` mean of each token.
        deviation: ``[B, N]`` standard deviation of each token.

    Returns:
        ``[B]`` float64.
    """
    between = mean - mean.mean(dim=1, keepdim=True)
    return (deviation.square() + between.square()).mean(dim=1).sqrt()
