"""Layers initialised as torch does by default, but from a generator of one's own."""

import math
from typing import TypeVar

import torch
from torch import Tensor, nn

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


def linear(inputs: int, outputs: int, generator: torch.Generator, *, bias: bool = True) -> nn.Linear:
    """A Linear layer drawn from `generator`."""
    return _draw(nn.Linear(inputs, outputs, bias=bias, device="meta"), generator)


def conv3x3(inputs: int, outputs: int, generator: torch.Generator, *, bias: bool = True) -> nn.Conv2d:
    """A 3x3 convolution that keeps the grid, drawn from `generator`."""
    return _draw(nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=bias, device="meta"), generator)


def conv1x1(inputs: int, outputs: int, generator: torch.Generator) -> nn.Conv2d:
    """A 1x1 convolution, drawn from `generator`."""
    return _draw(nn.Conv2d(inputs, outputs, kernel_size=1, device="meta"), generator)


def _draw(layer: Layer, generator: torch.Generator) -> Layer:
    """Weights and biases uniform in ±1/√(inputs per output), torch's default for both kinds of layer.

    A layer made on the meta device has not drawn from the global state.
    """
    layer = layer.to_empty(device="cpu")
    bound = 1 / math.sqrt(layer.weight[0].numel())
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer


def per_token(module: nn.Module, x: Tensor) -> Tensor:
    """Apply a module for the features of one token to a map: [B, C, H, W] → [B, C', H, W]."""
    tokens: Tensor = module(x.movedim(1, -1))
    return tokens.movedim(-1, 1)
