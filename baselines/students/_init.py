"""Initial weights that depend on a generator alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

Initialiser = Callable[[nn.Module, torch.Generator], None]
"""Sets the parameters of a module in place, drawing from the generator only."""


@contextmanager
def seeded(generator: torch.Generator) -> Iterator[None]:
    """Let code that draws from torch's global CPU state draw from a state seeded by `generator` instead.

    timm initialises from the global state. It is put back at the end, so nothing outside notices.
    """
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def width_aware(module: nn.Module, generator: torch.Generator) -> None:
    """Start small networks so that they learn: variance by width instead of timm's fixed .02.

    Linear layers and the patch embedding get Xavier-uniform weights and zero biases, learned position
    embeddings N(0, .25²). At widths below about 64 timm's own initial values leave the blocks almost silent.
    Everything else (norms, class token, layer scale, other convolutions) keeps its values.
    """
    for name, part in module.named_modules():
        embeds = isinstance(part, nn.Conv2d) and name.endswith("patch_embed.proj")
        if isinstance(part, nn.Linear) or embeds:
            nn.init.xavier_uniform_(part.weight.data.flatten(1), generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        position = getattr(part, "pos_embed", None)
        if isinstance(position, nn.Parameter):
            nn.init.normal_(position, std=0.25, generator=generator)
