"""What describes a plain Vision Transformer; the defaults are DeiT-Tiny's."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """Sizes of a plain Vision Transformer; attributes are named and mean what they do in timm.

    Attributes:
        embed_dim: Width of the tokens, a multiple of `num_heads`.
        depth: Number of blocks.
        num_heads: Attention heads per block.
        img_size: Side of the square image in pixels, a multiple of `patch_size`.
        patch_size: Side of a patch in pixels.
        in_chans: Colour channels.
        num_classes: Number of logits.
    """

    embed_dim: int = 192
    depth: int = 12
    num_heads: int = 3
    img_size: int = 224
    patch_size: int = 16
    in_chans: int = 3
    num_classes: int = 1000

    def __post_init__(self) -> None:
        """Refuse sizes that do not divide."""
        if self.embed_dim % self.num_heads:
            raise ValueError(
                f"a width of {self.embed_dim} cannot be split into {self.num_heads} heads: "
                "choose a multiple of the number of heads"
            )
        if self.img_size % self.patch_size:
            raise ValueError(
                f"an image of {self.img_size} pixels cannot be cut into patches of {self.patch_size}: "
                "choose a multiple of the patch size"
            )
