"""Runs the talking-heads kernel in Triton's interpreter, which a whole process is set to; prints what it found."""

from __future__ import annotations

import json
import sys

import torch
from timm.models.cait import TalkingHeadAttn

from suite.models import fused_cait, talking_heads
from suite.models.fused_cait import fuse
from suite.models.talking_heads import TILES, Mixing, Tile, attend, choice

SHAPES = ((2, 17, 3, 5), (1, 33, 8, 48), (3, 16, 1, 16), (1, 1, 2, 4), (1, 33, 6, 24))  # images, tokens, heads, width
HALF = torch.float16


def made(heads, width, *, seed=0, dtype=torch.float32):
    """timm's attention, no weight or bias zero, logits far from uniform."""
    module = TalkingHeadAttn(heads * width, num_heads=heads, qkv_bias=True).eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.4, generator=generator)
    return module.to(dtype)


def inputs(images, tokens, heads, width, dtype=torch.float32):
    """Queries, keys and values of a module, and its mixings."""
    module = made(heads, width)
    x = torch.randn(images, tokens, heads * width, generator=torch.Generator().manual_seed(1))
    qkv = module.qkv(x).view(images, tokens, 3, heads, width).detach().to(dtype)
    parts = (module.proj_l.weight, module.proj_w.weight, module.proj_w.bias)
    return qkv, Mixing(*(part.detach().to(dtype) for part in parts))


def plainly(qkv, mixing, scale):
    """As it is written down, one operation after the other, in the numbers that are given."""
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    maps = torch.einsum("gh,bhij->bgij", mixing.before, (q * scale) @ k.transpose(-1, -2)).softmax(-1)
    maps = torch.einsum("gh,bhij->bgij", mixing.after, maps) + mixing.bias[:, None, None]
    return (maps @ v).transpose(1, 2)


def apart(found, expected):
    return float((found.double() - expected.double()).abs().max() / expected.double().abs().max())


def errors():
    """By type, shape and tile: the kernel's error, and that of the plain products in the same numbers."""
    found = []
    for dtype in (torch.float32, HALF):
        for shape in SHAPES:
            qkv, mixing = inputs(*shape, dtype=dtype)
            scale = shape[-1] ** -0.5
            exact = plainly(qkv.double(), Mixing(*(part.double() for part in mixing)), scale)
            plain = apart(plainly(qkv, mixing, scale), exact)
            found += [
                [str(dtype), shape, tile, apart(attend(qkv, mixing, scale, tile), exact), plain] for tile in TILES
            ]
    return found


def outside(count=64):
    """Whether anything but the tensors themselves is read or written: all around them lies NaN."""
    qkv, mixing = inputs(2, 21, 3, 5)
    scale = 5**-0.5

    def fenced(values):
        around = torch.full((values.numel() + 2 * count,), float("nan"))
        inside = around[count:-count].view(values.shape)
        return around, inside.copy_(values)

    around, inside = fenced(torch.zeros(2, 21, 3, 5))
    fences = [fenced(part) for part in (qkv, *mixing)]
    new = torch.Tensor.new_empty
    # The interpreter makes tensors of its own, and says where.
    torch.Tensor.new_empty = lambda *given, **named: new(*given, **named) if named else inside
    try:
        found = attend(fences[0][1], Mixing(*(part for _, part in fences[1:])), scale)
    finally:
        torch.Tensor.new_empty = new
    whole = apart(found, attend(qkv, mixing, scale))
    untouched = bool(around[:count].isnan().all() and around[-count:].isnan().all())
    return {"error": whole, "untouched": untouched}


def choices():
    """What is chosen if the kernel is slow, fast, wrong, or cannot be run."""
    qkv, mixing = inputs(1, 16, 2, 4)
    calls = []

    def products():
        calls.append(1)
        return plainly(qkv, mixing, 0.5)

    def chosen():
        talking_heads._chosen.clear()
        first = choice(qkv, mixing, 0.5, products)
        asked = len(calls)
        assert choice(qkv, mixing, 0.5, products) == first
        assert len(calls) == asked, "it is tried once"
        return first

    found = {"measured": chosen()}  # an interpreter is slow
    honest, right = talking_heads._seconds, talking_heads.attend
    talking_heads._seconds = lambda task, _device: 2.0 if task is products else 1.0
    found["fast"] = chosen()

    def wrong(*given):
        return right(*given) * (1 + 1e-4)

    def broken(*_given):
        raise RuntimeError("out of resource: shared memory")

    for name, attend_ in (("wrong", wrong), ("broken", broken)):
        talking_heads.attend = attend_
        found[name] = chosen()
    talking_heads._seconds, talking_heads.attend = honest, right
    found["bfloat16"] = choice(qkv.bfloat16(), mixing, 0.5, products)
    return found


def network():
    """Through timm's module, as a teacher would on a GPU; in float32, and under autocast in half precision."""
    timms, fused = made(4, 8), made(4, 8)
    assert fuse(torch.nn.Sequential(fused)) == 1
    x = torch.randn(2, 19, 32, generator=torch.Generator().manual_seed(2))
    taken = []

    def always(_qkv, _mixing, _scale, products):
        taken.append(products().dtype)
        return Tile(16, 16, 4)

    fused_cait._may_take_the_kernel = lambda _qkv: True
    talking_heads.choice = always
    with torch.inference_mode():
        exact = made(4, 8).double()(x.double())
        single = apart(fused(x), timms(x))
        with torch.autocast("cpu", HALF):
            half, theirs = apart(fused(x), exact), apart(timms(x), exact)
    return {"single": single, "half": half, "timms_half": theirs, "taken": [str(dtype) for dtype in taken]}


if __name__ == "__main__":
    json.dump({"errors": errors(), "outside": outside(), "choices": choices(), "network": network()}, sys.stdout)
