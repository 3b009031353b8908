"""Measurements of every layer in one forward pass, over any number of images.

Batches go in, arrays come out: a stream shows the features to its probes (`suite.measure.probes`), a few images at a
time. Memory does not grow with the number of images beyond a few numbers per image: the features of layers that need a
second look (a basis shared by all images is known only at the end) wait on disk.

Results do not depend on how the images are cut into batches, with one exception, the ranges of the histograms: they
come from the first images of the first batch, at most `calibrate` of them (the published range is that of one batch of
32). Later values beyond a range count in its end bins, and their share is reported. Nor does what a probe gives depend
on which other probes there are.

On an accelerator the host waits for its device twice a batch, to look whether all values are finite and to fetch the
results, and once for each deep layer, whose features go to the disk.

References:
    Distillation Dynamics, arXiv 2511.06848 (spectrum, intensity, entropy, magnitude over layers).
    Encoding Mismatch, arXiv 2511.15572 (per-image and shared ranks, spectral energy pattern).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from suite.measure._batch import extremes, require_finite, require_shapes
from suite.measure._features import pieces, working
from suite.measure._keep import Rows, collect
from suite.measure._layer import Layer, Piece
from suite.measure._spill import Spill
from suite.measure._workers import Workers
from suite.measure.probe import Curve, Form
from suite.measure.probes import chosen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from types import TracebackType

    from numpy.typing import NDArray

    from suite.measure._batch import Extremes
    from suite.measure.probe import Probe

    Arrays = dict[str, NDArray[np.generic]]
    Results = Mapping[str, Tensor | Curve | float]

FOLDER = "features"
"""Where a resumable stream keeps its temporary files."""


class LayerStream:
    """Shows a network's layers to probes; use it as a context manager.

    >>> from suite.measure.probes.magnitude import Magnitude
    >>> layers = [torch.ones(2, 4, 8), 3 * torch.ones(2, 4, 8)]
    >>> with TemporaryDirectory() as folder:
    ...     with LayerStream([Magnitude], seed=0, spill=Path(folder)) as stream:
    ...         stream.update(layers)
    ...         arrays = stream.finish()
    >>> arrays["magnitude"].tolist()
    [[1.0, 1.0], [3.0, 3.0]]
    """

    def __init__(
        self,
        probes: Iterable[type[Probe]] | None = None,
        *,
        seed: int,
        spill: Path,
        deep: Collection[int] | None = None,
        calibrate: int = 32,
        groups: int = 1,
        resumable: bool = False,
    ) -> None:
        """Set up; nothing is written before the first batch.

        Args:
            probes: what to measure; all there is unless given.
            seed: of channel permutations, null images, token halves and pairs of images. Equal seeds and images give
                equal arrays, whatever the device the draws are used on.
            spill: existing folder for temporary files: 4 bytes per feature value and layer that gets a second look.
            deep: layers that deep probes measure, counted from 0; the last one by default.
            calibrate: images of the first batch whose values set the histogram ranges, at least 1.
            groups: with more than 1, image ``i`` is in group ``i % groups``, and what is averaged over images is
                also returned for each group, so that it can be told how much the images matter.
            resumable: leave the temporary files when closed before `finish`, for `restore`.

        Raises:
            ValueError: the folder does not exist, or `calibrate` or `groups` is below 1.
        """
        if not spill.is_dir():
            raise ValueError(f"the folder for temporary files does not exist: create {spill}")
        if calibrate < 1:
            raise ValueError(f"histogram ranges need at least 1 image, not {calibrate}")
        if groups < 1:
            raise ValueError(f"images make at least 1 group, not {groups}")
        self._probes = {_name(probe): probe for probe in (chosen() if probes is None else probes)}
        self._seed = seed
        self._parent = spill
        self._wanted = deep
        self._calibrate = calibrate
        self._layers: list[Layer] = []
        self._at: list[dict[str, Probe]] = []
        self._images = 0
        self._state = "open"
        self._groups = groups
        self._resumable = resumable
        self._folder: Path | None = None
        self._workers: Workers | None = None

    @property
    def images(self) -> int:
        """How many images were measured."""
        return self._images

    def update(self, layers: Sequence[Tensor]) -> None:
        """Measure a batch.

        Args:
            layers: one ``[B, N_l, C_l]`` per layer, the same images in each; any floating-point type, one device.
                ``N_l`` and ``C_l`` may differ between layers, not between batches.

        Raises:
            ValueError: a value is NaN or infinite (the layer and the image are named), a shape does not fit, or the
                stream is closed. Nothing can be added to or read from a stream after an error.
        """
        self._require_open()
        try:
            require_shapes(layers, [(layer.tokens, layer.channels) for layer in self._layers])
            workers = self._start(layers[0].device)
            ends = list(workers.map(extremes, layers))
            require_finite(ends, first_image=self._images)
            if not self._layers:
                self._begin(layers, ends)
            tasks = zip(self._layers, self._at, layers, ends, strict=True)
            for _ in workers.map(lambda task: _show(*task), tasks):
                pass
            collect(self._rows())
        except BaseException:
            self._state = "interrupted by an error"
            self.close()
            raise
        self._images += len(layers[0])

    def finish(self) -> Arrays:
        """Take the second look, remove the temporary files and hand over the results.

        Returns:
            The arrays of all probes by name, each as the probe's ``ARRAYS`` says, float64 unless the probe says
            otherwise; and tokens and channels ``[L]`` and images, int64.

        Raises:
            ValueError: the stream saw no images, fewer than a probe needs, or it was closed or interrupted.
        """
        merged: Arrays = {}
        for arrays in self.finish_each().values():
            if isinstance(arrays, ValueError):
                raise arrays
            merged |= arrays
        return merged

    def finish_each(self) -> dict[str, Arrays | ValueError]:
        """`finish`, the arrays of each probe on their own.

        Returns:
            By the probe's name, its arrays by name, or why it has none; tokens, channels and images are among those of
            every probe.

        Raises:
            ValueError: the stream saw no images, or it was closed or interrupted.
        """
        self._require_open()
        if not self._images or self._workers is None:
            raise ValueError("the stream saw no images: call update first")
        try:
            about: Arrays = {
                "images": np.array(self._images),
                "tokens": np.array([layer.tokens for layer in self._layers]),
                "channels": np.array([layer.channels for layer in self._layers]),
            }
            found: dict[str, list[Results]] = {name: [] for name in self._probes}
            faults: dict[str, ValueError] = {}
            for layer, probes in zip(self._layers, self._at, strict=True):
                layer.workers = self._workers
                for name in self._probes:
                    try:
                        found[name].append(self._results(probes[name]) if name in probes else {})
                    except ValueError as error:
                        faults.setdefault(name, ValueError(f"layer {layer.number}: {error}"))
                layer.forget()
            self._resumable = False
        finally:
            self.close()
        grouped = self._groups > 1
        return {
            name: faults.get(name) or about | _assembled(self._probes[name], results, grouped=grouped)
            for name, results in found.items()
        }

    def save(self, file: Path) -> None:
        """Write, in one step, what `restore` goes on from; call it between two updates of a resumable stream.

        Args:
            file: where, outside the folder of temporary files.

        Raises:
            ValueError: the stream is closed, not resumable, or saw no images.
        """
        self._require_open()
        if not self._resumable or not self._layers:
            raise ValueError("only a resumable stream that saw images can be saved: pass resumable=True")
        for layer in self._layers:
            if layer.spill is not None:
                layer.spill.flush()
        state = {
            "images": self._images,
            "settings": self._settings(),
            "layers": [
                {
                    "tokens": layer.tokens,
                    "channels": layer.channels,
                    "kind": layer.kind,
                    "over_layers": [end.cpu() for end in layer.over_layers],
                    "over_layer": [end.cpu() for end in layer.over_layer],
                    "probes": {name: probe.state() for name, probe in probes.items()},
                }
                for layer, probes in zip(self._layers, self._at, strict=True)
            ],
        }
        draft = file.with_name(f"{file.name}.draft")
        torch.save(state, draft)
        draft.replace(file)

    def restore(self, file: Path, *, device: torch.device | str = "cpu") -> None:
        """Go on from a saved stream: the next update is expected to bring image number `images`.

        Args:
            file: written by `save` of a stream with the same settings and folder of temporary files.
            device: where the features to come live.

        Raises:
            ValueError: this stream has seen images already, its settings differ, or the temporary files are gone.
        """
        self._require_open()
        if self._layers:
            raise ValueError("this stream has begun: restore into a new one")
        state = torch.load(file, map_location="cpu", weights_only=True)
        if state["settings"] != self._settings():
            raise ValueError(f"{file} was saved with other settings: measure again from the start")
        self._folder = self._parent / FOLDER
        where = torch.device(device)
        self._start(where)
        deep = _deep_layers(self._wanted, len(state["layers"]))
        for number, saved in enumerate(state["layers"]):
            layer = Layer(
                number=number,
                tokens=saved["tokens"],
                channels=saved["channels"],
                seed=self._seed,
                groups=self._groups,
                device=where,
                kind=saved["kind"],
                over_layers=tuple(end.to(where) for end in saved["over_layers"]),
                over_layer=tuple(end.to(where) for end in saved["over_layer"]),
                images=state["images"],
            )
            self._add(layer, deep=number in deep)
            for name, probe in self._at[-1].items():
                probe.load(saved["probes"][name])
        self._images = state["images"]

    def close(self) -> None:
        """Remove the temporary files; safe at any time, and again."""
        if self._state == "open":
            self._state = "closed"
        for layer in self._layers:
            if layer.spill is not None:
                layer.spill.close()
        if self._folder is not None and not self._resumable:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._workers is not None:
            self._workers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _settings(self) -> dict[str, Any]:
        wanted = None if self._wanted is None else sorted(self._wanted)
        return {
            "probes": list(self._probes),
            "seed": self._seed,
            "groups": self._groups,
            "calibrate": self._calibrate,
            "deep": wanted,
        }

    def _require_open(self) -> None:
        if self._state != "open":
            raise ValueError(f"this stream was {self._state}: start a new one from the first image")

    def _results(self, probe: Probe) -> Results:
        if self._images < probe.LEAST_IMAGES:
            raise ValueError(f"{_name(type(probe))} compares images: pass at least {probe.LEAST_IMAGES}, or deep=()")
        return probe.results()

    def _rows(self) -> list[Rows]:
        kept = (part for probes in self._at for probe in probes.values() for part in probe.kept.values())
        return [part for part in kept if isinstance(part, Rows)]

    def _start(self, device: torch.device) -> Workers:
        """The threads, as many as torch uses; on an accelerator its own parallelism is enough."""
        if self._workers is None:
            self._workers = Workers(torch.get_num_threads() if device.type == "cpu" else 1)
        return self._workers

    def _begin(self, layers: Sequence[Tensor], ends: Sequence[Extremes]) -> None:
        """Set the histogram ranges, and make room on disk."""
        deep = _deep_layers(self._wanted, len(layers))
        self._folder = self._new_folder()
        first = slice(self._calibrate)
        ranges = [(low[first].min().double(), high[first].max().double()) for low, high in ends]
        lows, highs = (torch.stack(side) for side in zip(*ranges, strict=True))
        for number, values in enumerate(layers):
            layer = Layer(
                number=number,
                tokens=values.shape[1],
                channels=values.shape[2],
                seed=self._seed,
                groups=self._groups,
                device=values.device,
                kind=working(values[:1]).dtype,
                over_layers=(lows.min(), highs.max()),
                over_layer=ranges[number],
            )
            self._add(layer, deep=number in deep)

    def _add(self, layer: Layer, *, deep: bool) -> None:
        """Put the probes on a layer, with room on disk if one of them looks twice."""
        assert self._folder is not None
        kinds = {name: probe for name, probe in self._probes.items() if deep or not probe.DEEP}
        if any(probe.SECOND_LOOK for probe in kinds.values()):
            layer.spill = Spill(
                self._folder / f"layer-{layer.number:02d}",
                tokens=layer.tokens,
                channels=layer.channels,
                kind=layer.kind,
                device=layer.device,
                images=layer.images,
            )
        self._layers.append(layer)
        self._at.append({name: probe(layer) for name, probe in kinds.items()})

    def _new_folder(self) -> Path:
        """An empty folder of our own; a resumable stream's has a fixed name, and replaces what an earlier one left."""
        if not self._resumable:
            return Path(mkdtemp(prefix="features-", dir=self._parent))
        folder = self._parent / FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


def measured(
    layers: Sequence[Tensor],
    probes: Iterable[type[Probe]] | None = None,
    *,
    seed: int = 0,
    deep: Collection[int] | None = None,
    groups: int = 1,
) -> Arrays:
    """Measure features held in memory: one update and a finish.

    >>> from suite.measure.probes.pooled import Pooled
    >>> measured([torch.ones(3, 4, 2)], [Pooled])["pooled.00"].shape
    (3, 2)

    Args:
        layers: one ``[I, N_l, C_l]`` per layer.
        probes: what to measure; all there is unless given.
        seed: of all draws.
        deep: layers that deep probes measure; the last one by default.
        groups: groups of images.

    Returns:
        The arrays of `LayerStream.finish`, histogram ranges being those of all images.

    Raises:
        ValueError: as `LayerStream` does.
    """
    with TemporaryDirectory() as folder:
        stream = LayerStream(
            probes, seed=seed, spill=Path(folder), deep=deep, groups=groups, calibrate=max(1, len(layers[0]))
        )
        with stream:
            stream.update(layers)
            return stream.finish()


def _name(probe: type[Probe]) -> str:
    """A probe's name: that of its file."""
    return probe.__module__.rpartition(".")[2]


def _deep_layers(wanted: Collection[int] | None, layers: int) -> set[int]:
    deep = {layers - 1} if wanted is None else set(wanted)
    if not deep <= set(range(layers)):
        raise ValueError(f"deep layers must lie between 0 and {layers - 1}, not {sorted(deep)}")
    return deep


def _show(layer: Layer, probes: Mapping[str, Probe], features: Tensor, ends: Extremes) -> None:
    """Show a batch of one layer to its probes."""
    low, high = ends
    done = 0
    for values in pieces(features.detach()):
        here = slice(done, done + len(values))
        piece = Piece(working(values), layer.images, low[here], high[here], layer)
        for probe in probes.values():
            probe.update(piece)
        if layer.spill is not None:
            layer.spill.append(piece.values)
        layer.images += len(values)
        done = here.stop


def _assembled(probe: type[Probe], results: Sequence[Results], *, grouped: bool) -> Arrays:
    """The arrays of one probe, put together from its layers."""
    arrays: Arrays = {}
    for name, form in probe.ARRAYS.items():
        if form in (Form.PER_IMAGE, Form.PER_LAYER):
            arrays[name] = np.stack([np.asarray(found[name]) for found in results])
            continue
        for number, found in enumerate(results):
            if name not in found:
                continue
            values, label = found[name], f"{name}.{number:02d}"
            if isinstance(values, Curve):
                arrays[label] = values.mean.cpu().numpy()
                if grouped:
                    arrays[f"grouped.{label}"] = values.groups.cpu().numpy()
            else:
                assert isinstance(values, Tensor)
                arrays[label] = values.cpu().numpy()
    return arrays
