"""DeiT with a distillation token and a head of its own for it."""

import torch
from timm.models.deit import VisionTransformerDistilled

from baselines.students._config import ViTConfig
from baselines.students._init import Initialiser
from baselines.students._tapped import Tapped
from baselines.students._vit import vit


def distilled(config: ViTConfig, *, generator: torch.Generator, init: Initialiser | None = None) -> Tapped:
    """A second token learns from the teacher; in evaluation the two heads are averaged.

    References:
        arXiv 2012.12877, section 4; for the method `deit_hard`.
    """
    return Tapped(vit(config, generator=generator, init=init, kind=VisionTransformerDistilled))
