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
attention 0.59, 0.59 and 0.35. A batch of eight keeps about a third of the memory in its attention.
``tests/bench/test_bench_cait.py`` measures it anew. Not run on a GPU.

Parameters, names in the state dict, hooks on the attention and results stay as they are, to rounding: within 1e-5 of
the largest value in float32, which the tests hold it to. Gradients are right too, but what autograd keeps for them is
no smaller than timm's. In training mode timm's own forward runs, since dropout of the maps draws from the generator in
timm's order. Hooks on ``proj_l``, ``proj_w`` and ``attn_drop`` do not fire: these are not called.
Class attention has no talking heads and stays on timm's path, which has a fused kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from timm.models.cait import TalkingHeadAttn

if TYPE_CHECKING:
    from torch import nn

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
        d = C // H
        qkv = self.qkv(x).view(B, N, 3, H, d)
        images, rows = (B, N) if torch.compiler.is_compiling() else self._tile(qkv)  # a compiler fuses by itself
        before, after, bias = self.proj_l.weight, self.proj_w.weight, self.proj_w.bias
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
        out: torch.Tensor = self.proj_drop(self.proj(mixed.view(B, N, C)))
        return out

    def _tile(self, qkv: torch.Tensor) -> tuple[int, int]:
        budget = TILE.get(qkv.device.type, TILE_ELSEWHERE)
        return tile(heads=self.num_heads, tokens=qkv.shape[1], itemsize=qkv.element_size(), budget=budget)


def fuse(model: nn.Module) -> int:
    """Let every talking-heads attention of a network take the faster path, in place.

    The modules stay the same objects with the same parameters and hooks; they only change their class. Fuse before
    ``torch.compile``. Attention of a class derived from timm's is left alone: its forward pass may be another one.

    Args:
        model: any network; of timm's, only CaiT has talking heads.

    Returns:
        how many were changed; 0 if there are none, or if all were fused before.
    """
    found = [module for module in model.modules() if type(module) is TalkingHeadAttn]
    for module in found:
        module.__class__ = FusedTalkingHeadAttn
    return len(found)
