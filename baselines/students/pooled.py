"""A control for Lift's readout: the plain student, but its patch tokens are averaged."""

import torch

from baselines.students._config import ViTConfig
from baselines.students._init import Initialiser
from baselines.students._tapped import Tapped
from baselines.students._vit import vit


def pooled(config: ViTConfig, *, generator: torch.Generator, init: Initialiser | None = None) -> Tapped:
    """The mean of the patch tokens after the last norm goes to the head.

    The class token stays in the sequence, as it does in Lift. Every parameter, name and shape is that of
    `plain`; only what the head reads differs.
    """
    return Tapped(vit(config, generator=generator, init=init, global_pool="avg", fc_norm=False))
