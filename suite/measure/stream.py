"""Every measurement of every layer in one forward pass, over any number of images.

Batches go in, arrays come out. Memory does not grow with the number of images beyond a few numbers per image: the
features of layers that need a second look (a basis shared by all images is known only at the end) wait on disk.

Results do not depend on how the images are cut into batches, with one exception, the ranges of the histograms: they
come from the first images of the first batch, at most `calibrate` of them (the published range is that of one batch of
32). Later values beyond a range count in its end bins, and their share is reported.

References:
    Distillation Dynamics, arXiv 2511.06848 (spectrum, intensity, entropy, magnitude over layers).
    Encoding Mismatch, arXiv 2511.15572 (per-image and shared ranks, spectral energy pattern).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from suite.measure._batch import extremes, require_finite, require_shapes
from suite.measure._deep import second_look
from suite.measure._features import working
from suite.measure._layer import PER_IMAGE, Deep, LayerTally
from suite.measure._spill import Spill
from suite.measure._workers import Workers
from suite.measure.energy_pattern import PatternSum
from suite.measure.entropy import check_range
from suite.measure.nulls import permutation

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from types import TracebackType

    from numpy.typing import NDArray

FOLDER = "features"
"""Where a resumable stream keeps its temporary files."""


class LayerStream:
    """Accumulates the measurements of a network's layers; use it as a context manager.

    >>> from tempfile import TemporaryDirectory
    >>> layers = [torch.ones(2, 4, 8), 3 * torch.ones(2, 4, 8)]
    >>> with TemporaryDirectory() as folder:
    ...     with LayerStream(generator=torch.Generator(), spill=Path(folder)) as stream:
    ...         stream.update(layers)
    ...         arrays = stream.finish()
    >>> arrays["magnitude"].tolist()
    [[1.0, 1.0], [3.0, 3.0]]
    """

    def __init__(
        self,
        *,
        generator: torch.Generator,
        spill: Path,
        deep: Collection[int] | None = None,
        calibrate: int = 32,
        groups: int = 1,
        resumable: bool = False,
    ) -> None:
        """Set up; nothing is written before the first batch.

        Args:
            generator: on the CPU; gives channel permutations, null images, token halves and pairs of images.
                Equal seeds and images give equal arrays.
            spill: existing folder for temporary files: 4 bytes per feature value and deep layer.
            deep: layers that get a second look, counted from 0; the last one by default.
            calibrate: images of the first batch whose values set the histogram ranges, at least 1.
            groups: with more than 1, image ``i`` is in group ``i % groups``, and what is summed over images is
                also returned for each group, so that it can be told how much the images matter.
            resumable: leave the temporary files when closed before `finish`, for `restore`.

        Raises:
            ValueError: the generator is not on the CPU, the folder does not exist, or `calibrate` or `groups` is
                below 1.
        """
        if generator.device.type != "cpu":
            raise ValueError("pass a generator on the CPU, so that its draws are the same on every device")
        if not spill.is_dir():
            raise ValueError(f"the folder for temporary files does not exist: create {spill}")
        if calibrate < 1:
            raise ValueError(f"histogram ranges need at least 1 image, not {calibrate}")
        if groups < 1:
            raise ValueError(f"images make at least 1 group, not {groups}")
        self._generator = generator
        self._parent = spill
        self._wanted = deep
        self._calibrate = calibrate
        self._tallies: list[LayerTally] = []
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
            layers: one ``[B, N_l, C_l]`` per layer, the same images in each; any device and floating-point type.
                ``N_l`` and ``C_l`` may differ between layers, not between batches.

        Raises:
            ValueError: a value is NaN or infinite (the layer and the image are named), a shape does not fit, or the
                stream is closed. Nothing can be added to or read from a stream after an error.
        """
        self._require_open()
        try:
            require_shapes(layers, [(tally.tokens, tally.channels) for tally in self._tallies])
            workers = self._start(layers)
            ends = list(workers.map(extremes, layers))
            require_finite(ends, first_image=self._images)
            if not self._tallies:
                self._begin(layers, ends)
            tasks = zip(self._tallies, layers, ends, strict=True)
            for _ in workers.map(lambda task: task[0].add(task[1], *task[2]), tasks):
                pass
        except BaseException:
            self._state = "interrupted by an error"
            self.close()
            raise
        self._images += len(layers[0])

    def finish(self) -> dict[str, NDArray[np.generic]]:
        """Take the second look, remove the temporary files and hand over the results.

        ``I`` images, ``L`` layers; float64 unless said otherwise; ``LL`` is the layer in two digits.

        * ``[L, I]``: magnitude, scale, intensity, entropy_global, entropy_layer, entropy_standardised (bits),
          dc_share, flatness, flatness_permuted, low_pass, low_pass_permuted.
        * ``[L]``: clipped_share; tokens and channels (int64).
        * per layer: amplitude.LL and amplitude_permuted.LL ``[C]``; pooled.LL ``[I, C]`` float32, the mean token.
        * per deep layer, ``[I, 4]`` int64, at 80/90/95/99 %: svd_dims.LL, shared_dims.LL, shared_dims_centred.LL,
          null_svd_dims.LL, null_shared_dims.LL; ``[C]``: shared_spectrum.LL, captured.LL, sep_curve.LL,
          sep_sorted.LL, sep_curve_permuted.LL (all-zero tokens left out); ``[I]``: participation.LL, angles_cross.LL
          and angles_split.LL, the mean squared cosine over as many directions as the median image needs for 90 % of
          its energy (rounded up, at most half the tokens).
        * with several groups, ``[groups, C]``: grouped.NAME.LL of every ``[C]`` array above, the mean over the
          group's images; directions of the shared basis are those of all images.

        Returns:
            Arrays by name.

        Raises:
            ValueError: the stream saw no images, a deep layer saw fewer than 2, or it was closed or interrupted.
        """
        self._require_open()
        if not self._images or self._workers is None:
            raise ValueError("the stream saw no images: call update first")
        try:
            if self._images < 2 and any(tally.deep is not None for tally in self._tallies):
                raise ValueError("a deep layer compares images: pass at least 2, or deep=()")
            arrays = self._over_layers()
            for number, tally in enumerate(self._tallies):
                as_is, permuted = tally.amplitude()
                named: dict[str, NDArray[np.generic]] = {
                    "amplitude": as_is,
                    "amplitude_permuted": permuted,
                    "pooled": tally.pooled(),
                }
                if self._groups > 1:
                    by_group = tally.grouped_amplitude()
                    named |= {"grouped.amplitude": by_group[0], "grouped.amplitude_permuted": by_group[1]}
                if tally.deep is not None:
                    try:
                        named |= second_look(
                            tally, generator=self._generator, workers=self._workers, groups=self._groups
                        )
                    except ValueError as error:
                        raise ValueError(f"layer {number}: {error}") from None
                arrays |= {f"{name}.{number:02d}": values for name, values in named.items()}
            self._resumable = False
        finally:
            self.close()
        return arrays

    def save(self, file: Path) -> None:
        """Write, in one step, what `restore` goes on from; call it between two updates of a resumable stream.

        Args:
            file: where, outside the folder of temporary files.

        Raises:
            ValueError: the stream is closed, not resumable, or saw no images.
        """
        self._require_open()
        if not self._resumable or not self._tallies:
            raise ValueError("only a resumable stream that saw images can be saved: pass resumable=True")
        for tally in self._tallies:
            if tally.deep is not None:
                tally.deep.spill.flush()
        state = {
            "images": self._images,
            "settings": self._settings(),
            "generator": self._generator.get_state(),
            "layers": [tally.state() for tally in self._tallies],
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
        if self._tallies:
            raise ValueError("this stream has begun: restore into a new one")
        state = torch.load(file, map_location="cpu", weights_only=True)
        if state["settings"] != self._settings():
            raise ValueError(f"{file} was saved with other settings: measure again from the start")
        self._folder = self._parent / FOLDER
        self._workers = Workers(torch.get_num_threads() if torch.device(device).type == "cpu" else 1)
        deep = _deep_layers(self._wanted, len(state["layers"]))
        for number, layer in enumerate(state["layers"]):
            room = None
            if number in deep:
                room = _make_room(
                    self._folder,
                    number,
                    (layer["tokens"], layer["channels"]),
                    layer["kind"],
                    torch.device(device),
                    groups=self._groups,
                    images=state["images"],
                )
            self._tallies.append(LayerTally.resumed(layer, deep=room))
        self._images = state["images"]
        self._generator.set_state(state["generator"])

    def _settings(self) -> dict[str, Any]:
        wanted = None if self._wanted is None else sorted(self._wanted)
        return {"groups": self._groups, "calibrate": self._calibrate, "deep": wanted}

    def close(self) -> None:
        """Remove the temporary files; safe at any time, and again."""
        if self._state == "open":
            self._state = "closed"
        for tally in self._tallies:
            if tally.deep is not None:
                tally.deep.spill.close()
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

    def _require_open(self) -> None:
        if self._state != "open":
            raise ValueError(f"this stream was {self._state}: start a new one from the first image")

    def _start(self, layers: Sequence[Tensor]) -> Workers:
        """The threads, as many as torch uses; on an accelerator its own parallelism is enough."""
        if self._workers is None:
            self._workers = Workers(torch.get_num_threads() if layers[0].is_cpu else 1)
        return self._workers

    def _begin(self, layers: Sequence[Tensor], ends: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Set histogram ranges and channel permutations, and make room on disk."""
        deep = _deep_layers(self._wanted, len(layers))
        self._folder = self._new_folder()
        ranges = [(float(low[: self._calibrate].min()), float(high[: self._calibrate].max())) for low, high in ends]
        over_layers = check_range(min(low for low, _ in ranges), max(high for _, high in ranges))
        for number, layer in enumerate(layers):
            tokens, channels = layer.shape[1:]
            self._tallies.append(
                LayerTally(
                    tokens,
                    channels,
                    order=permutation(channels, generator=self._generator),
                    over_layers=over_layers,
                    over_layer=check_range(*ranges[number]),
                    deep=self._room(number, layer) if number in deep else None,
                    groups=self._groups,
                )
            )

    def _new_folder(self) -> Path:
        """An empty folder of our own; a resumable stream's has a fixed name, and replaces what an earlier one left."""
        if not self._resumable:
            return Path(mkdtemp(prefix="features-", dir=self._parent))
        folder = self._parent / FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def _room(self, number: int, layer: Tensor) -> Deep:
        assert self._folder is not None
        tokens, channels = layer.shape[1:]
        kind = working(layer[:1]).dtype
        return _make_room(self._folder, number, (tokens, channels), kind, layer.device, groups=self._groups)

    def _over_layers(self) -> dict[str, NDArray[np.generic]]:
        per_image = np.stack([tally.per_image() for tally in self._tallies], axis=1)
        arrays: dict[str, NDArray[np.generic]] = dict(zip(PER_IMAGE, per_image, strict=True))
        arrays["clipped_share"] = np.array([tally.clipped_share() for tally in self._tallies])
        arrays["tokens"] = np.array([tally.tokens for tally in self._tallies])
        arrays["channels"] = np.array([tally.channels for tally in self._tallies])
        return arrays


def _deep_layers(wanted: Collection[int] | None, layers: int) -> set[int]:
    deep = {layers - 1} if wanted is None else set(wanted)
    if not deep <= set(range(layers)):
        raise ValueError(f"deep layers must lie between 0 and {layers - 1}, not {sorted(deep)}")
    return deep


def _make_room(
    folder: Path,
    number: int,
    shape: tuple[int, int],
    kind: torch.dtype,
    device: torch.device,
    *,
    groups: int,
    images: int = 0,
) -> Deep:
    tokens, channels = shape
    path = folder / f"layer-{number:02d}"
    spill = Spill(path, tokens=tokens, channels=channels, kind=kind, device=device, images=images)
    patterns = (PatternSum(channels, device, ordered=ordered, groups=groups) for ordered in (True, True, False))
    return Deep(spill, *patterns)
