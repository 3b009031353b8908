"""The optimiser and the schedule that a recipe asks for, from timm's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timm.optim import create_optimizer_v2, param_groups_weight_decay  # type: ignore[attr-defined]
from timm.scheduler import CosineLRScheduler, create_scheduler_v2  # type: ignore[attr-defined]

if TYPE_CHECKING:
    from collections.abc import Collection

    import torch
    from torch import nn

    from suite.train.recipe import Recipe

# The papers' engine steps its schedule after an epoch, so that the first two epochs share the first rate.
LAG = 1


def optimiser(modules: nn.Module, recipe: Recipe, *, spared: Collection[str] = ()) -> torch.optim.Optimizer:
    """AdamW as the recipe says.

    Args:
        modules: what is trained.
        recipe: whose rates.
        spared: names of parameters that are not decayed, besides biases, norms and others of one dimension.
    """
    groups = param_groups_weight_decay(modules, recipe.weight_decay, no_weight_decay_list=spared)
    made: torch.optim.Optimizer = create_optimizer_v2(groups, opt="adamw", lr=recipe.rate, weight_decay=0.0, fused=True)
    return made


class Schedule:
    """Linear warm-up, then a cosine to the smallest rate (timm's)."""

    def __init__(self, made: torch.optim.Optimizer, recipe: Recipe, *, steps_per_epoch: int) -> None:
        """Take over the optimiser's rate."""
        self._per_epoch = steps_per_epoch
        self._by_step = recipe.schedule == "step"
        if self._by_step:
            self._schedule: Any = CosineLRScheduler(
                made,
                t_initial=recipe.epochs * steps_per_epoch,
                lr_min=recipe.min_lr,
                warmup_t=round(recipe.warm * steps_per_epoch),
                warmup_lr_init=recipe.warmup_lr,
                warmup_prefix=False,
                t_in_epochs=False,
            )
        else:
            self._schedule, _ = create_scheduler_v2(
                made,
                sched="cosine",
                num_epochs=recipe.epochs,
                warmup_epochs=round(recipe.warm),
                warmup_lr=recipe.warmup_lr,
                min_lr=recipe.min_lr,
            )

    def enter(self, step: int) -> None:
        """Set the rate of a step."""
        if self._by_step:
            self._schedule.step_update(step)
        else:
            self._schedule.step(max(0, step // self._per_epoch - LAG))
