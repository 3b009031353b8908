"""Study *frozen*: a network with weights of its own and a folder of images -> measurements of every layer, in one pass.

Memory does not grow with the number of images beyond a few numbers per image. A pass that is killed goes on where its
last checkpoint stands, and ends with the arrays it would have ended with. An image that cannot be read is named,
skipped and counted.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from suite.data.choice import choose, digest
from suite.data.loader import Batch, batches, resolve_transform
from suite.errors import SuiteError, one_line
from suite.measure.stream import LayerStream
from suite.models import layer_tokens
from suite.models.fused_cait import fuse
from suite.models.pretrained import Loaded, load_network
from suite.studies.protocol import separately

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from suite.data.choice import Choice
    from suite.studies.protocol import Arrays, Bench, Metrics

CHECKPOINT_SECONDS = 30.0  # between checkpoints, at least
CHECKPOINT_SHARE = 0.05  # of the time that they may take: their size grows with the number of images
LOADERS = 8  # processes that decode images for one GPU, at most
PROGRESS = "progress.json"


class Pass:
    """How far one pass over the images has come, and what it leaves on disk to go on from."""

    def __init__(self, bench: Bench, chosen: Choice, weights: str) -> None:
        """Begin, or go on where an earlier pass with the same weights stopped."""
        self._folder = bench.checkpoints
        self._weights = weights
        self._chosen = chosen
        self._saved_at = time.monotonic()
        self._cost = 0.0
        measure = bench.cell.spec["measure"]
        self.stream = self._new_stream(bench, measure)
        self.place = 0
        self.kept: list[int] = []
        self.skipped: list[tuple[int, str]] = []
        self._resume(bench, measure)

    def _new_stream(self, bench: Bench, measure: Mapping[str, Any]) -> LayerStream:
        groups = measure.get("groups", 1)
        return LayerStream(seed=bench.cell.seed, spill=self._folder, groups=groups, resumable=True)

    def _resume(self, bench: Bench, measure: Mapping[str, Any]) -> None:
        if not (self._folder / PROGRESS).is_file():
            return
        try:
            known = json.loads((self._folder / PROGRESS).read_text(encoding="utf-8"))
            if known["weights"] != self._weights:
                raise SuiteError("it was begun with other weights")  # noqa: TRY301 - one way to begin anew
            self.stream.restore(self._folder / known["stream"], device=bench.device)
        except Exception as fault:  # noqa: BLE001 - whatever a checkpoint suffered, the images are still there
            bench.report(0.0, f"the pass starts again: {one_line(fault)}")
            self.stream.close()
            self.stream = self._new_stream(bench, measure)
            return
        self.place, self.kept = known["place"], known["kept"]
        self.skipped = [(place, reason) for place, reason in known["skipped"]]
        bench.report(self.share, f"goes on after {self.place} of {len(self._chosen)} images")

    @property
    def share(self) -> float:
        """How much of the pass is done, the second look aside."""
        return 0.9 * self.place / len(self._chosen)

    def add(self, batch: Batch) -> None:
        """Take note of a batch that was measured."""
        self.place = batch.end
        self.kept += batch.kept
        self.skipped += batch.skipped

    def save_if_due(self) -> None:
        """Write a checkpoint, unless the last one is young or checkpoints would take more than their share of time."""
        waited = time.monotonic() - self._saved_at
        if self.stream.images and waited >= max(CHECKPOINT_SECONDS, self._cost / CHECKPOINT_SHARE):
            self._save()

    def _save(self) -> None:
        began = time.monotonic()
        name = f"stream-{self.place}.pt"
        self.stream.save(self._folder / name)
        known = {
            "weights": self._weights,
            "stream": name,
            "place": self.place,
            "kept": self.kept,
            "skipped": self.skipped,
        }
        draft = self._folder / f"{PROGRESS}.draft"
        draft.write_text(json.dumps(known), encoding="utf-8")
        draft.replace(self._folder / PROGRESS)  # the one step by which the new checkpoint replaces the old
        for older in self._folder.glob("stream-*.pt"):
            if older.name != name:
                older.unlink()
        self._saved_at = time.monotonic()
        self._cost = self._saved_at - began


def _loaders(bench: Bench) -> int:
    """Processes that decode: as the machine was said to bear, else some beside a GPU; a CPU is busy as it is."""
    asked = bench.cell.local.get("loaders")
    if asked is not None:
        return int(asked)
    return min(LOADERS, (os.cpu_count() or 1) - 1) if bench.device == "cuda" else 0


def _images(bench: Bench) -> Choice:
    """The images that the cell names by their digest.

    Raises:
        SuiteError: they are others by now.
    """
    given, spec = bench.cell.local["images"], bench.cell.spec["data"]
    if digest(given, spec) != spec["digest"]:
        raise SuiteError(f"the images in {given} changed since the run began: start it again")
    return choose(given, spec)


def _network(bench: Bench) -> Loaded:
    spec, local = bench.cell.spec["network"], bench.cell.local
    role, file = str(local.get("role", "")), local.get("weights")
    bench.report(0.0, f"loads {role or spec['timm']}")
    loaded = load_network(spec, seed=bench.cell.seed, file=Path(file) if file else None, role=role)
    bench.report(0.0, f"weights: {loaded.origin}, digest {loaded.digest}")
    if spec.get("fused") and not fuse(loaded.model):
        raise SuiteError(f"{spec['timm']} has no talking heads to fuse: drop fused from the profile's network")
    return loaded


def _measure(
    progress: Pass, model: torch.nn.Module, found: Iterator[Batch], bench: Bench, names: Sequence[str]
) -> None:
    # TF32 convolutions, torch's default on a GPU, would round features to ten bits; the papers measured float32
    exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with exact, torch.inference_mode():
        for batch in found:
            if batch.pixels is not None:
                progress.stream.update(layer_tokens(model, batch.pixels.to(bench.device)))
            progress.add(batch)
            progress.save_if_due()
            for place, reason in batch.skipped:
                bench.report(progress.share, f"skipped {names[place]}: {reason}")
            bench.report(progress.share, f"{progress.place} of {len(names)} images")


def run(bench: Bench) -> tuple[Arrays, Metrics]:
    """Measure the cell's network on its images.

    Returns:
        The arrays of :class:`suite.measure.stream.LayerStream` over the ``I`` images that could be read, and
        ``images_read``, ``images_skipped`` (counts), ``image_names`` ``[I]`` and ``skipped_names`` ``[S]`` (text),
        ``weights_origin`` and ``weights_digest`` (text). One record for each image that was skipped, with the reason.

    Raises:
        Unobtainable: the weights cannot be had here.
        SuiteError: weights do not fit, or no image could be read.
    """
    spec = bench.cell.spec
    loaded = _network(bench)
    chosen = _images(bench)
    model = loaded.model.to(bench.device)
    overrides = spec["network"].get("overrides", {})
    config = resolve_transform(spec["data"]["transform"], model.pretrained_cfg, overrides)  # type: ignore[arg-type]
    progress = Pass(bench, chosen, loaded.digest)
    names = np.array(chosen.names, dtype=np.str_)
    with progress.stream:
        found = batches(chosen, config, batch=spec["measure"]["batch"], start=progress.place, workers=_loaders(bench))
        _measure(progress, model, found, bench, chosen.names)
        if not progress.kept:
            place, reason = progress.skipped[0]
            raise SuiteError(f"none of the {len(chosen)} images can be read; {names[place]}: {reason}")
        arrays = progress.stream.finish()
    skipped = [place for place, _ in progress.skipped]
    recorded: dict[str, np.ndarray[Any, Any] | np.generic] = {
        "images_read": np.int64(len(progress.kept)),
        "images_skipped": np.int64(len(skipped)),
        "image_names": names[progress.kept],
        "skipped_names": names[skipped],
        "weights_origin": np.str_(loaded.origin),
        "weights_digest": np.str_(loaded.digest),
    }
    return {**arrays, **recorded}, [
        {"skipped": str(names[place]), "reason": reason} for place, reason in progress.skipped
    ]


TOGETHER = DISTRIBUTED = False
run_block = separately(run)
