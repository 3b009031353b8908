"""Study *super_resolution*: train a small network to enlarge photographs; keep errors and what branches encode.

A training that is killed goes on where its last checkpoint stands and ends with the numbers it would have ended with.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, optim
from torch.nn import functional as F

from suite.data.photographs import enlarge, load, rounded, shrink
from suite.errors import one_line
from suite.measure.nulls import generator_for
from suite.measure.similarity import debiased_cka
from suite.measure.super_resolution import luma, radial_centroid
from suite.models.mdbn import MDBN, make, multiply_adds, parameters
from suite.studies import snapshots
from suite.studies.protocol import separately

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from suite.studies.protocol import Arrays, Bench, Metrics

BORDERS = (4, 2)  # as the paper cuts, and as is usual at this scale
REPORTS = 10  # a training
CHECKPOINT = "training.pt"
CHECKPOINT_SECONDS = 30.0  # between checkpoints, at least
PIXELS = 400  # of all test images whose features are compared between branches


def run(bench: Bench) -> tuple[Arrays, Metrics]:
    """Train by the cell's recipe, if it has one, and measure the last step.

    Returns:
        ``error`` and ``bicubic_error`` [border, image] mean squared error of luma on test images, borders `BORDERS`;
        ``error_moved``, ``bicubic_error_moved``, the same of images moved a tenth of the way to the truth;
        ``error_framed``, of the output with a dark frame where only the narrower border leaves it;
        ``error_even``, of the truth with the same noise everywhere;
        ``centroid``, ``centroid_noise``, ``centroid_planted`` [branch, module] cycles a pixel, deep branch first:
        on test images, on white noise, and with the shallow branch blurred;
        ``cka``, ``cka_planted`` [module] between branches, and with white noise in the place of one;
        ``parameters``, ``multiply_adds``. Without branches, the arrays of branches are empty.
    """
    spec, seed = bench.cell.spec, bench.cell.seed
    network, scale = spec["network"], int(spec["scale"])
    model = make(scale, **network, seed=seed)
    photographs = load()
    history = _train(model, photographs.train, spec["recipe"], seed, bench) if spec["recipe"] else []
    model.eval()
    small = shrink(photographs.test, scale)
    with torch.no_grad():
        output = rounded(model(small))
        bicubic = enlarge(small, scale)
        looked = _branches(model, small, seed)
    size = photographs.test.shape[-1]
    return {
        "error": _errors(output, photographs.test),
        "error_moved": _errors(_moved(output, photographs.test), photographs.test),
        "error_framed": _errors(_framed(output), photographs.test),
        "error_even": _errors(_noisy(photographs.test, seed), photographs.test),
        "bicubic_error": _errors(bicubic, photographs.test),
        "bicubic_error_moved": _errors(_moved(bicubic, photographs.test), photographs.test),
        "parameters": np.int64(parameters(model)),
        "multiply_adds": np.float64(multiply_adds(model, size, size)),
        **looked,
    }, history


def _train(model: MDBN, pictures: Tensor, recipe: Mapping[str, Any], seed: int, bench: Bench) -> Metrics:
    """L1 on random patches, Adam, a cosine to a hundredth: as published but for the length."""
    draws = generator_for(seed, "patches")
    steps, patch = int(recipe["steps"]), int(recipe["patch"])
    small = shrink(pictures, model.scale)
    optimiser = optim.Adam(model.parameters(), lr=recipe["lr"], betas=(0.9, 0.99))
    done, history = _resumed(bench, model, optimiser, draws)
    saved = time.monotonic()
    for step in range(done, steps):
        cosine = (1 + math.cos(math.pi * step / steps)) / 2
        lr = recipe["lr"] * min(1.0, (step + 1) / recipe["warmup"]) * (0.01 + 0.99 * cosine)
        for group in optimiser.param_groups:
            group["lr"] = lr
        inputs, targets = _patches(pictures, small, model.scale, int(recipe["batch"]), patch, draws)
        loss = F.l1_loss(model(inputs), targets)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if (step + 1) % max(1, steps // REPORTS) == 0:
            history.append({"step": step + 1, "loss": float(loss.detach()), "lr": lr})
            bench.report((step + 1) / steps, f"step {step + 1}, loss {float(loss.detach()):.4f}")
        if time.monotonic() - saved >= CHECKPOINT_SECONDS:
            _keep(bench, model, optimiser, draws, step + 1, history)
            saved = time.monotonic()
    return history


def _keep(
    bench: Bench, model: MDBN, optimiser: optim.Adam, draws: torch.Generator, done: int, history: Metrics
) -> None:
    """Write a checkpoint after so many steps."""
    content = {
        "done": done,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "draws": draws.get_state(),
        "history": history,
    }
    snapshots.save(bench.checkpoints / CHECKPOINT, content)


def _resumed(bench: Bench, model: MDBN, optimiser: optim.Adam, draws: torch.Generator) -> tuple[int, Metrics]:
    """Steps that are done, and what was logged of them; everything that changes by a step is put as it was then."""
    path = bench.checkpoints / CHECKPOINT
    if not path.is_file():
        return 0, []
    try:
        known = snapshots.load(path)
    except Exception as fault:  # noqa: BLE001 - whatever a checkpoint suffered, the training can be done again
        bench.report(0.0, f"the training starts again: {one_line(fault)}")
        return 0, []
    model.load_state_dict(known["model"])
    optimiser.load_state_dict(known["optimiser"])
    draws.set_state(known["draws"])
    bench.report(0.0, f"goes on after step {known['done']}")
    return int(known["done"]), list(known["history"])


def _patches(
    pictures: Tensor, small: Tensor, scale: int, batch: int, size: int, draws: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Random low-resolution patches ``[B, 3, size, size]`` and what they are to become."""
    count, _, height, width = small.shape
    which = torch.randint(count, (batch,), generator=draws).tolist()
    tops = torch.randint(height - size + 1, (batch,), generator=draws).tolist()
    lefts = torch.randint(width - size + 1, (batch,), generator=draws).tolist()
    flips = torch.randint(2, (batch,), generator=draws).tolist()
    inputs, targets = [], []
    for picture, top, left, flip in zip(which, tops, lefts, flips, strict=True):
        pair = (
            small[picture, :, top : top + size, left : left + size],
            pictures[picture, :, scale * top : scale * (top + size), scale * left : scale * (left + size)],
        )
        inputs.append(pair[0].flip(-1) if flip else pair[0])
        targets.append(pair[1].flip(-1) if flip else pair[1])
    return torch.stack(inputs), torch.stack(targets)


def _errors(images: Tensor, truth: Tensor) -> NDArray[np.float64]:
    """Mean squared error of luma: ``[border, image]``."""
    ours, theirs = (
        [luma(one) for one in (part.permute(0, 2, 3, 1) * 255).round().byte().numpy()] for part in (images, truth)
    )
    return np.asarray(
        [[np.mean((a - b)[cut:-cut, cut:-cut] ** 2) for a, b in zip(ours, theirs, strict=True)] for cut in BORDERS]
    )


def _moved(images: Tensor, truth: Tensor) -> Tensor:
    return rounded(0.9 * images + 0.1 * truth)


def _framed(images: Tensor) -> Tensor:
    """Dark where the wider border cuts and the narrower one does not."""
    wide, narrow = max(BORDERS), min(BORDERS)
    framed = images.clone()
    framed[..., narrow:-narrow, narrow:-narrow] = 0
    framed[..., wide:-wide, wide:-wide] = images[..., wide:-wide, wide:-wide]
    return framed


def _noisy(truth: Tensor, seed: int) -> Tensor:
    noise = torch.randn(truth.shape, generator=generator_for(seed, "noise"))
    return rounded(truth + 0.05 * noise)


def _branches(model: MDBN, small: Tensor, seed: int) -> Arrays:
    """What both branches of every module encode."""
    draws = generator_for(seed, "branches")
    deep, shallow = model.branches(small)
    on_noise = model.branches(torch.rand(small.shape, generator=draws))
    blurred = [F.avg_pool2d(branch, 3, stride=1, padding=1) for branch in shallow]
    noise = [torch.randn(branch.shape, generator=draws) for branch in shallow]
    places = torch.randperm(small.shape[0] * small.shape[2] * small.shape[3], generator=draws)[:PIXELS]
    return {
        "centroid": _centroids(deep, shallow),
        "centroid_noise": _centroids(*on_noise),
        "centroid_planted": _centroids(deep, blurred),
        "cka": _alike(deep, shallow, places),
        "cka_planted": _alike(deep, noise, places),
    }


def _centroids(*branches: list[Tensor]) -> NDArray[np.float64]:
    return np.asarray([[float(radial_centroid(maps).nanmean()) for maps in branch] for branch in branches])


def _alike(one: list[Tensor], other: list[Tensor], places: Tensor) -> NDArray[np.float64]:
    """Linear CKA between two branches over pixels of all images, without the bias of few pixels: ``[module]``."""
    pairs = zip(one, other, strict=True)
    flat = ([maps.movedim(1, -1).flatten(0, 2)[places].numpy() for maps in pair] for pair in pairs)
    return np.asarray([float(debiased_cka(*pair)) for pair in flat], dtype=np.float64)


TOGETHER = DISTRIBUTED = False
run_block = separately(run)
