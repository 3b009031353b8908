"""Supervised training of one network on images in memory; resumes from its last checkpoint."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F

from suite.data import Images, normalise, random_views
from suite.train.optim import optimiser, schedule, update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torch import nn


class Diverged(ValueError):
    """The loss is not a finite number any more."""


def evaluate(
    model: nn.Module, images: Images, data: Mapping[str, Any], *, device: str, batch: int = 512
) -> torch.Tensor:
    """Logits of all images, ``[I, classes]`` on the CPU, in eval mode."""
    model.eval()
    with torch.inference_mode():
        parts = [
            model(normalise(pixels, data).to(device)).float().cpu() for pixels in torch.split(images.pixels, batch)
        ]
    return torch.cat(parts)


def accuracy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of correct top-1 predictions, in percent."""
    return 100.0 * float((logits.argmax(dim=1) == labels).double().mean())


def epoch_order(count: int, batch: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Index batches of one epoch in random order; the last, smaller batch is dropped unless it is the only one."""
    order = torch.randperm(count, generator=generator)
    full = max(1, count // batch)
    return iter(torch.split(order[: full * batch], batch))


def train(
    model: nn.Module,
    images: Images,
    *,
    data: Mapping[str, Any],
    recipe: Mapping[str, Any],
    seed: int,
    device: str,
    checkpoint: Path,
    every: int = 10,
    report: Callable[[float, str], None] = lambda _fraction, _text: None,
) -> list[dict[str, Any]]:
    """Train in place.

    Args:
        model: an initialised classifier.
        images: the training images; every epoch sees one new random view of each.
        data: the profile's data section (mean, std).
        recipe: ``epochs``, ``batch``, ``lr``, ``weight_decay``, ``warmup``, ``warmup_lr``, ``min_lr``,
            ``label_smoothing``, ``clip``, ``views`` (see :func:`suite.data.random_views`).
        seed: of order and views.
        device: where to train.
        checkpoint: file to resume from and to write to.
        every: epochs between checkpoints.
        report: called after every epoch with the share done and a line for people.

    Returns:
        One record per epoch: mean loss, learning rate, gradient norm.

    Raises:
        Diverged: the loss became NaN or infinite.
    """
    model.to(device)
    generator = torch.Generator().manual_seed(seed)
    made = optimiser(model, recipe)
    per_epoch = max(1, len(images) // recipe["batch"])
    rates = schedule(made, recipe, steps=per_epoch * recipe["epochs"])
    history: list[dict[str, Any]] = []
    if checkpoint.is_file():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        made.load_state_dict(state["optimiser"])
        generator.set_state(state["generator"].cpu())
        history = state["history"]
    parameters = list(model.parameters())
    for epoch in range(len(history), recipe["epochs"]):
        model.train()
        pixels = random_views(images.pixels, recipe["views"], generator=generator)
        losses, norms = [], []
        for number, index in enumerate(epoch_order(len(images), recipe["batch"], generator)):
            rates.step_update(epoch * per_epoch + number)
            logits = model(normalise(pixels[index], data).to(device))
            loss = F.cross_entropy(logits, images.labels[index].to(device), label_smoothing=recipe["label_smoothing"])
            norms.append(update(loss, made, parameters, recipe["clip"]))
            losses.append(float(loss.detach()))
        mean = sum(losses) / len(losses)
        if not math.isfinite(mean):
            raise Diverged(f"the loss became {mean} in epoch {epoch}: lower the recipe's lr or clip harder")
        history.append(
            {"epoch": epoch, "loss": mean, "lr": made.param_groups[0]["lr"], "gradient": sum(norms) / len(norms)}
        )
        report((epoch + 1) / recipe["epochs"], f"epoch {epoch + 1}/{recipe['epochs']}, loss {mean:.3f}")
        if (epoch + 1) % every == 0 and epoch + 1 < recipe["epochs"]:
            draft = checkpoint.with_suffix(".draft")
            torch.save(
                {
                    "model": model.state_dict(),
                    "optimiser": made.state_dict(),
                    "generator": generator.get_state(),
                    "history": history,
                },
                draft,
            )
            draft.replace(checkpoint)
    return history
