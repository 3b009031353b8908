"""Talking-heads attention in one kernel of Triton, for a GPU: no map of a head ever reaches memory.

Heads are mixed before and after the softmax (Shazeer et al., arXiv 2003.02436, section 3), so that no head can go its
own way: the second mixing needs the softmax of every head, and that the sums over all keys. One program therefore
takes all heads of some queries of one image, and goes over the keys twice. The first pass keeps the largest mixed
logit of each query and the sum of exponentials relative to it as it grows (the running softmax of Milakov and
Gimelshein, arXiv 1805.02867); the second computes the same logits again, normalises, mixes, and adds up the values, as
FlashAttention (Dao et al., arXiv 2205.14135) does for heads that do not mix. Sums are in float32 whatever the type.

The kernel has been run by Triton's interpreter and compiled for GPUs, but never run on one. It is for inference: it has
no gradient. :func:`choice` takes it only where, on this device and at this shape, it gave the result of the products
it replaces in less time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import triton
import triton.language as tl

if TYPE_CHECKING:
    from collections.abc import Callable

    Attend = Callable[[], torch.Tensor]

# Largest difference from the products it replaces, as a share of their largest value: sums in another order; in half
# precision these round every map to 11 bits, four times one after the other.
NEAR = {torch.float32: 1e-5, torch.float16: 4e-3}
TURNS = 5  # of each candidate, one after the other; the least time counts


class Tile(NamedTuple):
    """How the kernel is cut: queries of a program, keys of a turn (16 at least, powers of two), warps of a program."""

    queries: int
    keys: int
    warps: int


# As compiled for an H100 with 8 heads of 48 channels, the first two need 48 and 64 KiB of shared memory in half
# precision; in float32 only the last fits.
TILES = (Tile(16, 32, 8), Tile(32, 32, 8), Tile(16, 16, 8))


class Mixing(NamedTuple):
    """The two mixings of heads: ``before`` and ``after`` the softmax ``[heads, heads]``, ``bias`` after it ``[heads]``.

    A bias before the softmax would be the same for all keys of a query: it cancels.
    """

    before: torch.Tensor
    after: torch.Tensor
    bias: torch.Tensor


def _mix(maps: tl.tensor, weights: tl.tensor, H: tl.constexpr, HP: tl.constexpr) -> tl.tensor:
    """Maps ``[HP, R, K]`` of heads, each replaced by its own weighted sum over all of them."""
    head = tl.arange(0, HP)
    found = tl.zeros_like(maps)
    for row in tl.static_range(H):
        weight = tl.load(weights + row * H + head, mask=head < H, other=0.0).to(tl.float32)
        one = tl.sum(maps * weight[:, None, None], axis=0)
        found += tl.where(head[:, None, None] == row, one[None, :, :], 0.0)
    return found


_mixed: Any = triton.jit(_mix)


def _attend(
    qkv: tl.tensor,
    before: tl.tensor,
    after: tl.tensor,
    bias: tl.tensor,
    out: tl.tensor,
    tokens: tl.tensor,
    scale: tl.tensor,
    H: tl.constexpr,
    HP: tl.constexpr,
    D: tl.constexpr,
    DP: tl.constexpr,
    R: tl.constexpr,
    K: tl.constexpr,
    PRECISION: tl.constexpr,
) -> None:
    """R queries of one image: all H heads of D channels, padded to powers of two (HP, DP); K keys at a time."""
    image = tl.program_id(1).to(tl.int64)
    head, channel = tl.arange(0, HP)[:, None, None], tl.arange(0, DP)[None, None, :]
    row = tl.program_id(0) * R + tl.arange(0, R)
    mine = (row < tokens)[None, :, None] & (head < H) & (channel < D)
    qkv += image * tokens * 3 * H * D
    query = tl.load(qkv + row[None, :, None] * (3 * H * D) + head * D + channel, mask=mine, other=0.0)
    wide = tl.arange(0, DP)[None, :, None]
    peak = tl.full([HP, R], float("-inf"), tl.float32)
    total = tl.zeros([HP, R], tl.float32)
    for first in range(0, tokens, K):
        key = first + tl.arange(0, K)[None, None, :]
        there = (key < tokens) & (head < H) & (wide < D)
        keys = tl.load(qkv + key * (3 * H * D) + H * D + head * D + wide, mask=there, other=0.0)
        logits = _mixed(tl.dot(query, keys, input_precision=PRECISION) * scale, before, H, HP)
        logits = tl.where(key < tokens, logits, float("-inf"))
        higher = tl.maximum(peak, tl.max(logits, axis=2))
        total = total * tl.exp(peak - higher) + tl.sum(tl.exp(logits - higher[:, :, None]), axis=2)
        peak = higher
    flat = tl.arange(0, HP)
    constant = tl.load(bias + flat, mask=flat < H, other=0.0).to(tl.float32)
    sums = tl.zeros([HP, R, DP], tl.float32)
    for first in range(0, tokens, K):
        key = first + tl.arange(0, K)[None, None, :]
        there = (key < tokens) & (head < H) & (wide < D)
        keys = tl.load(qkv + key * (3 * H * D) + H * D + head * D + wide, mask=there, other=0.0)
        logits = _mixed(tl.dot(query, keys, input_precision=PRECISION) * scale, before, H, HP)
        shares = tl.exp(logits - peak[:, :, None]) / total[:, :, None]
        maps = _mixed(shares, after, H, HP) + constant[:, None, None]
        maps = tl.where(key < tokens, maps, 0.0)
        place = first + tl.arange(0, K)[None, :, None]
        known = (place < tokens) & (head < H) & (channel < D)
        values = tl.load(qkv + place * (3 * H * D) + 2 * H * D + head * D + channel, mask=known, other=0.0)
        sums += tl.dot(maps.to(values.dtype), values, input_precision=PRECISION)
    out += image * tokens * H * D
    tl.store(out + row[None, :, None] * (H * D) + head * D + channel, sums.to(out.dtype.element_ty), mask=mine)


_kernel: Any = triton.jit(_attend)


def attend(qkv: torch.Tensor, mixing: Mixing, scale: float, tile: Tile = TILES[0]) -> torch.Tensor:
    """Attention of all heads.

    Args:
        qkv: queries, keys and values ``[B, N, 3, heads, channels]``, contiguous, of a type in :data:`NEAR`.
        mixing: of heads.
        scale: of logits.
        tile: how to cut the work.

    Returns:
        ``[B, N, heads, channels]`` of the same type, without a gradient.
    """
    B, N, _, H, D = qkv.shape
    out = qkv.new_empty(B, N, H, D)
    if not out.numel():
        return out
    grid = (triton.cdiv(N, tile.queries), B)
    before, after, bias = (part.detach().contiguous() for part in mixing)
    sizes = {
        "H": H,
        "HP": triton.next_power_of_2(H),
        "D": D,
        "DP": max(16, triton.next_power_of_2(D)),
        "R": tile.queries,
        "K": tile.keys,
        "PRECISION": "ieee",
    }
    _kernel[grid](qkv.detach(), before, after, bias, out, N, scale, **sizes, num_warps=tile.warps)
    return out


_chosen: dict[tuple[Any, ...], Tile | None] = {}


def choice(qkv: torch.Tensor, mixing: Mixing, scale: float, products: Attend) -> Tile | None:
    """How to run the kernel here; None where it is not to be run.

    Tried once a device, type and shape, and remembered: a tile that cannot be compiled or run, or whose result is not
    that of ``products``, is out; of the others and ``products`` the fastest is taken.

    Args:
        qkv: as for :func:`attend`.
        mixing: likewise.
        scale: likewise.
        products: what the kernel would replace.
    """
    asked = (str(qkv.device), qkv.dtype, tuple(qkv.shape))
    if asked not in _chosen:
        _chosen[asked] = _fastest(qkv, mixing, scale, products) if qkv.dtype in NEAR and qkv.numel() else None
    return _chosen[asked]


def _fastest(qkv: torch.Tensor, mixing: Mixing, scale: float, products: Attend) -> Tile | None:
    expected = products()
    able: dict[Tile | None, Attend] = {None: products}
    for tile in TILES:

        def run(tile: Tile = tile) -> torch.Tensor:
            return attend(qkv, mixing, scale, tile)

        try:
            same = _near(run(), expected)
        except Exception:  # noqa: BLE001, S112 - compilers and drivers raise what they like
            continue
        if same:
            able[tile] = run
    took: dict[Tile | None, float] = dict.fromkeys(able, float("inf"))
    for _ in range(TURNS):
        for name, task in able.items():
            took[name] = min(took[name], _seconds(task, qkv.device))
    return min(took, key=lambda name: took[name])


def _near(found: torch.Tensor, expected: torch.Tensor) -> bool:
    apart = (found.double() - expected.double()).abs().max()
    return bool(apart <= NEAR[expected.dtype] * expected.double().abs().max())


def _seconds(task: Attend, device: torch.device) -> float:
    _wait(device)
    began = time.perf_counter()
    task()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
