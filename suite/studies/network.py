"""Study *network*: train one network of a profile, keep its weights and its accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.torch import load_file, save_file

from suite.data import load
from suite.models import build
from suite.train.supervised import accuracy, evaluate, train

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from suite.studies.protocol import Arrays, Bench, Metrics

WEIGHTS = "weights.safetensors"


def restore(folder: Path, spec: Mapping[str, Any], *, classes: int, seed: int) -> nn.Module:
    """The trained network of a finished cell."""
    model = build(spec, classes=classes, seed=seed)
    model.load_state_dict(load_file(folder / WEIGHTS))
    return model.eval()


def run(bench: Bench) -> tuple[Arrays, Metrics]:
    """Train by the cell's recipe and evaluate the last epoch.

    Returns:
        ``correct`` [I] (test images in order), ``test_accuracy``, ``validation_accuracy`` [percent];
        one metrics record per epoch.
    """
    spec, seed = bench.cell.spec, bench.cell.seed
    split = load(spec["data"])
    model = build(spec["network"], classes=split.classes, seed=seed)
    history = train(
        model,
        split.train,
        data=spec["data"],
        recipe=spec["recipe"],
        seed=seed,
        device=bench.device,
        checkpoint=bench.checkpoints / "training.pt",
        report=bench.report,
    )
    test = evaluate(model, split.test, spec["data"], device=bench.device)
    validation = evaluate(model, split.validation, spec["data"], device=bench.device)
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, bench.folder / WEIGHTS)
    return {
        "correct": (test.argmax(dim=1) == split.test.labels).numpy(),
        "test_accuracy": np.float64(accuracy(test, split.test.labels)),
        "validation_accuracy": np.float64(accuracy(validation, split.validation.labels)),
    }, history
