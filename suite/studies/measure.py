"""Study *measure*: a network and images -> what probes find in every layer.

A cell is one probe at one network. All cells of a network (a group) are computed in one pass over the images, and what
each holds does not depend on the others. Networks are trained by a cell, pretrained, or as initialised; images are
embedded or in a folder.

Memory does not grow with the number of images beyond a few numbers per image. A pass that is killed goes on where its
last checkpoint stands, and ends with the arrays it would have ended with. An image that cannot be read is named,
skipped and counted.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from suite.data import load, normalise
from suite.data.choice import choose, digest
from suite.data.loader import Batch, batches, resolve_transform
from suite.errors import SuiteError, one_line
from suite.measure.probes import find
from suite.measure.stream import LayerStream
from suite.models import build, layer_tokens
from suite.models.pretrained import load_network
from suite.studies.networks import restore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import nn

    from suite.studies.protocol import Arrays, Bench, Metrics, Results

    Effect = Callable[[Sequence[torch.Tensor], int], list[torch.Tensor]]

TOGETHER, DISTRIBUTED = True, False
FUSED = "suite.models.fused_cait"  # these two by name: they enter the key of a cell only where they are used
PLANTED = "suite.measure.planted"
CHECKPOINT_SECONDS = 30.0  # between checkpoints, at least
CHECKPOINT_SHARE = 0.05  # of the time that they may take: their size grows with the number of images
LOADERS = 8  # processes that decode images for one GPU, at most
PROGRESS = "progress.json"
SECOND_LOOK = 0.9  # of the time, at which the first look is over


@dataclass(frozen=True)
class Opened:
    """The network and the images that all cells of a group share.

    Attributes:
        model: the network, on the device.
        weights: what tells its weights from others.
        names: of the images, in order.
        read: the images from a place on, normalised.
        facts: what every cell records of them, but for what is known only at the end.
        named: whether images have names of their own, which are recorded.
    """

    model: nn.Module
    weights: str
    names: Sequence[str]
    read: Callable[[int], Iterator[Batch]]
    facts: Arrays
    named: bool


def _embedded(bench: Bench) -> Opened:
    """A network of the suite's own, trained by a cell or as initialised, and the test images."""
    spec, seed = bench.cell.spec, bench.cell.seed
    split = load(spec["data"])
    model: nn.Module
    if "network" in bench.cell.needs:
        trained = bench.need("network")
        model, weights = restore(trained.folder, spec["network"], classes=split.classes, seed=seed), trained.key
    else:
        model, weights = build(spec["network"], classes=split.classes, seed=seed), "as initialised"
    pixels = split.test.first(spec["measure"]["images"]).pixels
    at_once = spec["measure"]["batch"]

    def read(start: int) -> Iterator[Batch]:
        for first in range(start, len(pixels), at_once):
            some = normalise(pixels[first : first + at_once], spec["data"])
            yield Batch(some, list(range(first, first + len(some))), [])

    names = [f"image {number}" for number in range(len(pixels))]
    return Opened(model, weights, names, read, {}, named=False)


def _folder(bench: Bench) -> Opened:
    """A network with weights of its own, and images that the cell names by their digest.

    Raises:
        Unobtainable: the weights cannot be had here.
        SuiteError: weights do not fit, or the images are others by now.
    """
    spec, local = bench.cell.spec, bench.cell.local
    network, data = spec["network"], spec["data"]
    role, file = str(local.get("role", "")), local.get("weights")
    bench.report(0.0, f"loads {role or network['timm']}")
    loaded = load_network(network, seed=bench.cell.seed, file=Path(file) if file else None, role=role)
    bench.report(0.0, f"weights: {loaded.origin}, digest {loaded.digest}")
    if digest(local["images"], data) != data["digest"]:
        raise SuiteError(f"the images in {local['images']} changed since the run began: start it again")
    chosen = choose(local["images"], data)
    overrides = network.get("overrides", {})
    config = resolve_transform(data["transform"], loaded.model.pretrained_cfg, overrides)  # type: ignore[arg-type]

    def read(start: int) -> Iterator[Batch]:
        return batches(chosen, config, batch=spec["measure"]["batch"], start=start, workers=_loaders(bench))

    facts = {"weights_origin": np.str_(loaded.origin), "weights_digest": np.str_(loaded.digest)}
    return Opened(loaded.model, loaded.digest, chosen.names, read, facts, named=True)


def _loaders(bench: Bench) -> int:
    """Processes that decode: as the machine was said to bear, else some beside a GPU; a CPU is busy as it is."""
    asked = bench.cell.local.get("loaders")
    if asked is not None:
        return int(asked)
    return min(LOADERS, (os.cpu_count() or 1) - 1) if bench.device == "cuda" else 0


def _open(bench: Bench) -> Opened:
    opened = _folder(bench) if "images" in bench.cell.local else _embedded(bench)
    network = bench.cell.spec["network"]
    if network.get("fused") and not import_module(FUSED).fuse(opened.model):
        raise SuiteError(f"{network['timm']} has no talking heads to fuse: drop fused from the profile's network")
    opened.model.to(bench.device).eval()
    return opened


class Look:
    """The cells that are shown the same features: as they are, or with one effect planted in them."""

    def __init__(self, benches: Sequence[Bench]) -> None:
        """Begin a stream with the probes of the cells."""
        cell = benches[0].cell
        self.benches = {bench.cell.spec["probe"]: bench for bench in benches}
        self.folder = benches[0].checkpoints
        self._groups = cell.spec["measure"].get("groups", 1)
        self._seed = cell.seed
        planted = cell.spec.get("planted", "")
        self.effect: Effect | None = import_module(PLANTED).effect(planted, seed=cell.seed) if planted else None
        self.begin()

    def begin(self) -> None:
        """A new stream."""
        self.stream = LayerStream(
            [find(name) for name in self.benches],
            seed=self._seed,
            spill=self.folder,
            groups=self._groups,
            resumable=True,
        )

    def update(self, layers: Sequence[torch.Tensor]) -> None:
        """Measure a batch."""
        self.stream.update(layers if self.effect is None else self.effect(layers, self.stream.images))


class Pass:
    """How far one pass over the images has come, and what it leaves on disk to go on from."""

    def __init__(self, benches: Sequence[Bench], opened: Opened) -> None:
        """Begin, or go on where an earlier pass of the same cells with the same weights stopped."""
        self._benches = sorted(benches, key=lambda bench: bench.cell.key)
        self._folder = self._benches[0].checkpoints
        self._opened = opened
        self._about = {"weights": opened.weights, "cells": [bench.cell.key for bench in self._benches]}
        self._saved_at = time.monotonic()
        self._cost = 0.0
        planted = sorted({bench.cell.spec.get("planted", "") for bench in self._benches})
        self.looks = [
            Look([bench for bench in self._benches if bench.cell.spec.get("planted", "") == effect])
            for effect in planted
        ]
        self.place = 0
        self.kept: list[int] = []
        self.skipped: list[tuple[int, str]] = []
        self._resume()

    def _resume(self) -> None:
        if not (self._folder / PROGRESS).is_file():
            return
        try:
            known = json.loads((self._folder / PROGRESS).read_text(encoding="utf-8"))
            if known["about"] != self._about:
                raise SuiteError("it was begun with other weights or probes")  # noqa: TRY301 - one way to begin anew
            for look in self.looks:
                look.stream.restore(look.folder / known["stream"], device=self._benches[0].device)
        except Exception as fault:  # noqa: BLE001 - whatever a checkpoint suffered, the images are still there
            self.report(f"the pass starts again: {one_line(fault)}")
            for look in self.looks:
                look.stream.close()
                look.begin()
            return
        self.place, self.kept = known["place"], known["kept"]
        self.skipped = [(place, reason) for place, reason in known["skipped"]]
        self.report(f"goes on after {self.place} of {len(self._opened.names)} images")

    def report(self, text: str) -> None:
        """Tell who waits for any of the cells."""
        share = SECOND_LOOK * self.place / len(self._opened.names)
        for bench in self._benches:
            bench.report(share, text)

    def measure(self) -> None:
        """Show what is left of the images to the network, and its layers to the probes.

        Raises:
            SuiteError: no image could be read.
        """
        names, model, device = self._opened.names, self._opened.model, self._benches[0].device
        # TF32 convolutions, torch's default on a GPU, would round features to ten bits; the papers measured float32
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False), torch.inference_mode():
            for batch in self._opened.read(self.place):
                if batch.pixels is not None:
                    layers = layer_tokens(model, batch.pixels.to(device))
                    for look in self.looks:
                        look.update(layers)
                self.place = batch.end
                self.kept += batch.kept
                self.skipped += batch.skipped
                self._save_if_due()
                for place, reason in batch.skipped:
                    self.report(f"skipped {names[place]}: {reason}")
                self.report(f"{self.place} of {len(names)} images")
        if not self.kept:
            place, reason = self.skipped[0]
            raise SuiteError(f"none of the {len(names)} images can be read; {names[place]}: {reason}")

    def finish(self) -> Results:
        """What each cell holds, by key."""
        metrics = [{"skipped": str(self._opened.names[place]), "reason": reason} for place, reason in self.skipped]
        found: dict[str, tuple[Arrays, Metrics] | Exception] = {}
        for look in self.looks:
            for name, arrays in look.stream.finish_each().items():
                key = look.benches[name].cell.key
                found[key] = arrays if isinstance(arrays, Exception) else ({**arrays, **self._facts()}, metrics)
        return found

    def _facts(self) -> Arrays:
        if not self._opened.named:
            return self._opened.facts
        names = np.array(self._opened.names, dtype=np.str_)
        skipped = [place for place, _ in self.skipped]
        return {
            **self._opened.facts,
            "images_read": np.int64(len(self.kept)),
            "images_skipped": np.int64(len(skipped)),
            "image_names": names[self.kept],
            "skipped_names": names[skipped],
        }

    def _save_if_due(self) -> None:
        """Write a checkpoint, unless the last one is young or checkpoints would take more than their share of time."""
        waited = time.monotonic() - self._saved_at
        if self.kept and waited >= max(CHECKPOINT_SECONDS, self._cost / CHECKPOINT_SHARE):
            self._save()

    def _save(self) -> None:
        began = time.monotonic()
        name = f"stream-{self.place}.pt"
        for look in self.looks:
            look.stream.save(look.folder / name)
        known = {
            "about": self._about,
            "stream": name,
            "place": self.place,
            "kept": self.kept,
            "skipped": self.skipped,
        }
        draft = self._folder / f"{PROGRESS}.draft"
        draft.write_text(json.dumps(known), encoding="utf-8")
        draft.replace(self._folder / PROGRESS)  # the one step by which the new checkpoint replaces the old
        for look in self.looks:
            for older in look.folder.glob("stream-*.pt"):
                if older.name != name:
                    older.unlink()
        self._saved_at = time.monotonic()
        self._cost = self._saved_at - began

    def close(self) -> None:
        """Let go of the streams; what they left on disk stays for another pass unless they are finished."""
        for look in self.looks:
            look.stream.close()


def run_block(benches: Sequence[Bench]) -> Results:
    """Measure one network for several cells, in one pass over its images.

    Args:
        benches: cells of one network, data and seed: their ``probe`` and ``planted`` may differ.

    Returns:
        By cell key, the arrays of the probe over the ``I`` images that could be read, or the fault of this probe. Of
        images in a folder also ``images_read`` and ``images_skipped`` (counts), ``image_names`` ``[I]`` and
        ``skipped_names`` ``[S]`` (text), ``weights_origin`` and ``weights_digest`` (text), and one record for each
        image that was skipped, with the reason.

    Raises:
        Unobtainable: the weights cannot be had here.
        SuiteError: weights do not fit, or no image could be read.
    """
    opened = _open(benches[0])
    measuring = Pass(benches, opened)
    try:
        measuring.measure()
        return measuring.finish()
    finally:
        measuring.close()
