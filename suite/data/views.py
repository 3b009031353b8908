"""Random views of small images: one affine map, one grey patch and noise per image, from one generator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Mapping


def _uniform(count: int, bound: float, generator: torch.Generator) -> torch.Tensor:
    return (torch.rand(count, generator=generator) * 2 - 1) * bound


def random_views(pixels: torch.Tensor, spec: Mapping[str, Any], *, generator: torch.Generator) -> torch.Tensor:
    """One random view of every image.

    torchvision's random transforms draw one set of parameters for a whole batch and from the global
    generator; here each image has its own, from ``generator``.

    Args:
        pixels: ``[B, channels, H, W]`` in [0, 1].
        spec: ``rotate`` (degrees), ``scale``, ``shear``, ``shift`` (fractions; all bounds of uniform draws),
            ``occlude`` (side of the grey square, pixels), ``noise`` (standard deviation).
        generator: source of all randomness; advanced.

    Returns:
        Views of the same shape; noise may leave [0, 1].
    """
    count, _, height, width = pixels.shape
    angle = torch.deg2rad(_uniform(count, spec["rotate"], generator))
    zoom = 1 + _uniform(count, spec["scale"], generator)
    shear = _uniform(count, spec["shear"], generator)
    shift = 2 * torch.stack([_uniform(count, spec["shift"], generator) for _ in range(2)], dim=1)
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    rows = torch.stack([cosine, -sine + shear, shift[:, 0], sine, cosine, shift[:, 1]], dim=1)
    grid = F.affine_grid(rows.view(count, 2, 3), list(pixels.shape), align_corners=False)
    views = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    side = int(spec["occlude"])
    if side:
        top = torch.randint(height - side + 1, (count, 1, 1, 1), generator=generator)
        left = torch.randint(width - side + 1, (count, 1, 1, 1), generator=generator)
        row = torch.arange(height).view(1, 1, height, 1)
        column = torch.arange(width).view(1, 1, 1, width)
        covered = (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
        views = torch.where(covered, torch.full_like(views, 0.5), views)
    if spec["noise"]:
        views = views + spec["noise"] * torch.randn(views.shape, generator=generator)
    return views
