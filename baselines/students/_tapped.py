"""One way to run every network and get its logits and the maps that a method taps."""

from collections.abc import Iterable
from typing import Any

import torch
from timm.models import Cait, ResNet, SwinTransformer, VisionTransformer
from timm.models.deit import VisionTransformerDistilled
from torch import Tensor, nn

from baselines.protocol import AttentionTap, MapShape, Network, Outputs
from baselines.students import _attention as attention_layers

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

    `Outputs.pooled` is what timm's `forward_head` gives with `pre_logits`. Attention is read by hooks on timm's
    modules: of a block of a VisionTransformer or Cait, of the last block of a Swin stage. Class attention is that
    of the class token: in a VisionTransformer of any block, in Cait of the class-attention blocks, counted from 0.

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

    def forward(
        self,
        images: Tensor,
        layers: Iterable[int] = (),
        *,
        final: bool = False,
        pooled: bool = False,
        attention: Iterable[AttentionTap] = (),
    ) -> Outputs:
        """Logits and what else is asked for.

        Args:
            images: [B, channels, height, width], normalised as the network wants them.
            layers: Which maps, 0-based absolute indices in any order.
            final: Whether to return the map after the final norm.
            pooled: Whether to return what the head reads.
            attention: What to return of which attention layers; a compiled network runs uncompiled for these.

        Raises:
            ValueError: A layer is not there, counted from the end, or has no such attention.
        """
        last, maps, attended = self.trunk(images, layers, attention)
        logits = self.backbone.forward_head(last)
        token = None
        if isinstance(logits, tuple):
            logits, token = logits
        return Outputs(
            logits=logits,
            maps=maps,
            final=self.final_map(last) if final else None,
            distillation_logits=token,
            pooled=self.backbone.forward_head(last, pre_logits=True) if pooled else None,
            attention=attended,
        )

    def trunk(
        self, images: Tensor, layers: Iterable[int], attention: Iterable[AttentionTap]
    ) -> tuple[Tensor, dict[int, Tensor], dict[AttentionTap, Tensor]]:
        """Everything below the head: timm's last features, the maps asked for, and what is read of attention."""
        taps = tuple(attention)
        if not taps:
            return *self.maps(images, layers), {}
        found: tuple[Tensor, dict[int, Tensor], dict[AttentionTap, Tensor]] = self.hooked(images, layers, taps)
        return found

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def hooked(
        self, images: Tensor, layers: Iterable[int], taps: tuple[AttentionTap, ...]
    ) -> tuple[Tensor, dict[int, Tensor], dict[AttentionTap, Tensor]]:
        """The trunk with hooks in place for its duration, which a compiler would not see."""
        with attention_layers.reading(self.backbone, taps) as found:
            last, maps = self.maps(images, layers)
            return last, maps, found(len(images))

    def maps(self, images: Tensor, layers: Iterable[int]) -> tuple[Tensor, dict[int, Tensor]]:
        """Timm's last features, and the map of each layer asked for."""
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
        queries: list[AttentionTap] = [("queries", layer) for layer in attention_layers.self_attention(self.backbone)]
        outputs = self.eval()(example, range(self.depth), final=True, pooled=True, attention=queries)
        self.train(training)
        return Network(
            depth=self.depth,
            maps={layer: _shape(x) for layer, x in outputs.maps.items()},
            final=_shape(outputs.final),
            classes=self.backbone.num_classes,
            pooled=outputs.pooled.shape[1],
            attention=attention_layers.shapes(self.backbone, outputs.attention),
            class_heads={
                layer: module.num_heads for layer, module in attention_layers.class_attention(self.backbone).items()
            },
        )


def _shape(x: Tensor) -> MapShape:
    return MapShape(*x.shape[1:])
