"""WideLast: only the last block, and what follows, has the teacher's width."""

from collections import OrderedDict

import torch
from timm.layers.norm import LayerNorm
from timm.models.vision_transformer import Block
from torch import nn

from baselines.students._config import ViTConfig
from baselines.students._init import Initialiser
from baselines.students._tapped import Tapped
from baselines.students._vit import added, vit


def wide_last(config: ViTConfig, *, width: int, generator: torch.Generator, init: Initialiser | None = None) -> Tapped:
    """A plain student whose tokens are widened before the last block.

    Linear without bias and LayerNorm on all tokens take the place of the residual stream; the last block, the
    last norm and the head follow at `width`, with heads of the same size as the narrow ones. The map of the
    last layer is the wide block's output. The authors' code, and this, has 7,313,896 parameters for width
    384; their paper prints 7,239,016, which leaves out the projection, its norm and the wider last norm.

    Args:
        config: The plain student.
        width: Channels of the last block, a multiple of the size of a head.
        generator: Source of the initial values.
        init: Overrides timm's initial values.

    Raises:
        ValueError: `width` is no multiple of the size of a head.

    References:
        arXiv 2511.15572, WideLast; authors' repository, training/widelast.
    """
    head_size = config.embed_dim // config.num_heads
    if width % head_size:
        raise ValueError(
            f"a last block of width {width} cannot be split into heads of {head_size}, the student's: "
            "choose a multiple, or other heads for the student"
        )
    backbone = vit(config, generator=generator, init=init)
    parts = added(
        lambda: nn.ModuleDict(
            {
                "block": nn.Sequential(
                    OrderedDict(
                        widen=nn.Linear(config.embed_dim, width, bias=False),
                        norm=LayerNorm(width),
                        block=Block(width, width // head_size, qkv_bias=True, norm_layer=LayerNorm),
                    )
                ),
                "norm": LayerNorm(width),
                "head": nn.Linear(width, config.num_classes),
            }
        ),
        generator=generator,
        init=init,
    )
    backbone.blocks[-1], backbone.norm, backbone.head = parts["block"], parts["norm"], parts["head"]
    return Tapped(backbone)
