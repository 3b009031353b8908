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
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from suite.data import load, normalise
from suite.data.choice import choose, chosen_classes, digest
from suite.data.loader import Batch, batches, loading_workers, resolve_transform
from suite.data.pictures import ImagesChanged
from suite.errors import Stopped, SuiteError, one_line
from suite.measure.probes import find
from suite.measure.stream import LayerStream
from suite.models import build, layer_tokens
from suite.models.pretrained import load_network
from suite.studies.checksums import Sums
from suite.studies.networks import restore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
class Shown:
    """The images that all cells of a group share, in the order in which they are measured.

    Attributes:
        names: one for each.
        of: the class of each, empty text where nothing tells.
        said: how many of what, for people.
        classes: how many classes a network tells apart that is trained here, or drawn.
        read: a network's configuration of timm's and the place to begin at -> the images from there on, normalised.
        named: whether images have names of their own, which are recorded.
    """

    names: Sequence[str]
    of: Sequence[str]
    said: str
    classes: int
    read: Callable[[Mapping[str, Any], int], Iterator[Batch]]
    named: bool


@dataclass(frozen=True)
class Opened:
    """The network and the images of a group.

    Attributes:
        model: the network, on the device.
        weights: what tells its weights from others.
        shown: the images.
        facts: what every cell records of the network.
    """

    model: nn.Module
    weights: str
    shown: Shown
    facts: Arrays


def _embedded(spec: Mapping[str, Any]) -> Shown:
    """The test images of a data set in memory."""
    split = load(spec["data"])
    pixels = split.test.first(spec["measure"]["images"]).pixels
    at_once = spec["measure"]["batch"]

    def read(_: Mapping[str, Any], start: int) -> Iterator[Batch]:
        for first in range(start, len(pixels), at_once):
            some = normalise(pixels[first : first + at_once], spec["data"])
            yield Batch(some, list(range(first, first + len(some))), [])

    said = f"{len(pixels):,} test images of {split.classes} classes of {spec['data']['source']}"
    names = [f"image {number}" for number in range(len(pixels))]
    return Shown(names, [""] * len(names), said, split.classes, read, named=False)


def _on_disk(bench: Bench) -> Shown:
    """Images that the cell names by their digest.

    Raises:
        ImagesChanged: they are others by now.
    """
    spec, given = bench.cell.spec, bench.cell.local["images"]
    data = spec["data"]
    if digest(given, data) != data["digest"]:
        raise ImagesChanged(f"the images in {given} changed since the run was planned: start it again")
    chosen = choose(given, data)

    def read(pretrained_cfg: Mapping[str, Any], start: int) -> Iterator[Batch]:
        config = resolve_transform(data["transform"], pretrained_cfg, spec["network"].get("overrides", {}))
        return batches(chosen, config, batch=spec["measure"]["batch"], start=start, workers=_loaders(bench))

    classes = chosen_classes(chosen.source.class_names, data.get("classes"))
    return Shown(chosen.names, chosen.classes, chosen.described(), len(classes), read, named=True)


def _loaders(bench: Bench) -> int:
    """Processes that decode: as the machine was said to bear, else some beside a GPU; a CPU is busy as it is."""
    asked = bench.cell.local.get("loaders")
    if asked is not None:
        return int(asked)
    return min(LOADERS, loading_workers(None)) if bench.device == "cuda" else 0


def _network(bench: Bench, shown: Shown) -> tuple[nn.Module, str, Arrays]:
    """The network, what tells its weights from others, and what is recorded of them.

    Raises:
        Unobtainable: the weights cannot be had here.
        SuiteError: weights do not fit.
    """
    spec, local, seed = bench.cell.spec["network"], bench.cell.local, bench.cell.seed
    if "network" in bench.cell.needs:
        trained = bench.need("network")
        return restore(trained.folder, spec, classes=shown.classes, seed=seed), trained.key, {}
    if not shown.named:
        return _fused(build(spec, classes=shown.classes, seed=seed), spec), "as initialised", {}
    role, file = str(local.get("role", "")), local.get("weights")
    bench.report(0.0, f"loads {role or spec['timm']}")
    loaded = load_network(spec, seed=seed, file=Path(file) if file else None, role=role)
    bench.report(0.0, f"weights: {loaded.origin}, digest {loaded.digest}")
    facts = {"weights_origin": np.str_(loaded.origin), "weights_digest": np.str_(loaded.digest)}
    return _fused(loaded.model, spec), loaded.digest, facts


def _fused(model: nn.Module, spec: Mapping[str, Any]) -> nn.Module:
    if spec.get("fused") and not import_module(FUSED).fuse(model):
        raise SuiteError(f"{spec['timm']} has no talking heads to fuse: drop fused from the profile's network")
    return model


def _open(bench: Bench) -> Opened:
    shown = _on_disk(bench) if "images" in bench.cell.local else _embedded(bench.cell.spec)
    bench.report(0.0, shown.said)
    model, weights, facts = _network(bench, shown)
    return Opened(model.to(bench.device).eval(), weights, shown, facts)


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
        self.sums = Sums(self.folder)
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


def _pretrained_cfg(model: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(model, "backbone", model).pretrained_cfg
    return found


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
            for look, sums in zip(self.looks, known["sums"], strict=True):
                look.sums.require(sums)
                look.stream.restore(look.folder / known["stream"], device=self._benches[0].device)
        except Exception as fault:  # noqa: BLE001 - whatever a checkpoint suffered, the images are still there
            self.report(f"the pass starts again: {one_line(fault)}")
            for look in self.looks:
                look.stream.close()
                look.begin()
            return
        self.place, self.kept = known["place"], known["kept"]
        self.skipped = [(place, reason) for place, reason in known["skipped"]]
        self.report(f"goes on after {self.place} of {len(self._opened.shown.names)} images")

    def report(self, text: str) -> None:
        """Tell who waits for any of the cells."""
        share = SECOND_LOOK * self.place / len(self._opened.shown.names)
        for bench in self._benches:
            bench.report(share, text)

    def measure(self) -> None:
        """Show what is left of the images to the network, and its layers to the probes.

        Raises:
            SuiteError: no image could be read.
        """
        names, model, device = self._opened.shown.names, self._opened.model, self._benches[0].device
        # TF32 convolutions, torch's default on a GPU, would round features to ten bits; the papers measured float32
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False), torch.inference_mode():
            for batch in self._rest(model):
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

    def _rest(self, model: nn.Module) -> Iterator[Batch]:
        """The images from here on; where one of them changed, what was measured before it is kept.

        Raises:
            ImagesChanged: an image is not what it was when the cells were planned.
        """
        try:
            yield from self._opened.shown.read(_pretrained_cfg(model), self.place)
        except Stopped:
            if self.kept:
                self._save()
            raise

    def finish(self) -> Results:
        """What each cell holds, by key."""
        metrics = [
            {"skipped": str(self._opened.shown.names[place]), "reason": reason} for place, reason in self.skipped
        ]
        found: dict[str, tuple[Arrays, Metrics] | Exception] = {}
        for look in self.looks:
            for name, arrays in look.stream.finish_each().items():
                key = look.benches[name].cell.key
                found[key] = arrays if isinstance(arrays, Exception) else ({**arrays, **self._facts()}, metrics)
        return found

    def _facts(self) -> Arrays:
        if not self._opened.shown.named:
            return self._opened.facts
        names = np.array(self._opened.shown.names, dtype=np.str_)
        skipped = [place for place, _ in self.skipped]
        return {
            **self._opened.facts,
            "images_read": np.int64(len(self.kept)),
            "images_skipped": np.int64(len(skipped)),
            "image_classes": np.int64(len({self._opened.shown.of[place] for place in self.kept} - {""})),
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
            "sums": [look.sums.of(name) for look in self.looks],
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
        images in a folder also ``images_read``, ``images_skipped`` and ``image_classes`` (counts), ``image_names``
        ``[I]`` and ``skipped_names`` ``[S]`` (text), ``weights_origin`` and ``weights_digest`` (text), and one record
        for each image that was skipped, with the reason.

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
