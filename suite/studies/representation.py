"""Study *representation*: one network and a set of images -> measurements of every layer, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from suite.data import load, normalise
from suite.measure.stream import LayerStream
from suite.models import build, layer_tokens
from suite.studies.networks import restore
from suite.studies.protocol import separately

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from suite.studies.protocol import Arrays, Bench, Metrics


def _network(bench: Bench, classes: int) -> nn.Module:
    spec, seed = bench.cell.spec, bench.cell.seed
    if "network" in bench.cell.needs:
        trained = bench.need("network")
        return restore(trained.folder, spec["network"], classes=classes, seed=seed)
    return build(spec["network"], classes=classes, seed=seed)


def measure(
    model: nn.Module,
    pixels: torch.Tensor,
    *,
    data: Mapping[str, Any],
    batch: int,
    seed: int,
    bench: Bench,
) -> Arrays:
    """Stream images through the network and measure every layer.

    Args:
        model: a network with taps (see :mod:`suite.models.taps`).
        pixels: ``[I, channels, H, W]`` in [0, 1].
        data: the profile's data section (mean, std).
        batch: images per forward pass; the first batch fixes the histogram ranges.
        seed: of the channel permutations and of the matched null.
        bench: where temporary files and progress go.
    """
    model.to(bench.device).eval()
    with LayerStream(seed=seed, spill=bench.checkpoints) as stream, torch.inference_mode():
        for start in range(0, len(pixels), batch):
            images = normalise(pixels[start : start + batch], data).to(bench.device)
            stream.update(layer_tokens(model, images))
            done = min(start + batch, len(pixels))
            bench.report(0.9 * done / len(pixels), f"{done} of {len(pixels)} images")
        return stream.finish()


def run(bench: Bench) -> tuple[Arrays, Metrics]:
    """Measure the cell's network, trained (a need) or as initialised, on the test images.

    Returns:
        The arrays of :class:`suite.measure.LayerStream`; no metrics over time.
    """
    spec = bench.cell.spec
    split = load(spec["data"])
    model = _network(bench, split.classes)
    images = split.test.first(spec["measure"]["images"])
    arrays = measure(
        model,
        images.pixels,
        data=spec["data"],
        batch=spec["measure"]["batch"],
        seed=bench.cell.seed,
        bench=bench,
    )
    return arrays, []


TOGETHER = DISTRIBUTED = False
run_block = separately(run)
