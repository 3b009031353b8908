"""The frozen pass, from image files to arrays, against a bare forward pass over the same pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from bench_timing import always, take_turns
from photographs import class_folders

from suite.data.choice import choose, digest
from suite.data.loader import batches, resolve_transform
from suite.evidence.cell import Cell
from suite.measure.probes import names
from suite.models.fused_cait import fuse
from suite.models.pretrained import load_network
from suite.studies import measure

if TYPE_CHECKING:
    from pathlib import Path

IMAGES, BATCH = 16, 8
DATA = {"preset": "all", "transform": "model"}
CAIT_S24 = {"timm": "cait_s24_224", "overrides": {"init_values": 1.0}}  # smaller, and every layer is the same


class Bench:
    """A workplace that a study writes to and nobody reads from."""

    device = "cpu"

    def __init__(self, cell: Cell, checkpoints: Path) -> None:
        self.cell = cell
        self.checkpoints = self.folder = checkpoints

    def report(self, fraction: float, text: str) -> None:
        """Nobody waits."""


@pytest.mark.parametrize("fused", [False, True], ids=["eager", "fused"])
def test_the_frozen_pass_costs_little_more_than_the_forward_pass(fused, ledger, one_thread, tmp_path, monkeypatch):
    """Full-size CaiT-S24 with random weights: decode, transform, forward, every measurement, the second look."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    images = str(class_folders(tmp_path / "images", classes=("a", "b"), each=IMAGES // 2, side=300))
    loaded = load_network(CAIT_S24, seed=0)
    if fused:
        fuse(loaded.model)
    monkeypatch.setattr(measure, "load_network", lambda *_, **__: loaded)  # building it is no part of a pass
    spec = {
        "network": CAIT_S24,
        "data": DATA | {"digest": digest(images, DATA)},
        "measure": {"batch": BATCH, "groups": 3},
    }
    local = {"images": images}
    benches = [
        Bench(Cell("measure", spec | {"probe": name}, seed=0, code="bench", local=local), tmp_path) for name in names()
    ]
    config = resolve_transform("model", loaded.model.pretrained_cfg, {})
    pixels = [batch.pixels for batch in batches(choose(images, DATA), config, batch=BATCH)]
    plain = load_network(CAIT_S24, seed=0).model

    def bare():
        with torch.inference_mode():
            for part in pixels:
                plain(part)

    def whole():
        return measure.run_block(benches)

    times = take_turns(4, ours=always(whole), reference=always(bare))
    ledger.show(whole)
    rate = IMAGES / times["ours"].wall
    what = f"frozen pass from files, CaiT-S24 {'fused' if fused else 'eager'}, {rate:.2f} images/s / bare forward pass"
    limit = 1.2 if fused else 1.4
    assert ledger.compare(what, times["ours"], times["reference"], threads=one_thread, limit=limit) <= limit
