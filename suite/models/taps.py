"""The patch tokens of every layer of a network.

Always the raw output of a block (Swin and ResNet: of a stage), before any final norm, patch tokens only:

====================  ===========================================  =======================
family                layers                                       dropped
====================  ===========================================  =======================
VisionTransformer     every block                                  class and register tokens
Cait                  the patch self-attention blocks              class-attention blocks
SwinTransformer       the four stages                              nothing
ResNet                the four stages, after their last ReLU       the stem
====================  ===========================================  =======================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from timm.models import ResNet

from baselines.students import Tapped

if TYPE_CHECKING:
    import torch
    from torch import nn


def layer_tokens(model: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """Patch tokens of every layer.

    Args:
        model: a network of one of the families above, bare or tapped already.
        images: ``[B, channels, H, W]``, normalised.

    Returns:
        One ``[B, N, C]`` tensor per layer; N and C may differ between layers.

    Raises:
        ValueError: the network is of another family.
    """
    tapped = model if isinstance(model, Tapped) else Tapped(model)
    first = 1 if isinstance(tapped.backbone, ResNet) else 0
    maps = tapped(images, range(first, tapped.depth)).maps
    return [maps[layer].flatten(2).transpose(1, 2) for layer in sorted(maps)]
