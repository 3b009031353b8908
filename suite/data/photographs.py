"""Two photographs that come with scikit-learn, in regions to train on and regions to test on that share no pixel.

They are halved first, so that they hold the fine detail that enlarging has to guess.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

TRAIN_COLUMNS, TEST_COLUMNS = slice(0, 200), slice(216, 320)
"""Of 320; what lies between them is seen by nobody."""
ROWS = 212
CROP, STEP = 52, 53


@dataclass(frozen=True)
class Photographs:
    """Pictures in high resolution, values a multiple of 1/255.

    Attributes:
        train: ``[2, 3, 212, 200]``.
        test: ``[16, 3, 52, 52]``, crops that do not overlap.
    """

    train: Tensor
    test: Tensor


def rounded(images: Tensor) -> Tensor:
    """Values in [0, 1] as eight bits hold them."""
    return (images.clamp(0, 1) * 255).round() / 255


def shrink(images: Tensor, by: int) -> Tensor:
    """Smaller images by bicubic interpolation with antialiasing: ``[B, 3, H, W]`` to ``[B, 3, H/by, W/by]``."""
    return rounded(F.interpolate(images, scale_factor=1 / by, mode="bicubic", antialias=True, align_corners=False))


def enlarge(images: Tensor, by: int) -> Tensor:
    """Larger images by bicubic interpolation."""
    return rounded(F.interpolate(images, scale_factor=by, mode="bicubic", align_corners=False))


@cache
def load() -> Photographs:
    """Both regions of both photographs."""
    from sklearn.datasets import load_sample_images  # noqa: PLC0415

    pictures = torch.stack([torch.from_numpy(image.copy()) for image in load_sample_images().images])
    halved = shrink(pictures.permute(0, 3, 1, 2)[:, :, : 2 * ROWS].float() / 255, 2)
    region = halved[..., TEST_COLUMNS]
    corners = [(top, left) for top in range(0, ROWS - CROP + 1, STEP) for left in (0, CROP)]
    crops = [region[:, :, top : top + CROP, left : left + CROP] for top, left in corners]
    return Photographs(train=halved[..., TRAIN_COLUMNS].contiguous(), test=torch.cat(crops))


def digest() -> str:
    """SHA-256 of all pixels, for the cells that depend on them."""
    found = load()
    data = b"".join((part * 255).round().byte().numpy().tobytes() for part in (found.train, found.test))
    return hashlib.sha256(data).hexdigest()
