"""Do images use different directions? Principal angles between their token subspaces, with a yardstick.

Two samples of one distribution never span the same subspace, so the angle between images says nothing by itself.
The yardstick is the angle between two random halves of the tokens of ONE image; the halves of different images are
compared with equally many tokens, so that both overlaps carry the same sampling noise.

Tokens at one position are alike in all images, and this biases the comparison: two halves of one image never share a
position, random halves of two images share half of theirs. `matched_overlaps` therefore compares images at the
positions of the yardstick, and can take each position's mean over images out first, which is no rotation either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from suite.measure._features import as_features

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

LEAST_ENERGY = 1e-10
"""Directions with less than this share of the first one's energy are rounding, not structure; they count as absent."""
IMAGES_AT_ONCE = 8
"""Images whose subspaces are computed together."""


@dataclass(frozen=True)
class Subspace:
    """The span of each image's strongest directions in channel space.

    Attributes:
        directions: ``[b, C, k]`` float64, orthonormal columns, strongest first; absent ones are zero.
        rank: ``[b]`` int64, columns that are present, at most ``k``.
    """

    directions: Tensor
    rank: Tensor

    def __getitem__(self, index: slice) -> Subspace:
        return Subspace(self.directions[index], self.rank[index])


def top_subspace(values: Tensor, k: int) -> Subspace:
    """Span of the top ``k`` right-singular vectors of each image's token matrix (not centred).

    Args:
        values: checked features ``[b, N, C]``.
        k: directions, from 1 to ``min(N, C)``.

    Returns:
        The subspaces.
    """
    wide = values.double()
    if wide.shape[1] > wide.shape[2]:
        energy, vectors = torch.linalg.eigh(wide.mT @ wide)
        directions = vectors
    else:
        energy, vectors = torch.linalg.eigh(wide @ wide.mT)
        directions = wide.mT @ vectors[..., -k:]
    energy = energy[:, -k:].flip(-1)
    present = (energy > LEAST_ENERGY * energy[:, :1])[:, None, :]
    directions = directions[..., -k:].flip(-1)
    length = torch.linalg.vector_norm(directions, dim=1, keepdim=True)
    return Subspace(torch.where(present, directions / length, 0), present.sum(dim=(1, 2)))


def overlap(first: Subspace, second: Subspace) -> Tensor:
    """Mean squared cosine of the principal angles.

    Args:
        first: ``[b, C, k]``.
        second: ``[b, C, k]``.

    Returns:
        ``[b]`` float64: 1 for equal subspaces, 0 for orthogonal ones, near ``k / C`` for independent random ones;
        0 if a subspace is empty.
    """
    shared = (first.directions.mT @ second.directions).square().sum(dim=(1, 2))
    return shared / torch.minimum(first.rank, second.rank).clamp(min=1)


def halves(values: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two random disjoint halves of each image's tokens; an odd token out is dropped.

    Args:
        values: ``[b, N, C]``, ``N`` at least 2.
        generator: on the CPU; drawn from once per image, in order.

    Returns:
        Two ``[b, N // 2, C]`` tensors.
    """
    half = values.shape[1] // 2
    orders = [torch.randperm(values.shape[1], generator=generator).to(values.device) for _ in values]
    shuffled = torch.stack([image[order] for image, order in zip(values, orders, strict=True)])
    return shuffled[:, :half], shuffled[:, half : 2 * half]


def overlaps(
    fetch: Callable[[Tensor], Tensor], images: int, k: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Overlap of each image with another one, and of its two halves with each other.

    Every image is compared with the next one on a random round trip through all images, so neighbours in the data set
    (often of one class) are not favoured, and no more than a few images are ever held.

    Args:
        fetch: gives the checked features ``[b, N, C]`` of the images whose indices ``[b]`` it is passed.
        images: number of images, at least 2.
        k: directions per half, from 1 to ``min(N // 2, C)``.
        generator: on the CPU.

    Returns:
        (across images, within the image), each ``[images]`` float64 in [0, 1].

    Raises:
        ValueError: there are fewer than 2 images.
    """
    _require_two(images)
    trip = torch.randperm(images, generator=generator)
    across = torch.empty(images, dtype=torch.float64)
    within = torch.empty(images, dtype=torch.float64)
    start: Subspace | None = None
    before: tuple[Tensor, Subspace] | None = None
    for stop in torch.split(trip, IMAGES_AT_ONCE):
        one, two = (top_subspace(half, k) for half in halves(fetch(stop), generator))
        within[stop] = overlap(one, two).cpu()
        across[stop[:-1]] = overlap(one[:-1], two[1:]).cpu()
        if before is not None:
            across[before[0]] = overlap(before[1], two[:1]).cpu()
        start = start or two[:1]
        before = stop[-1:], one[-1:]
    assert start is not None
    assert before is not None
    across[before[0]] = overlap(before[1], start).cpu()
    return across, within


def matched_overlaps(
    fetch: Callable[[Tensor], Tensor],
    images: int,
    k: int,
    generator: torch.Generator,
    *,
    origin: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`overlaps` with both comparisons at the same token positions.

    For every image its tokens are split at random. One half is compared with the other half, and with the tokens that
    the next image on the round trip has at the positions of that other half.

    Args:
        fetch: gives the checked features ``[b, N, C]`` of the images whose indices ``[b]`` it is passed.
        images: number of images, at least 2.
        k: directions per half, from 1 to ``min(N // 2, C)``.
        generator: on the CPU.
        origin: ``[N, C]``, subtracted from every image: the mean over images at each position; None for nothing.

    Returns:
        (across images, within the image), each ``[images]`` float64 in [0, 1].

    Raises:
        ValueError: there are fewer than 2 images.
    """
    _require_two(images)
    trip = torch.randperm(images, generator=generator)
    ahead = trip.roll(-1)
    across = torch.empty(images, dtype=torch.float64)
    within = torch.empty(images, dtype=torch.float64)
    for here, there in zip(torch.split(trip, IMAGES_AT_ONCE), torch.split(ahead, IMAGES_AT_ONCE), strict=True):
        # the next image of each but the last one is fetched already
        values = fetch(torch.cat([here, there[-1:]])).double()
        values = values if origin is None else values - origin
        one, two, other = _split(values, generator)
        first = top_subspace(one, k)
        within[here] = overlap(first, top_subspace(two, k)).cpu()
        across[here] = overlap(first, top_subspace(other, k)).cpu()
    return across, within


def matched_image_overlaps(
    features: Tensor, k: int, *, generator: torch.Generator, centred: bool = False
) -> tuple[Tensor, Tensor]:
    """`matched_overlaps` of a feature map held in memory.

    Args:
        features: ``[B, N, C]``, at least 2 images and 2 tokens.
        k: directions per half.
        generator: on the CPU; the same seed gives the same halves and pairs.
        centred: take out the mean over images at every position first.

    Returns:
        (across images, within the image), each ``[B]`` float64 in [0, 1], on the CPU.

    Raises:
        ValueError: the features are malformed, or ``k`` exceeds what half of the tokens can span.
    """
    values = _spanning(features, k)
    origin = values.double().mean(dim=0) if centred else None
    return matched_overlaps(lambda index: values[index.to(values.device)], len(values), k, generator, origin=origin)


def image_overlaps(features: Tensor, k: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """`overlaps` of a feature map held in memory.

    Args:
        features: ``[B, N, C]``, at least 2 images and 2 tokens.
        k: directions per half.
        generator: on the CPU; the same seed gives the same halves and pairs.

    Returns:
        (across images, within the image), each ``[B]`` float64 in [0, 1], on the CPU.

    Raises:
        ValueError: the features are malformed, or ``k`` exceeds what half of the tokens can span.
    """
    values = _spanning(features, k)
    return overlaps(lambda index: values[index.to(values.device)], len(values), k, generator)


def _spanning(features: Tensor, k: int) -> Tensor:
    """Checked features whose halves can span so many directions."""
    values = as_features(features)
    most = min(values.shape[1] // 2, values.shape[2])
    if not 1 <= k <= most:
        raise ValueError(f"k must lie between 1 and {most} (half the tokens, at most all channels), not {k}")
    return values


def _require_two(images: int) -> None:
    if images < len(("one", "another")):
        raise ValueError("principal angles between images need at least 2 images: pass more")


def _split(values: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Two halves of every image but the last one, and the second half's positions in the image after it."""
    tokens = values.shape[1]
    half = tokens // 2
    orders = torch.stack([torch.randperm(tokens, generator=generator) for _ in values[1:]]).to(values.device)
    row = torch.arange(len(orders), device=values.device)[:, None]
    first, second = orders[:, :half], orders[:, half : 2 * half]
    return values[row, first], values[row, second], values[row + 1, second]
