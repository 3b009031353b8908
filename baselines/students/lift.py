"""Lift: a projector to the teacher's width that stays at inference."""

from collections import OrderedDict
from collections.abc import Iterable

import torch
from timm.layers.norm import LayerNorm
from torch import Tensor, nn

from baselines.protocol import AttentionTap, Outputs
from baselines.students._config import ViTConfig
from baselines.students._init import Initialiser
from baselines.students._tapped import Tapped
from baselines.students._vit import added, vit


class Lifted(Tapped):
    """Patch tokens of the last block, lifted and normalised, are averaged and read by a wide head.

    The map of the last layer, and the final map, are the lifted ones; the layers below are the backbone's.
    """

    def __init__(self, backbone: nn.Module, lift: nn.Module, head: nn.Module) -> None:
        super().__init__(backbone)
        self.lift = lift
        self.head = head

    def forward(
        self,
        images: Tensor,
        layers: Iterable[int] = (),
        *,
        final: bool = False,
        pooled: bool = False,
        attention: Iterable[AttentionTap] = (),
    ) -> Outputs:
        """See `Tapped.forward`."""
        last = self.depth - 1
        wanted = set(layers)
        tokens, maps, attended = self.trunk(images, wanted - {last}, attention)
        lifted = self.as_map(self.lift(tokens[:, self.backbone.num_prefix_tokens :]))
        if last in wanted:
            maps[last] = lifted
        read = lifted.mean((2, 3))
        return Outputs(
            logits=self.head(read),
            maps=maps,
            final=lifted if final else None,
            pooled=read if pooled else None,
            attention=attended,
        )


def lift(config: ViTConfig, *, width: int, generator: torch.Generator, init: Initialiser | None = None) -> Tapped:
    """A plain student whose patch tokens are lifted to `width` channels, the teacher's, before the head.

    Linear without bias, then LayerNorm, as the authors' code has it (their text has the Linear alone). Their
    module also carries the plain head and last norm, which nothing reads; they are left out here, so that the
    number of parameters is the one the paper prints, of those in use: 5,983,528 for width 384.

    Args:
        config: The plain student.
        width: Channels after the projection.
        generator: Source of the initial values.
        init: Overrides timm's initial values.

    References:
        arXiv 2511.15572, Lift; authors' repository, training/lift.
    """
    backbone = vit(config, generator=generator, init=init)
    backbone.norm = backbone.head = nn.Identity()
    parts = added(
        lambda: nn.ModuleDict(
            {
                "lift": nn.Sequential(
                    OrderedDict(
                        project=nn.Linear(config.embed_dim, width, bias=False),
                        norm=LayerNorm(width),
                    )
                ),
                "head": nn.Linear(width, config.num_classes),
            }
        ),
        generator=generator,
        init=init,
    )
    return Lifted(backbone, parts["lift"], parts["head"])
