"""Optimiser and schedule of a recipe, from timm's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]
from timm.scheduler import CosineLRScheduler  # type: ignore[attr-defined]

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn


def optimiser(module: nn.Module, recipe: Mapping[str, Any]) -> torch.optim.Optimizer:
    """AdamW as the recipe says; norms, biases and one-dimensional parameters are not decayed (timm's rule)."""
    made: torch.optim.Optimizer = create_optimizer_v2(
        module, opt="adamw", lr=recipe["lr"], weight_decay=recipe["weight_decay"], fused=True
    )
    return made


def schedule(made: torch.optim.Optimizer, recipe: Mapping[str, Any], *, steps: int) -> CosineLRScheduler:
    """Linear warm-up, then cosine to the recipe's smallest rate, stepped once per batch.

    Args:
        made: the optimiser.
        recipe: ``warmup`` (fraction of all steps), ``min_lr``, ``warmup_lr``.
        steps: length of training in batches.
    """
    return CosineLRScheduler(
        made,
        t_initial=steps,
        lr_min=recipe["min_lr"],
        warmup_t=round(recipe["warmup"] * steps),
        warmup_lr_init=recipe["warmup_lr"],
        warmup_prefix=False,
        t_in_epochs=False,
    )


def update(
    loss: torch.Tensor, made: torch.optim.Optimizer, parameters: list[nn.Parameter], clip: float | None
) -> float:
    """One backward pass, optional clipping and one update; returns the gradient norm before clipping."""
    made.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(parameters, clip or float("inf"))
    made.step()
    return float(norm)
