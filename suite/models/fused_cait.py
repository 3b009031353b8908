"""A faster forward pass of CaiT's talking-heads attention, for a teacher.

timm's ``TalkingHeadAttn`` (Shazeer et al., arXiv 2003.02436; Touvron et al., arXiv 2103.17239) mixes the heads before
and after the softmax, so no fused kernel of torch takes it, and its eager form turns every ``[heads, N, N]`` map of a
whole batch inside out four times. Here a tile of queries goes all the way: scores, mixing, softmax, mixing, times the
values. ::

    from suite.models.fused_cait import fuse

    teacher = build(spec, seed=0).eval()
    fuse(teacher)  # 24 for CaiT-S24; 0, and nothing changed, for a network without talking heads

What makes it fast, with q, k, v of one image and head h, weights L, W and biases l, w of the two mixings:

* **Layout.** A mixing of heads is one product ``[heads, heads] @ [heads, rows * N]`` of the maps as they lie in memory.
* **Bias before the softmax.** l adds the same number to all logits of a query: it cancels, and is left out.
* **Bias after the softmax.** ``(W P + w) v = W P v + w sum_n v_n``: one vector a head and image, which the last product
  starts from.
* **Tiles.** The two maps of a tile that are alive at a time stay within a fixed number of bytes, :data:`TILE`.

On one CPU thread CaiT-S24 at 224 px takes 0.79 of timm's time for one image, 0.72 for eight and 0.57 for 32; its
attention 0.59, 0.59 and 0.35. In processor time, measured again with torch 2.15 on a machine that others used as well,
it was 0.60 to 0.77 for eight and 0.53 for 32. A batch of eight keeps about a third of the memory in its attention.
``tests/bench/test_bench_cait.py`` measures it anew. Not run on a GPU.

Inside, autocast is off: on a GPU it would have the softmax written in float32, which sums in float32 as it is. On a GPU
with Triton the kernel of :mod:`suite.models.talking_heads` is taken where it was measured faster.

Parameters, names in the state dict, hooks on the attention and results stay as they are, to rounding: within 1e-5 of
the largest value in float32, which the tests hold it to. Gradients are right too, but what autograd keeps for them is
no smaller than timm's. In training mode timm's own forward runs, since dropout of the maps draws from the generator in
timm's order. Hooks on ``proj_l``, ``proj_w`` and ``attn_drop`` do not fire: these are not called.
Class attention has no talking heads and stays on timm's path, which has a fused kernel.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from timm.models.cait import TalkingHeadAttn
from torch import nn
from torch.nn import functional

TRITON = find_spec("triton") is not None  # it comes with torch for CUDA, and is not on every machine

# Bytes of the two maps of a tile. On a CPU they should stay in the share of the last-level cache that one core can
# count on, a few MiB; tiles that fit the much smaller second level gain nothing back for products of fewer rows.
# Other devices hide latency behind work: tens of MiB fill one, and are of the order of its cache. Not tuned on a GPU.
TILE = {"cpu": 4 * 2**20}
TILE_ELSEWHERE = 64 * 2**20


def tile(*, heads: int, tokens: int, itemsize: int, budget: int) -> tuple[int, int]:
    """How much of a batch to take at a time.

    Args:
        heads: attention heads.
        tokens: keys of a query, at least 1.
        itemsize: bytes of a number.
        budget: bytes that two maps of a tile may take.

    Returns:
        Images and query rows of a tile, each at least 1. Several images only if all their rows fit; of one image,
        rows in parts as equal as possible.
    """
    rows = max(1, budget // (2 * heads * tokens * itemsize))
    if rows >= tokens:
        return rows // tokens, tokens
    parts = -(-tokens // rows)
    return 1, -(-tokens // parts)


class FusedTalkingHeadAttn(TalkingHeadAttn):
    """timm's talking-heads attention with a tiled forward pass; see :func:`fuse`.

    Attributes:
        fused_attn: whether to take it; False, as in timm's other attention layers, lets timm's own forward run, whose
            maps hooks can see.
    """

    fused_attn = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend.

        Args:
            x: tokens, ``[B, N, C]``.

        Returns:
            ``[B, N, C]``.
        """
        if self.training or not self.fused_attn:
            timms: torch.Tensor = super().forward(x)  # type: ignore[no-untyped-call]
            return timms
        B, N, C = x.shape
        H = self.num_heads
        qkv = self.qkv(x).view(B, N, 3, H, C // H)
        with _as_they_come(qkv):
            mixed = self._mixed(qkv)
        out: torch.Tensor = self.proj_drop(self.proj(mixed.view(B, N, C)))
        return out

    def _mixed(self, qkv: torch.Tensor) -> torch.Tensor:
        """What all heads say ``[B, N, heads, channels]``."""
        weights = (self.proj_l.weight, self.proj_w.weight, self.proj_w.bias)
        before, after, bias = (weight.to(qkv.dtype) for weight in weights)
        products = partial(self._by_tiles, qkv, before, after, bias)
        if not _may_take_the_kernel(qkv):
            return products()
        from suite.models.talking_heads import Mixing, attend, choice  # noqa: PLC0415 - where there is Triton

        mixing = Mixing(before, after, bias)
        chosen = choice(qkv, mixing, self.scale, products)
        return products() if chosen is None else attend(qkv, mixing, self.scale, chosen)

    def _by_tiles(
        self, qkv: torch.Tensor, before: torch.Tensor, after: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        B, N, _, H, d = qkv.shape
        images, rows = (B, N) if torch.compiler.is_compiling() else self._tile(qkv)  # a compiler fuses by itself
        mixed = qkv.new_empty(B, N, H, d)
        for image in range(0, B, max(images, 1)):
            some = qkv[image : image + images]
            B_ = len(some)
            q, k, v = (part.reshape(B_ * H, N, d) for part in some.permute(2, 0, 3, 1, 4))  # no copy of one image
            q, k = q * self.scale, k.transpose(1, 2)
            shift = (v.view(B_, H, N, d).sum(2, keepdim=True) * bias.view(H, 1, 1)).view(B_ * H, 1, d)
            for row in range(0, N, rows):
                maps = torch.bmm(q[:, row : row + rows], k)
                shape, flat = maps.shape, (B_, H, -1)
                maps = torch.bmm(before.expand(B_, H, H), maps.view(flat)).view(shape)
                maps = maps.softmax(dim=-1)
                maps = torch.bmm(after.expand(B_, H, H), maps.view(flat)).view(shape)
                heads = torch.baddbmm(shift, maps, v).view(B_, H, -1, d)
                mixed[image : image + B_, row : row + rows] = heads.transpose(1, 2)
        return mixed

    def _tile(self, qkv: torch.Tensor) -> tuple[int, int]:
        budget = TILE.get(qkv.device.type, TILE_ELSEWHERE)
        return tile(heads=self.num_heads, tokens=qkv.shape[1], itemsize=qkv.element_size(), budget=budget)


class RememberingLinear(nn.Linear):
    """A linear layer that keeps its weights in the numbers that autocast casts them to; see :func:`fuse`.

    Autocast remembers a cast only of weights that a gradient is asked for: it casts those of a teacher at every call.
    What is computed is the same, bit for bit.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[..., in]`` to ``[..., out]``."""
        device = x.device.type
        trained = self.training or self.weight.requires_grad
        if trained or not torch.is_autocast_enabled(device) or torch.compiler.is_compiling():
            return super().forward(x)
        return functional.linear(x, *self._cast(torch.get_autocast_dtype(device)))

    def _cast(self, dtype: torch.dtype) -> list[torch.Tensor]:
        given = [self.weight] if self.bias is None else [self.weight, self.bias]
        now = (dtype, [(part.data_ptr(), part._version) for part in given])  # noqa: SLF001 - torch's own count of changes
        if self.__dict__.get("_known", (None,))[0] != now:  # they were moved, or other values were loaded
            self.__dict__["_known"] = now, [part.detach().to(dtype) for part in given]
        cast: list[torch.Tensor] = self.__dict__["_known"][1]
        return cast

    def __getstate__(self) -> dict[str, Any]:
        """What a copy needs: it casts for itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_known"}


def _as_they_come(qkv: torch.Tensor) -> AbstractContextManager[Any]:
    """Products and softmax in the numbers they are given: autocast would write every map of a GPU in float32."""
    device = qkv.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def _may_take_the_kernel(qkv: torch.Tensor) -> bool:
    """Whether the kernel of :mod:`suite.models.talking_heads` could run: on a GPU, where nothing asks for gradients."""
    gradients = torch.is_grad_enabled() and qkv.requires_grad
    return TRITON and qkv.is_cuda and not gradients and not torch.compiler.is_compiling()


def fuse(model: nn.Module) -> int:
    """Let every talking-heads attention of a network take the faster path, in place, and its linear layers cast once.

    The modules stay the same objects with the same parameters and hooks; they only change their class. Fuse before
    ``torch.compile``. Attention of a class derived from timm's is left alone: its forward pass may be another one.

    Args:
        model: any network; of timm's, only CaiT has talking heads.

    Returns:
        how many attentions were changed; 0 if there are none, or if all were fused before.
    """
    found = [module for module in model.modules() if type(module) is TalkingHeadAttn]
    for module in found:
        module.__class__ = FusedTalkingHeadAttn
    for linear in [module for module in model.modules() if found and type(module) is nn.Linear]:
        linear.__class__ = RememberingLinear
    return len(found)
