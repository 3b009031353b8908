"""Files of exactly the names and shapes that Encoding Mismatch released, with random weights; their passes by hand."""

from __future__ import annotations

import torch
from torch.nn import functional as F

WIDE, NARROW, TOKENS, CLASSES = 384, 192, 197, 1000


def _block(prefix, width):
    shapes = {"norm1.weight": (width,), "norm1.bias": (width,), "norm2.weight": (width,), "norm2.bias": (width,)}
    shapes |= {"attn.qkv.weight": (3 * width, width), "attn.qkv.bias": (3 * width,)}
    shapes |= {"attn.proj.weight": (width, width), "attn.proj.bias": (width,)}
    shapes |= {"mlp.fc1.weight": (4 * width, width), "mlp.fc1.bias": (4 * width,)}
    shapes |= {"mlp.fc2.weight": (width, 4 * width), "mlp.fc2.bias": (width,)}
    return {prefix + name: shape for name, shape in shapes.items()}


def _stem():
    return {
        "cls_token": (1, 1, NARROW),
        "pos_embed": (1, TOKENS, NARROW),
        "patch_embed.proj.weight": (NARROW, 3, 16, 16),
        "patch_embed.proj.bias": (NARROW,),
    }


def shapes_of_lift():
    plain = _stem()
    for number in range(12):
        plain |= _block(f"blocks.{number}.", NARROW)
    plain |= {"norm.weight": (NARROW,), "norm.bias": (NARROW,)}
    plain |= {"head.weight": (CLASSES, NARROW), "head.bias": (CLASSES,)}
    shapes = {f"base_model.{name}": shape for name, shape in plain.items()}
    shapes |= {"projections.11.weight": (WIDE, NARROW)}
    shapes |= {"layer_norms.11.weight": (WIDE,), "layer_norms.11.bias": (WIDE,)}
    return shapes | {"head.weight": (CLASSES, WIDE), "head.bias": (CLASSES,)}


def shapes_of_wide_last():
    shapes = _stem()
    for number in range(11):
        shapes |= _block(f"blocks.{number}.", NARROW)
    shapes |= {"blocks.11.proj_in.weight": (WIDE, NARROW)}
    shapes |= {"blocks.11.proj_norm.weight": (WIDE,), "blocks.11.proj_norm.bias": (WIDE,)}
    shapes |= _block("blocks.11.", WIDE)
    shapes |= {"norm.weight": (WIDE,), "norm.bias": (WIDE,)}
    return shapes | {"head.weight": (CLASSES, WIDE), "head.bias": (CLASSES,)}


SHAPES = {"lift": shapes_of_lift, "wide_last": shapes_of_wide_last}


def random_state(role, seed=0):
    """Weights of the size of trained ones, so that no part of the pass is lost in the rest."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in SHAPES[role]().items():
        drawn = torch.randn(shape, generator=generator)
        state[name] = 1 + 0.3 * drawn if "norm" in name and name.endswith("weight") else 0.08 * drawn
    return state


def write(path, role, seed=0):
    """A training checkpoint as released: the weights, another average of them, an optimiser, an epoch."""
    state = random_state(role, seed)
    average = {name: torch.zeros_like(value) for name, value in state.items()}
    torch.save({"model": state, "model_ema": average, "optimizer": {"state": {}}, "epoch": 299}, path)
    return path


def _norm(x, state, name, epsilon=1e-6):
    return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], epsilon)


def _linear(x, state, name):
    return F.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))


def _attend(x, state, name, heads):
    batch, tokens, width = x.shape
    parts = _linear(x, state, f"{name}.qkv").reshape(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    weights = (parts[0] @ parts[1].transpose(-1, -2) / (width // heads) ** 0.5).softmax(-1)
    return _linear((weights @ parts[2]).transpose(1, 2).reshape(batch, tokens, width), state, f"{name}.proj")


def _through(x, state, name, heads):
    x = x + _attend(_norm(x, state, f"{name}.norm1"), state, f"{name}.attn", heads)
    hidden = F.gelu(_linear(_norm(x, state, f"{name}.norm2"), state, f"{name}.mlp.fc1"))
    return x + _linear(hidden, state, f"{name}.mlp.fc2")


def _embedded(images, state):
    patches = F.conv2d(images, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=16)
    tokens = torch.cat([state["cls_token"].expand(len(images), 1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
    return tokens + state["pos_embed"]


def logits_of_lift(images, state):
    base = {name.removeprefix("base_model."): value for name, value in state.items() if name.startswith("base_model.")}
    x = _embedded(images, base)
    for number in range(12):
        x = _through(x, base, f"blocks.{number}", 3)
    lifted = _norm(_linear(x[:, 1:], state, "projections.11"), state, "layer_norms.11", 1e-5)
    return _linear(lifted.mean(1), state, "head")


def logits_of_wide_last(images, state):
    x = _embedded(images, state)
    for number in range(11):
        x = _through(x, state, f"blocks.{number}", 3)
    x = _norm(_linear(x, state, "blocks.11.proj_in"), state, "blocks.11.proj_norm")
    x = _through(x, state, "blocks.11", 6)
    return _linear(_norm(x, state, "norm")[:, 0], state, "head")


LOGITS = {"lift": logits_of_lift, "wide_last": logits_of_wide_last}
