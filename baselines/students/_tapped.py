"""One way to run every network and get its logits and the maps that a method taps."""

from collections.abc import Iterable
from typing import Any

import torch
from timm.models import Cait, ResNet, SwinTransformer, VisionTransformer
from timm.models.deit import VisionTransformerDistilled
from torch import Tensor, nn

from baselines.protocol import MapShape, Network, Outputs

KINDS = (VisionTransformer, Cait, SwinTransformer, ResNet)


class Tapped(nn.Module):
    """A timm model that returns `Outputs`.

    What a layer is, and what `Outputs.final` holds, depends on the kind of network:

    * VisionTransformer (DeiT and its like): layers are the blocks, final the patch tokens after the last
      norm. With a distillation token, the two heads are apart in training and averaged in evaluation.
    * Cait: layers are the blocks of patch self-attention. The class-attention blocks above them change the
      class token only; final is the network's last norm applied to the patch tokens of the last layer.
    * SwinTransformer: layers are the stages, final the last of them after the norm.
    * ResNet: layer 0 is the stem, 1 to 4 are the stages; there is no final norm, so final is the last stage.

    Training must call the module itself, not a method of it: under data-parallel training only then are
    gradients averaged over processes.

    Attributes:
        backbone: The timm model.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        if not isinstance(backbone, KINDS):
            raise ValueError(  # noqa: TRY004 - a choice of network, not a slip of types
                f"{type(backbone).__name__} is not a network with known layers: "
                f"give a timm {', '.join(kind.__name__ for kind in KINDS)}"
            )
        self.backbone: Any = backbone
        if isinstance(backbone, VisionTransformerDistilled):
            backbone.set_distilled_training(enable=True)

    @property
    def depth(self) -> int:
        """Number of layers that can be tapped."""
        return len(self.backbone.feature_info)

    def forward(self, images: Tensor, layers: Iterable[int] = (), *, final: bool = False) -> Outputs:
        """Logits and the maps asked for.

        Args:
            images: [B, channels, height, width], normalised as the network wants them.
            layers: Which maps, 0-based absolute indices in any order.
            final: Whether to return the map after the final norm.
        """
        last, maps = self.trunk(images, layers)
        logits = self.backbone.forward_head(last)
        token = None
        if isinstance(logits, tuple):
            logits, token = logits
        return Outputs(
            logits=logits,
            maps=maps,
            final=self.final_map(last) if final else None,
            distillation_logits=token,
        )

    def trunk(self, images: Tensor, layers: Iterable[int]) -> tuple[Tensor, dict[int, Tensor]]:
        """Everything below the head: timm's last features, and the map of each layer asked for.

        Raises:
            ValueError: A layer is not there, or counted from the end.
        """
        wanted = sorted(set(layers))
        if wanted and not 0 <= wanted[0] <= wanted[-1] < self.depth:
            raise ValueError(f"layers {wanted} are not all there: choose from 0 to {self.depth - 1}")
        if not wanted:
            return self.backbone.forward_features(images), {}
        tokens = isinstance(self.backbone, VisionTransformer | Cait)
        last, found = self.backbone.forward_intermediates(
            images, indices=wanted, norm=False, output_fmt="NLC" if tokens else "NCHW"
        )
        return last, {layer: self.as_map(x) for layer, x in zip(wanted, found, strict=True)}

    def as_map(self, x: Tensor) -> Tensor:
        """Tokens [B, prefix + H·W, C] as a view [B, C, H, W] of the patch tokens; maps as they are."""
        if x.ndim == 4:
            return x
        height, width = self.backbone.patch_embed.grid_size
        patches = x[:, x.shape[1] - height * width :].mT
        return patches.reshape(*patches.shape[:2], height, width)

    def final_map(self, last: Tensor) -> Tensor:
        """The map in timm's last features."""
        channels_last = isinstance(self.backbone, SwinTransformer)
        return last.movedim(-1, 1) if channels_last else self.as_map(last)

    @torch.no_grad()
    def network(self, example: Tensor) -> Network:
        """The shapes that come out for images like `example` [B, channels, height, width]."""
        training = self.training
        outputs = self.eval()(example, range(self.depth), final=True)
        self.train(training)
        return Network(
            depth=self.depth,
            maps={layer: _shape(x) for layer, x in outputs.maps.items()},
            final=_shape(outputs.final),
            classes=self.backbone.num_classes,
        )


def _shape(x: Tensor) -> MapShape:
    return MapShape(*x.shape[1:])
