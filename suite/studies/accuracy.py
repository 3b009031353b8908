"""Study *accuracy*: networks and images -> which images each network gets right.

A cell is one network. All cells of a group that take one transform share one pass over the images, and what each holds
does not depend on the others. Networks come from the hub, from a file, from a cell that trained them, or are as
initialised. A pass that is killed goes on where its last checkpoint stands and ends with the same bits; a network that
joins later catches up alone. An image that cannot be read is named, skipped and counted.
"""

from __future__ import annotations

import hashlib
import json
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from suite.checkpoints import named
from suite.data.choice import choose, chosen_classes, digest
from suite.data.loader import batches, loading_workers, resolve_transform
from suite.data.pictures import ImagesChanged
from suite.errors import Stopped, SuiteError, one_line
from suite.evidence.cell import canonical
from suite.models.columns import columns_of
from suite.models.pretrained import Loaded, load_network
from suite.models.released import load_released
from suite.studies.networks import restore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from suite.data.choice import Choice
    from suite.data.loader import Batch
    from suite.studies.protocol import Arrays, Bench, Metrics, Results

TOGETHER, DISTRIBUTED = True, False
FUSED = "suite.models.fused_cait"  # by name: it enters the key of a cell only where it is used
CHECKPOINT_SECONDS = 30.0  # between checkpoints, at least
CHECKPOINT_SHARE = 0.05  # of the time that they may take
LOADERS = 8  # processes that decode images for one GPU, at most
PROGRESS = "progress.json"


class Tested:
    """One network of a pass: what it got right so far, and the file from which that goes on."""

    def __init__(self, bench: Bench, images: Choice) -> None:
        """Load the network and what an earlier pass left.

        Raises:
            Unobtainable: the weights cannot be had here.
            SuiteError: weights do not fit, or the network tells other classes apart.
        """
        self.bench = bench
        spec = bench.cell.spec
        classes = chosen_classes(images.source.class_names, spec["data"].get("classes"))
        loaded, outputs, own = _loaded(bench, len(classes))
        self.transform = resolve_transform(
            spec["data"]["transform"], _pretrained_cfg(loaded.model), spec["network"].get("overrides", {})
        )
        self.facts: dict[str, Any] = {
            "weights_origin": np.str_(loaded.origin),
            "weights_digest": np.str_(loaded.digest),
            "parameters": np.int64(sum(value.numel() for value in loaded.model.parameters())),
        }
        columns = columns_of(
            classes,
            outputs=outputs,
            network=spec["network"]["timm"],
            trained_on_them=own,
            order=spec["data"].get("classes_order", ""),
        )
        known = dict(zip(classes, columns or range(len(classes)), strict=True))
        self._truth = torch.tensor([known[name] for name in images.classes])
        self._model = loaded.model.to(bench.device).eval()
        self._about = {"weights": loaded.digest, "cell": bench.cell.key}
        self.place = 0
        self._right: list[bool] = []
        self._skipped: list[tuple[int, str]] = []
        self.fault: SuiteError | None = None
        self._resume()

    def _resume(self) -> None:
        path = self.bench.checkpoints / PROGRESS
        if not path.is_file():
            return
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            if known.pop("sum") != _sum(known):
                raise SuiteError("its checkpoint was changed")  # noqa: TRY301 - one way to begin anew
            if known["about"] != self._about:
                raise SuiteError("it was begun with other weights")  # noqa: TRY301
            skipped = [(place, reason) for place, reason in known["skipped"]]
            right = unpacked(np.frombuffer(bytes.fromhex(known["right"]), np.uint8), known["place"] - len(skipped))
        except Exception as fault:  # noqa: BLE001 - whatever a checkpoint suffered, the images are still there
            self.bench.report(0.0, f"the pass starts again: {one_line(fault)}")
            return
        self.place, self._skipped, self._right = known["place"], skipped, right.tolist()
        self.bench.report(0.0, f"goes on after {self.place} images")

    def save(self) -> None:
        """Keep what is known, in one step."""
        known = {
            "about": self._about,
            "place": self.place,
            "right": np.packbits(np.array(self._right, np.bool_)).tobytes().hex(),
            "skipped": self._skipped,
        }
        draft = self.bench.checkpoints / f"{PROGRESS}.draft"
        draft.write_text(json.dumps(known | {"sum": _sum(known)}), encoding="utf-8")
        draft.replace(self.bench.checkpoints / PROGRESS)

    def look(self, batch: Batch, pixels: Tensor | None) -> None:
        """Answer one batch, on whose device ``pixels`` are."""
        if batch.end <= self.place or self.fault is not None:  # it is further already, or its answers are no numbers
            return
        if pixels is not None:
            answers = self._model(pixels)
            logits = getattr(answers, "logits", answers)
            if not bool(logits.isfinite().all()):
                self.fault = SuiteError("the network answers with values that are no finite numbers")
                return
            self._right += (logits.argmax(dim=1).cpu() == self._truth[batch.kept]).tolist()
        self._skipped += batch.skipped
        self.place = batch.end

    def finish(self, images: Choice) -> tuple[Arrays, Metrics] | Exception:
        """What the cell holds, or its fault."""
        names = images.names
        if self.fault is None and not self._right:
            place, why = self._skipped[0]
            self.fault = SuiteError(f"none of the {len(names)} images can be read; {names[place]}: {why}")
        if self.fault is not None:
            return self.fault
        skipped = {place for place, _ in self._skipped}
        kept = [place for place in range(len(names)) if place not in skipped]
        right = np.array(self._right, np.bool_)
        arrays: dict[str, Any] = {
            "correct": np.packbits(right),
            "images": np.int64(len(right)),
            "accuracy": np.float64(100 * right.mean()),
            "images_read": np.int64(len(right)),
            "images_skipped": np.int64(len(skipped)),
            "image_classes": np.int64(len({images.classes[place] for place in kept})),
            "skipped_names": np.array([names[place] for place in sorted(skipped)], np.str_),
        }
        return arrays | self.facts, [{"skipped": names[place], "reason": reason} for place, reason in self._skipped]


def unpacked(bits: NDArray[np.uint8], count: int) -> NDArray[np.bool_]:
    """The first ``count`` of packed bits: which images were answered rightly."""
    return np.unpackbits(bits, count=count).astype(np.bool_)


def _sum(known: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(known).encode()).hexdigest()


def _loaded(bench: Bench, classes: int) -> tuple[Loaded, int, bool]:
    """The network, how many classes it tells apart, and whether its head was made for these very classes."""
    spec, local, seed = bench.cell.spec["network"], bench.cell.local, bench.cell.seed
    if "network" in bench.cell.needs:
        trained = bench.need("network")
        model = restore(trained.folder, spec, classes=classes, seed=seed)
        return Loaded(model, str(trained.key), trained.key), classes, True
    role, given = str(local.get("role", "")), local.get("weights")
    file = Path(given) if given else None
    bench.report(0.0, f"loads {role or spec['timm']}")
    if named(spec["timm"]) is not None:
        loaded = load_released(spec["timm"], seed=seed, file=file)
    else:
        loaded = load_network(spec, seed=seed, file=file, role=role)
        if spec.get("fused") and not import_module(FUSED).fuse(loaded.model):
            raise SuiteError(f"{spec['timm']} has no talking heads to fuse: drop fused from the profile's network")
    bench.report(0.0, f"weights: {loaded.origin}, digest {loaded.digest}")
    outputs = _head(loaded.model)
    return loaded, outputs, False


def _head(model: nn.Module) -> int:
    found: Any = getattr(model, "backbone", model)
    return int(found.num_classes)


def _pretrained_cfg(model: nn.Module) -> Mapping[str, Any]:
    found: Any = getattr(model, "backbone", model)
    config: Mapping[str, Any] = found.pretrained_cfg
    return config


class Pass:
    """Networks that take one transform, and one pass over the images for all of them."""

    def __init__(self, tested: Sequence[Tested], images: Choice) -> None:
        self._tested, self._images = tested, images
        self._saved, self._cost = time.monotonic(), 0.0

    def run(self) -> None:
        """Show the images to the networks, from the place on that the last of them has reached.

        Raises:
            ImagesChanged: an image is not what it was when the cells were planned; what is known is kept.
        """
        device = self._tested[0].bench.device
        # TF32 convolutions, torch's default on a GPU, would round to ten bits
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False), torch.inference_mode():
            for batch in self._rest():
                pixels = None if batch.pixels is None else batch.pixels.to(device)
                for one in self._tested:
                    one.look(batch, pixels)
                self._save_if_due()
                self._report(batch)
        self._save()  # another transform's pass may be killed

    def _rest(self) -> Iterator[Batch]:
        bench = self._tested[0].bench
        start = min(one.place for one in self._tested)
        size = bench.cell.spec["batch"]
        workers = _loaders(bench)
        try:
            yield from batches(self._images, self._tested[0].transform, batch=size, start=start, workers=workers)
        except Stopped:
            self._save()
            raise

    def _report(self, batch: Batch) -> None:
        total = len(self._images)
        for one in self._tested:
            for place, reason in batch.skipped:
                one.bench.report(batch.end / total, f"skipped {self._images.names[place]}: {reason}")
            one.bench.report(batch.end / total, f"{batch.end} of {total} images")

    def _save_if_due(self) -> None:
        waited = time.monotonic() - self._saved
        if waited >= max(CHECKPOINT_SECONDS, self._cost / CHECKPOINT_SHARE):
            self._save()

    def _save(self) -> None:
        began = time.monotonic()
        for one in self._tested:
            one.save()
        self._saved = time.monotonic()
        self._cost = self._saved - began


def _loaders(bench: Bench) -> int:
    """Processes that decode: as the machine was said to bear, else some beside a GPU; a CPU is busy as it is."""
    asked = bench.cell.local.get("loaders")
    if asked is not None:
        return int(asked)
    return min(LOADERS, loading_workers(None)) if bench.device == "cuda" else 0


def _images(bench: Bench) -> Choice:
    """The images of a group.

    Raises:
        ImagesChanged: they are others by now.
    """
    given, data = bench.cell.local["images"], bench.cell.spec["data"]
    if digest(given, data) != data["digest"]:
        raise ImagesChanged(f"the images in {given} changed since the run was planned: start it again")
    return choose(given, data)


def run_block(benches: Sequence[Bench]) -> Results:
    """Test networks on the same images, those of one transform in one pass.

    Args:
        benches: cells of one choice of images.

    Returns:
        By cell key, of the ``I`` images that could be read, or the fault of this network: ``correct`` (packed bits, in
        the images' order), ``accuracy`` (percent), ``images``, ``images_read``, ``images_skipped``, ``image_classes``
        (counts), ``skipped_names`` (text), ``parameters`` (of the network as it is evaluated), ``weights_origin``,
        ``weights_digest`` (text); and one record for each image that was skipped.

    Raises:
        Stopped: images changed.
    """
    images = _images(benches[0])
    benches[0].report(0.0, images.described())
    results: dict[str, tuple[Arrays, Metrics] | Exception] = {}
    passes: dict[str, list[Tested]] = {}
    for bench in benches:
        try:
            one = Tested(bench, images)
        except Exception as fault:  # noqa: BLE001 - of this network alone
            results[bench.cell.key] = fault
            continue
        passes.setdefault(repr(sorted(one.transform.items())), []).append(one)
    for tested in passes.values():
        Pass(tested, images).run()
        results |= {one.bench.cell.key: one.finish(images) for one in tested}
    return results
