"""What the students are made of: a plain Vision Transformer, and layers added to one."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from timm.models import VisionTransformer
from timm.models.vision_transformer import init_weights_vit_timm
from torch import nn

from baselines.students._config import ViTConfig
from baselines.students._init import Initialiser, seeded

Part = TypeVar("Part", bound=nn.Module)


def vit(
    config: ViTConfig,
    *,
    generator: torch.Generator,
    init: Initialiser | None = None,
    kind: type[Any] = VisionTransformer,
    **changes: Any,
) -> Any:
    """A Vision Transformer of timm's with these sizes; `changes` are further arguments of timm's."""
    with seeded(generator):
        model = kind(
            img_size=config.img_size,
            patch_size=config.patch_size,
            in_chans=config.in_chans,
            num_classes=config.num_classes,
            embed_dim=config.embed_dim,
            depth=config.depth,
            num_heads=config.num_heads,
            **changes,
        )
    if init is not None:
        init(model, generator)
    return model


def added(make: Callable[[], Part], *, generator: torch.Generator, init: Initialiser | None) -> Part:
    """A module to add to a transformer, initialised like the transformer's own: N(0, .02²), zero biases."""
    with seeded(generator):
        part = make()
        part.apply(init_weights_vit_timm)
    if init is not None:
        init(part, generator)
    return part
