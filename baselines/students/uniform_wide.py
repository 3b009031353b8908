"""UniformWide: a control for capacity, a plain student widened throughout to a given number of parameters."""

from bisect import bisect_left
from dataclasses import replace

import torch
from timm.models import VisionTransformer

from baselines.students._config import ViTConfig
from baselines.students._init import Initialiser
from baselines.students._tapped import Tapped
from baselines.students._vit import vit


def parameters_at(config: ViTConfig, width: int) -> int:
    """Number of parameters of the plain student at this width."""
    with torch.device("meta"):
        model = VisionTransformer(
            img_size=config.img_size,
            patch_size=config.patch_size,
            in_chans=config.in_chans,
            num_classes=config.num_classes,
            embed_dim=width,
            depth=config.depth,
            num_heads=config.num_heads,
        )
    return sum(parameter.numel() for parameter in model.parameters())


def matched_width(config: ViTConfig, parameters: int) -> int:
    """The width, a multiple of the number of heads, that comes nearest to a number of parameters.

    The smaller of two equally near.
    """
    heads = config.num_heads

    def size(per_head: int) -> int:
        return parameters_at(config, per_head * heads)

    upper = 1
    while size(upper) < parameters:
        upper *= 2
    above = bisect_left(range(1, upper + 1), parameters, key=size) + 1
    return heads * min(max(above - 1, 1), above, key=lambda per_head: abs(size(per_head) - parameters))


def uniform_wide(
    config: ViTConfig,
    *,
    width: int | None = None,
    parameters: int | None = None,
    generator: torch.Generator,
    init: Initialiser | None = None,
) -> Tapped:
    """A plain student of another width, given as such or by the number of parameters to match.

    Args:
        config: The plain student; its own width is not used.
        width: Channels throughout, a multiple of the number of heads; 204, 216 and 219 in the paper.
        parameters: Number of parameters to come nearest to, instead of a width.
        generator: Source of the initial values.
        init: Overrides timm's initial values.

    Raises:
        ValueError: Not exactly one of `width` and `parameters` is given.

    References:
        arXiv 2511.15572, UniformWide.
    """
    if (width is None) == (parameters is None):
        raise ValueError("give either a width or the number of parameters to match")
    chosen = width if parameters is None else matched_width(config, parameters)
    assert chosen is not None
    return Tapped(vit(replace(config, embed_dim=chosen), generator=generator, init=init))
