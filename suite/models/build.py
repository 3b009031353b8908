"""Networks by timm name with overrides, initialised from an explicit seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import timm
import torch
from timm.layers import set_fused_attn  # type: ignore[attr-defined]

from baselines.students import Initialiser, width_aware

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

# Up to this many tokens torch's fused attention kernel is slower on the CPU than the plain products.
FEW_TOKENS = 64
INITS: dict[str, Initialiser | None] = {"timm": None, "narrow": width_aware}


def initialiser(name: str) -> Initialiser | None:
    """How weights start: ``timm`` (as timm draws them) or ``narrow`` (by width, for tens of channels).

    Raises:
        ValueError: unknown name.
    """
    try:
        return INITS[name]
    except KeyError:
        raise ValueError(f"no initialisation {name!r}: choose from {', '.join(INITS)}") from None


def choose_attention(overrides: Mapping[str, Any]) -> None:
    """Pick timm's attention kernel for networks built from now on, by the number of tokens."""
    grid = overrides.get("img_size", 224) // overrides.get("patch_size", 16)
    set_fused_attn(grid**2 > FEW_TOKENS)


def build(spec: Mapping[str, Any], *, classes: int | None = None, seed: int) -> nn.Module:
    """A network as a profile describes it.

    Args:
        spec: ``timm`` (a timm model name), ``overrides`` (keyword arguments of its constructor, optional),
            ``pretrained`` (optional), ``init`` (optional, see :func:`initialiser`).
        classes: number of classes of a new head; None keeps the head of pretrained weights.
        seed: of every random draw of the construction.

    Raises:
        ValueError: timm has no such model, or the model does not take an override.
    """
    name = spec["timm"]
    if not timm.is_model(name):
        close = ", ".join(timm.list_models(f"*{name[:6]}*")[:5]) or "see timm.list_models()"
        raise ValueError(f"timm has no model {name!r}; near it: {close}")
    arguments = dict(spec.get("overrides", {}))
    if classes is not None:
        arguments["num_classes"] = classes
    choose_attention(arguments)
    # timm draws from torch's global generator: seed a fork of it and leave the caller's state alone.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model: nn.Module = timm.create_model(name, pretrained=bool(spec.get("pretrained", False)), **arguments)
        except (TypeError, AssertionError) as error:
            raise ValueError(f"timm's {name} cannot be built with {arguments}: {error}") from None
    init = initialiser(spec.get("init", "timm"))
    if init is not None:
        init(model, torch.Generator().manual_seed(seed))
    return model
