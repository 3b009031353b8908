"""How many dimensions hold most of an image's energy, without and with a common basis for all images.

Energies are squared singular values of the image's token matrix ``X [N, C]``, *not* centred (as published), so the
mean token is one of the dimensions. At most ``min(N, C)`` of them are not zero: read every count against that cap.

References:
    Encoding Mismatch, arXiv 2511.15572, and its released analysis (per-image SVD, shares of energy, 99th percentile).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from suite.measure._features import as_features, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

SHARES = (0.80, 0.90, 0.95, 0.99)
"""Published shares of the energy."""
TINY, HUGE = 1e-25, 1e30
"""Total energies beyond which float32 loses digits."""


def energies(features: Tensor) -> Tensor:
    """Squared singular values of every image's token matrix.

    They are the eigenvalues of the Gram matrix on the shorter side, in float64: products of float32 numbers are
    exact there, so what is lost against an SVD is far below the energy of any dimension a share can turn on.

    Args:
        features: ``[B, N, C]``.

    Returns:
        ``[B, min(N, C)]`` float64, descending, at least 0, squared activation units.

    References:
        Encoding Mismatch, arXiv 2511.15572 (per-image SVD).
    """
    return torch.cat([image_energies(piece.double()) for piece in pieces(as_features(features))])


def image_energies(values: Tensor) -> Tensor:
    """`energies` without checks, computed in the type of the values.

    Args:
        values: checked features ``[b, N, C]``.

    Returns:
        ``[b, min(N, C)]`` float64, descending.
    """
    return _descending(_gram(values))


def settled_energies(values: Tensor, shares: Sequence[float] = SHARES) -> Tensor:
    """`energies` good enough to count dimensions as float64 does, at a third less work.

    On a CPU they are computed in float32 first. Only images with a cumulative share so near a wanted one that float32
    could miscount are computed again in float64.

    Args:
        values: checked features ``[b, N, C]``.
        shares: shares of the energy that will be asked for.

    Returns:
        ``[b, min(N, C)]`` float64, descending; relative to the largest exact to about 1e-6.
    """
    # Elsewhere, or if torch may shorten float32 products, there is no bound on the error to rely on.
    single = values.dtype == torch.float32 and values.is_cpu and torch.get_float32_matmul_precision() == "highest"
    if not single:
        return image_energies(values.double())
    gram = _gram(values)
    total = gram.diagonal(dim1=1, dim2=2).sum(dim=1)
    if not bool(((total > TINY) & (total < HUGE)).all()):
        return image_energies(values.double())
    energy = _descending(gram)
    wanted = torch.tensor(shares, dtype=torch.float64)
    distance = (cumulative_share(energy)[:, :, None] - wanted).abs().amin(dim=(1, 2))
    unsettled = distance < float32_error(energy.shape[1])
    if bool(unsettled.any()):
        energy[unsettled] = image_energies(values[unsettled].double())
    return energy


def float32_error(dims: int) -> float:
    """How far off a cumulative share of energy computed in float32 can be.

    A bound found by trial, with room: over white, steep, low-rank, rectified and mean-dominated features of 16 to 12544
    tokens and 64 to 2048 channels the largest error was 11 eps (at 577 dimensions), the usual one below 2 eps.

    Args:
        dims: ``min(N, C)``.

    Returns:
        A share of the energy; 4e-6 for up to 256 dimensions, then in proportion.
    """
    return torch.finfo(torch.float32).eps * max(32, dims / 8)


def cumulative_share(energy: Tensor) -> Tensor:
    """Running total as a share of the whole.

    Args:
        energy: ``[..., n]``, at least 0.

    Returns:
        ``[..., n]``, ending at 1; zeros where there is no energy.
    """
    reached = energy.cumsum(dim=-1)
    return torch.where(reached[..., -1:] > 0, reached / reached[..., -1:], 0)


def dims_for(energy: Tensor, shares: Sequence[float] = SHARES) -> Tensor:
    """Smallest ``d`` whose first ``d`` energies reach each share of the total.

    Args:
        energy: ``[..., n]`` float64, in the order in which dimensions are taken, at least 0.
        shares: each in (0, 1).

    Returns:
        ``[..., S]`` int64 from 1 to ``n``; 0 where there is no energy at all.

    Raises:
        ValueError: a share is not inside (0, 1).

    References:
        Encoding Mismatch, arXiv 2511.15572, released analysis (first index at which the cumulative share is not below).
    """
    if not all(0 < share < 1 for share in shares):
        raise ValueError(f"shares of the energy lie strictly between 0 and 1, not {tuple(shares)}")
    share = cumulative_share(energy)
    wanted = torch.tensor(shares, dtype=torch.float64, device=energy.device).expand(*energy.shape[:-1], -1)
    found = torch.searchsorted(share, wanted.contiguous()) + 1
    return torch.where(share[..., -1:] > 0, found, 0)


def per_image_dims(features: Tensor, shares: Sequence[float] = SHARES) -> Tensor:
    """Dimensions that each image needs in its own best basis.

    Args:
        features: ``[B, N, C]``.
        shares: shares of the energy.

    Returns:
        ``[B, S]`` int64, at most ``min(N, C)``.

    References:
        Encoding Mismatch, arXiv 2511.15572 (per-image SVD ranks).
    """
    parts = [settled_energies(piece, shares) for piece in pieces(as_features(features))]
    return dims_for(torch.cat(parts), shares)


def participation_ratio(energy: Tensor) -> Tensor:
    """Effective number of dimensions, ``(sum e)^2 / sum e^2``: a count that needs no threshold.

    Args:
        energy: ``[..., n]``, at least 0.

    Returns:
        ``[...]`` float64 from 1 (one dimension) to ``n`` (all alike); 0 where there is no energy.
    """
    largest = energy.amax(dim=-1, keepdim=True)
    relative = torch.where(largest > 0, energy / largest, 0).double()  # keeps squares from under- and overflow
    square = relative.square().sum(dim=-1)
    return torch.where(square > 0, relative.sum(dim=-1).square() / square, 0)


def upper_percentile(dims: Tensor, percent: float = 99.0) -> Tensor:
    """Percentile over images, interpolated linearly: how the published tables sum images up.

    Args:
        dims: ``[I, S]`` counts.
        percent: from 0 to 100.

    Returns:
        ``[S]`` float64.

    References:
        Encoding Mismatch, arXiv 2511.15572, released analysis (tables print the rounded 99th percentile).
    """
    return torch.quantile(dims.double(), percent / 100, dim=0)


def _gram(values: Tensor) -> Tensor:
    """Products of tokens, or of channels if these are fewer: ``[b, min(N, C), min(N, C)]``."""
    return values @ values.mT if values.shape[1] <= values.shape[2] else values.mT @ values


def _descending(gram: Tensor) -> Tensor:
    """Eigenvalues, largest first, float64; what rounding made negative becomes 0."""
    ascending: Tensor = torch.linalg.eigvalsh(gram)
    return ascending.flip(-1).clamp_(min=0).double()
