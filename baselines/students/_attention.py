"""What attention layers of timm networks compute on the way, read by hooks on timm's own modules."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from timm.layers.attention import Attention
from timm.models import Cait, ResNet, SwinTransformer, VisionTransformer
from timm.models.cait import ClassAttn, TalkingHeadAttn
from timm.models.swin_transformer import WindowAttention
from torch import Tensor, nn

from baselines.protocol import AttentionShape, AttentionTap

Found = dict[str, Tensor]
"""What the hooks of one layer kept, by name."""


def self_attention(backbone: Any) -> dict[int, Any]:
    """Layer → its attention module; of a stage with several blocks, the last one's."""
    if isinstance(backbone, ResNet):
        return {}
    layers = backbone.layers if isinstance(backbone, SwinTransformer) else backbone.blocks
    found: dict[int, Any] = {}
    for layer, part in enumerate(layers):
        modules = [m for m in part.modules() if isinstance(m, Attention | TalkingHeadAttn | WindowAttention)]
        if modules:
            found[layer] = modules[-1]
    return found


def class_attention(backbone: Any) -> dict[int, Any]:
    """Layer → the module in which a class token attends to the patches."""
    if isinstance(backbone, Cait):
        return {layer: block.attn for layer, block in enumerate(backbone.blocks_token_only)}
    has_token = isinstance(backbone, VisionTransformer) and getattr(backbone, "cls_token", None) is not None
    return self_attention(backbone) if has_token else {}


def prefix(backbone: Any) -> int:
    """Tokens before the patches in the self-attention of a network."""
    return int(backbone.num_prefix_tokens) if isinstance(backbone, VisionTransformer) else 0


def shapes(backbone: Any, found: dict[AttentionTap, Tensor]) -> dict[int, AttentionShape]:
    """Shape of every layer's self-attention, given its queries."""
    return {
        layer: AttentionShape(
            heads=module.num_heads,
            width=found["queries", layer].shape[3],
            tokens=found["queries", layer].shape[2],
            prefix=prefix(backbone),
            windows=found["queries", layer].shape[1] // module.num_heads,
        )
        for layer, module in self_attention(backbone).items()
    }


@contextmanager
def reading(backbone: Any, taps: Iterable[AttentionTap]) -> Iterator[Callable[[int], dict[AttentionTap, Tensor]]]:
    """Keep what was tapped of one forward pass, run inside; what is given back makes it of the number of images.

    Fused attention is switched off only in layers whose scores a fused kernel would never show: those of Cait's
    talking heads and of Swin's windows, where "scores" are tapped.

    Raises:
        ValueError: A layer has no such attention.
    """
    with ExitStack() as stack:
        makers: dict[AttentionTap, Callable[[int], Tensor]] = {}
        kept: dict[nn.Module, Found] = {}
        for kind, layer in taps:
            there = class_attention(backbone) if kind == "class_scores" else self_attention(backbone)
            if layer not in there:
                known = ", ".join(map(str, there)) or "none"
                raise ValueError(f"layer {layer} has no {kind} to tap: choose from {known}")
            module = there[layer]
            if module not in kept:
                kept[module] = {}
                for handle in _listen(module, kept[module]):
                    stack.callback(handle.remove)
            if kind == "scores" and not isinstance(module, Attention) and getattr(module, "fused_attn", False):
                module.fused_attn = False
                stack.callback(setattr, module, "fused_attn", True)
            makers[kind, layer] = partial(_make, module, kind, kept[module], prefix(backbone))
        yield lambda images: {tap: make(images) for tap, make in makers.items()}


def _listen(module: Any, found: Found) -> list[Any]:
    """Hooks that put what a module passes on into `found`."""

    def outputs(name: str) -> Any:
        def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            found[name] = output

        return keep

    def inputs(_module: nn.Module, given: tuple[Tensor, ...]) -> None:
        found["scores"] = given[0]

    if isinstance(module, ClassAttn):
        return [module.q.register_forward_hook(outputs("q")), module.k.register_forward_hook(outputs("k"))]
    handles = [module.qkv.register_forward_hook(outputs("qkv"))]
    if isinstance(module, Attention):
        handles.append(module.q_norm.register_forward_hook(outputs("q")))
        handles.append(module.k_norm.register_forward_hook(outputs("k")))
    elif isinstance(module, TalkingHeadAttn):
        handles.append(module.proj_l.register_forward_hook(outputs("mixed")))
    else:
        handles.append(module.softmax.register_forward_pre_hook(inputs))
    return handles


def _make(module: Any, kind: str, found: Found, before: int, images: int) -> Tensor:
    """One tapped quantity from what the hooks of its layer kept; shapes as in `Outputs.attention`."""
    if isinstance(module, ClassAttn):
        heads = module.num_heads
        queries = found["q"].reshape(images, heads, -1)  # [B, H, d]
        keys = found["k"].reshape(*found["k"].shape[:2], heads, -1)  # [B, N, H, d]
        return torch.einsum("bhd,bnhd->bhn", queries * module.scale, keys)
    if kind == "scores" and isinstance(module, TalkingHeadAttn):
        return found["mixed"].movedim(-1, 1)
    if kind == "scores" and isinstance(module, WindowAttention):
        return found["scores"].reshape(images, -1, *found["scores"].shape[-2:])
    # [B·w, n, 3·H·d] to q, k, v [B·w, H, n, d]
    stacked = found["qkv"].reshape(*found["qkv"].shape[:2], 3, module.num_heads, -1)
    q, k, v = stacked.permute(2, 0, 3, 1, 4).unbind(0)
    q, k = found.get("q", q), found.get("k", k)
    scale = float(module.scale)
    if kind == "scores":
        return (q * scale) @ k.mT
    if kind == "class_scores":
        attended = torch.cat([k[:, :, :1], k[:, :, before:]], dim=2)
        return ((q[:, :, :1] * scale) @ attended.mT).squeeze(2)
    chosen = {"queries": q, "keys": k, "values": v}[kind]
    return chosen.reshape(images, -1, *chosen.shape[-2:])
