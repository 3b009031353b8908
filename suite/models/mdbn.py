"""The Multi-Depth Branch Network for super-resolution, and two twins of it that tell what its branches do.

A module adds a branch of two convolutions to a branch of one, GELU after the sum. The twins have as many weights, and
so as many multiply-adds: one gives both branches the same depth, the other has no branches.

References:
    Multi-Depth Branch Network, arXiv 2309.17334; released code, https://github.com/thy960112/MDBN (MIT). Parameters go
    by the names of the released checkpoints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable

FEATURES, BLOCKS = 64, 6  # as published
COLOURS = 3


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class MultiDepthModule(nn.Module):
    """GELU of the sum of a deep branch, two convolutions with GELU between them, and a shallow branch of one."""

    def __init__(self, features: int) -> None:
        """Make the branches, all of them as wide as the input."""
        super().__init__()
        self.uconv1 = _conv(features, features)
        self.uconv2 = _conv(features, features)
        self.dconv = _conv(features, features)

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Output of the deep and of the shallow branch, before they are added: ``[B, C, H, W]`` each."""
        return self.uconv2(F.gelu(self.uconv1(x))), self.dconv(x)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]`` to the same."""
        deep, shallow = self.branches(x)
        return F.gelu(deep + shallow)


class EqualDepthModule(nn.Module):
    """The same sum of two branches that are both two convolutions deep, at three quarters of the width inside."""

    def __init__(self, features: int) -> None:
        """Make the branches.

        Raises:
            ValueError: three quarters of the features are no whole number.
        """
        super().__init__()
        if features % 4:
            raise ValueError(f"{features} features: give a multiple of 4, as branches are three quarters as wide")
        inside = 3 * features // 4
        self.first = nn.Sequential(_conv(features, inside), nn.GELU(), _conv(inside, features))
        self.second = nn.Sequential(_conv(features, inside), nn.GELU(), _conv(inside, features))

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Output of both branches, before they are added: ``[B, C, H, W]`` each."""
        return self.first(x), self.second(x)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]`` to the same."""
        first, second = self.branches(x)
        return F.gelu(first + second)


class BranchFreeModule(nn.Sequential):
    """Three convolutions one after the other, GELU after each."""

    def __init__(self, features: int) -> None:
        """Make the convolutions, as wide as the input."""
        super().__init__(*(part for _ in range(3) for part in (_conv(features, features), nn.GELU())))


MODULES: dict[str, Callable[[int], nn.Module]] = {
    "multi_depth": MultiDepthModule,
    "equal_depth": EqualDepthModule,
    "branch_free": BranchFreeModule,
}


class _Residual(nn.Module):
    """Two modules and a skip around them."""

    def __init__(self, features: int, module: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.baseblock1 = module(features)
        self.baseblock2 = module(features)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.baseblock2(self.baseblock1(x))
        return out


class MDBN(nn.Module):
    """A low-resolution image to one of ``scale`` times as many pixels a side; no attention, no normalisation.

    Attributes:
        scale: 2, 3 or 4.
    """

    def __init__(
        self, scale: int, *, features: int = FEATURES, blocks: int = BLOCKS, module: str = "multi_depth"
    ) -> None:
        """Make the network.

        Args:
            scale: 2, 3 or 4.
            features: channels.
            blocks: residual blocks of two modules each.
            module: one of `MODULES`.

        Raises:
            ValueError: the scale is another one.
        """
        super().__init__()
        if scale not in (2, 3, 4):
            raise ValueError(f"scale {scale}: give 2, 3 or 4")
        self.scale = scale
        self.conv_first = _conv(COLOURS, features)
        self.body = nn.Sequential(*(_Residual(features, MODULES[module]) for _ in range(blocks)))
        self.conv_after_body = _conv(features, features)
        steps = (2, 2) if scale == 4 else (scale,)
        layers = [layer for by in steps for layer in (_conv(features, features * by**2), nn.PixelShuffle(by))]
        self.upsample = nn.Sequential(*layers)
        self.conv_last = _conv(features, COLOURS)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 3, H, W]`` to ``[B, 3, scale·H, scale·W]``, values in [0, 1] or nearly so."""
        first = self.conv_first(x)
        body = self.conv_after_body(self.body(first)) + first
        out: Tensor = self.conv_last(self.upsample(body))
        return out

    def branches(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Outputs of both branches of every module, in order, before they are added.

        Args:
            x: ``[B, 3, H, W]``.

        Returns:
            Of the deep (first) and of the shallow (second) branch: ``[B, C, H, W]`` for each module; empty lists for
            a network without branches.
        """
        found: tuple[list[Tensor], list[Tensor]] = ([], [])

        def look(module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
            if isinstance(module, MultiDepthModule | EqualDepthModule):
                for kept, branch in zip(found, module.branches(*inputs), strict=True):
                    kept.append(branch)

        hooks = [module.register_forward_hook(look) for module in self.modules()]
        try:
            self(x)
        finally:
            for hook in hooks:
                hook.remove()
        return found


def parameters(model: nn.Module) -> int:
    """Numbers that are learned."""
    return sum(parameter.numel() for parameter in model.parameters())


def multiply_adds(model: MDBN, height: int, width: int) -> float:
    """Multiply-adds of all convolutions for an output of a height and width, bias not counted.

    Args:
        model: the network.
        height: rows of the output.
        width: its columns; where the scale does not divide them, the input has a fraction of a pixel.
    """
    pixels, total = height * width / model.scale**2, 0.0
    upsampling = {id(layer) for layer in model.upsample}
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d) and id(layer) not in upsampling and layer is not model.conv_last:
            total += layer.weight.numel() * pixels
    for layer in (*model.upsample, model.conv_last):
        if isinstance(layer, nn.PixelShuffle):
            pixels *= layer.upscale_factor**2
        else:
            total += layer.weight.numel() * pixels
    return total


def make(scale: int, *, features: int, blocks: int, module: str, seed: int) -> MDBN:
    """A network with weights drawn from a seed, by torch's defaults; the global state of torch is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MDBN(scale, features=features, blocks=blocks, module=module)
