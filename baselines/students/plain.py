"""The plain Vision Transformer: DeiT-Tiny at the default sizes."""

import torch

from baselines.students._config import ViTConfig
from baselines.students._init import Initialiser
from baselines.students._tapped import Tapped
from baselines.students._vit import vit


def plain(config: ViTConfig, *, generator: torch.Generator, init: Initialiser | None = None) -> Tapped:
    """Class token through the last norm to the head; 5,717,416 parameters at the default sizes.

    References:
        arXiv 2012.12877, DeiT-Ti without distillation token.
    """
    return Tapped(vit(config, generator=generator, init=init))
