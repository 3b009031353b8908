"""Features for which a finding must fail: what a control needs to be one.

Every generator of random numbers is passed in and lives on the CPU, so the draws are the same on every device.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from suite.measure._features import as_features, at_once
from suite.measure._kernels import reorder_channels

if TYPE_CHECKING:
    from collections.abc import Iterator


def generator_for(seed: int, *topic: int | str) -> torch.Generator:
    """A generator on the CPU that is the seed's own for one purpose.

    Draws for one purpose then neither depend on nor repeat those for another, and a control drawn for a block (a seed)
    differs from block to block as the networks do: a single draw used for all of them would leave its own noise out of
    every interval.

    Args:
        seed: of the block, at least 0.
        topic: what the draws are for, such as a name and a layer.

    Returns:
        The generator, at its beginning.
    """
    text = json.dumps([seed, *topic]).encode()
    return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(text).digest()[:8]) >> 2)


class MatchedGaussian:
    """Images of i.i.d. Gaussian tokens with a given second-moment spectrum: one covariance for all, so no rotation.

    Any gap between per-image and shared rank that these images show as well does not come from images using different
    directions. Tokens are given in the eigenbasis, which ranks and overlaps do not depend on. Nothing is stored: every
    pass over the images draws the same numbers again.

    References:
        The control for Encoding Mismatch, arXiv 2511.15572 (per-image against shared-basis ranks).
    """

    def __init__(
        self,
        spectrum: Tensor,
        *,
        images: int,
        tokens: int,
        generator: torch.Generator,
    ) -> None:
        """Fix the images.

        Args:
            spectrum: ``[C]`` mean energy of a token along each direction, at least 0, on the device to compute on.
            images: how many.
            tokens: per image.
            generator: on the CPU; gives the seed, one draw.
        """
        self._scale = spectrum.double().sqrt().float()
        self._images = images
        self._tokens = tokens
        self._seed = int(torch.randint(2**62, (), generator=generator))

    def __iter__(self) -> Iterator[Tensor]:
        """Draw the images.

        Yields:
            ``[b, N, C]`` float32, on the device of the spectrum.
        """
        generator = torch.Generator().manual_seed(self._seed)
        channels = len(self._scale)
        count = at_once(self._tokens, channels, self._scale.device)
        for first in range(0, self._images, count):
            # image by image: the numbers must not depend on how many make a piece, which differs by device
            drawn = [
                torch.randn(self._tokens, channels, generator=generator)
                for _ in range(min(count, self._images - first))
            ]
            yield torch.stack(drawn).to(self._scale.device) * self._scale


def permutation(channels: int, *, generator: torch.Generator) -> Tensor:
    """A random order of channels.

    Args:
        channels: ``C``.
        generator: on the CPU.

    Returns:
        ``[C]`` int64 on the CPU.
    """
    return torch.randperm(channels, generator=generator)


def permute_channels(features: Tensor, order: Tensor) -> Tensor:
    """The same tokens with their channels in another order: nothing a network computes would notice.

    Args:
        features: ``[B, N, C]``.
        order: ``[C]`` from `permutation`.

    Returns:
        ``[B, N, C]`` in working precision.
    """
    return reorder_channels(as_features(features), order)


def white(images: int, tokens: int, channels: int, *, generator: torch.Generator) -> Tensor:
    """Independent standard Gaussian values: every channel in equal use.

    Args:
        images: ``B``.
        tokens: ``N``.
        channels: ``C``.
        generator: on the CPU.

    Returns:
        ``[B, N, C]`` float32.
    """
    return torch.randn(images, tokens, channels, generator=generator)


def one_hot(images: int, tokens: int, channels: int, *, generator: torch.Generator) -> Tensor:
    """Tokens with a single live channel each, drawn uniformly: the narrowest possible use of channels.

    Args:
        images: ``B``.
        tokens: ``N``.
        channels: ``C``.
        generator: on the CPU.

    Returns:
        ``[B, N, C]`` float32 of zeros and ones.
    """
    live = torch.randint(channels, (images, tokens), generator=generator)
    return torch.nn.functional.one_hot(live, channels).float()
