"""Batches of images as a network wants them; an image that cannot be decoded is named and left out."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from timm.data import (  # type: ignore[attr-defined]
    IMAGENET_DEFAULT_MEAN,
    IMAGENET_DEFAULT_STD,
    create_loader,
    resolve_data_config,
)
from torch.utils.data import DataLoader, Dataset

from suite.data.choice import UNREADABLE
from suite.data.pictures import Unreadable, gone, in_mode, reason, require_same
from suite.errors import Stopped, SuiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from PIL import Image
    from torch import Tensor

    from suite.data.choice import Choice

RGB = 3
MOST_WORKERS = 16  # that decode for one process: each holds batches in shared memory
EVALUATION = ("size", "mean", "std", "interpolation", "crop_pct")  # what a profile says of its evaluation images


def model_transform(pretrained_cfg: Mapping[str, Any], size: Sequence[int]) -> dict[str, Any]:
    """The network's own transform, as timm resolves it from the configuration of its weights.

    What Encoding Mismatch, arXiv 2511.15572, uses (CaiT-S24: bicubic to 224, nothing cropped).
    """
    asked = {"input_size": tuple(size)}
    return dict(resolve_data_config(asked, pretrained_cfg=dict(pretrained_cfg)))  # type: ignore[no-untyped-call]


def distillation_dynamics_transform(pretrained_cfg: Mapping[str, Any], size: Sequence[int]) -> dict[str, Any]:
    """Resize the shorter side to 256, bilinear; crop 224 from the centre; ImageNet's mean and deviation.

    The transform of Distillation Dynamics' analysis code, arXiv 2511.06848, for every network alike. A network of
    another image size keeps the ratio of 224 to 256.
    """
    del pretrained_cfg
    return {
        "input_size": tuple(size),
        "interpolation": "bilinear",
        "crop_pct": 224 / 256,
        "crop_mode": "center",
        "mean": IMAGENET_DEFAULT_MEAN,
        "std": IMAGENET_DEFAULT_STD,
    }


TRANSFORMS = {"model": model_transform, "distillation_dynamics": distillation_dynamics_transform}


def resolve_transform(
    name: str | Mapping[str, Any], pretrained_cfg: Mapping[str, Any], overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """The transform of one network.

    Args:
        name: in `TRANSFORMS`; or a profile's own evaluation transform: ``size``, ``mean``, ``std``, ``interpolation``,
            ``crop_pct``.
        pretrained_cfg: timm's configuration of the network's weights.
        overrides: of the network's constructor: ``img_size`` and ``in_chans`` set what it takes in. A network of one
            channel is given grey images, normalised by the mean over the colours' means.

    Returns:
        ``input_size``, ``interpolation``, ``crop_pct``, ``crop_mode``, ``mean``, ``std``.

    Raises:
        SuiteError: there is no such transform.
    """
    if not isinstance(name, str):
        return {
            "input_size": (RGB, name["size"], name["size"]),
            "interpolation": name["interpolation"],
            "crop_pct": name["crop_pct"],
            "crop_mode": "center",
            "mean": three(name["mean"]),
            "std": three(name["std"]),
        }
    if name not in TRANSFORMS:
        raise SuiteError(f"no transform {name!r}: choose from {', '.join(TRANSFORMS)}")
    channels, *size = pretrained_cfg.get("input_size") or (RGB, 224, 224)
    channels = overrides.get("in_chans", channels)
    if "img_size" in overrides:
        asked = overrides["img_size"]
        size = [asked, asked] if isinstance(asked, int) else list(asked)
    config = TRANSFORMS[name](pretrained_cfg, (RGB, *size))
    if channels == 1:
        config |= {"input_size": (1, *size)} | {key: (sum(config[key]) / RGB,) for key in ("mean", "std")}
    elif channels != RGB:
        raise SuiteError(f"images have 3 colours or 1, not the {channels} channels that this network takes")
    return config


def three(value: float | Sequence[float]) -> tuple[float, ...]:
    """One number for each colour."""
    return (float(value),) * RGB if isinstance(value, int | float) else tuple(value)


def on_device(pixels: Tensor, data: Mapping[str, Any]) -> Tensor:
    """Images as networks want them, normalised where they are.

    Args:
        pixels: ``[B, 3, H, W]``: bytes, or floating-point numbers, which are normalised already and returned as given.
        data: ``mean`` and ``std`` of the profile.

    Returns:
        what timm's transform gives for the same bytes, bit for bit on the CPU.
    """
    if pixels.dtype != torch.uint8:
        return pixels
    mean, std = (torch.tensor(three(data[name]), device=pixels.device).view(1, RGB, 1, 1) for name in ("mean", "std"))
    return pixels.float().div_(255).sub_(mean).div_(std)


@dataclass(frozen=True)
class Batch:
    """A piece of the chosen images.

    Attributes:
        pixels: ``[b, channels, H, W]`` of those that could be read, normalised; None where none could.
        kept: their places in the choice.
        skipped: place and reason of those that could not.
        stopped: why the pass cannot go on: an image is not what it was; None in all batches that are handed out.
    """

    pixels: Tensor | None
    kept: list[int]
    skipped: list[tuple[int, str]]
    stopped: Stopped | None = None

    @property
    def end(self) -> int:
        """The place after the last image of this piece."""
        return 1 + max([*self.kept, *(place for place, _ in self.skipped)])


class _Rest(Dataset[tuple[Any, int, Any]]):
    """The chosen images from one place on, each held to its digest; timm's loader sets the transform."""

    def __init__(self, chosen: Choice, start: int, mode: str) -> None:
        self.chosen = chosen
        self.start = start
        self.mode = mode
        self.expected = chosen.contents()
        self.transform: Callable[[Image.Image], Tensor] | None = None

    def __len__(self) -> int:
        return len(self.chosen) - self.start

    def __getitem__(self, number: int) -> tuple[Any, int, Any]:
        place = self.start + number
        try:
            stored, why = self._stored(place)
        except Stopped as fault:
            return None, place, fault
        if stored is None:
            return None, place, why
        assert self.transform is not None
        try:
            # timm's own data set replaces an image that it cannot read by the next one, which would count that twice
            image = in_mode(self.chosen.source.decode(self.chosen.picked[place], stored), self.mode)
        except MemoryError:
            raise
        except Exception as fault:  # noqa: BLE001 - what decoders raise at a broken file is of any type
            return None, place, reason(fault)
        return self.transform(image), place, ""

    def _stored(self, place: int) -> tuple[bytes | None, str]:
        """An image's bytes, or why there are none.

        Raises:
            ImagesChanged: they are not those of the digest.
        """
        source, index = self.chosen.source, self.chosen.picked[place]
        name, where = source.names[index], source.where
        try:
            stored = source.content(index)
        except Unreadable as fault:
            require_same(UNREADABLE, self.expected[place], name, where)
            return None, reason(fault)
        except OSError as fault:
            raise gone(name, where, fault) from fault
        require_same(hashlib.sha256(stored).hexdigest(), self.expected[place], name, where)
        return stored, ""


def _collate(samples: list[tuple[Any, int, Any]]) -> Batch:
    kept = [(pixels, place) for pixels, place, _ in samples if pixels is not None]
    return Batch(
        torch.stack([pixels for pixels, _ in kept]) if kept else None,
        [place for _, place in kept],
        [(place, str(why)) for pixels, place, why in samples if pixels is None],
        next((why for _, _, why in samples if isinstance(why, Stopped)), None),
    )


def batches(
    chosen: Choice, config: Mapping[str, Any], *, batch: int, start: int = 0, workers: int = 0
) -> Iterator[Batch]:
    """Read the chosen images in order, by timm's loader; nothing is shuffled.

    Args:
        chosen: the images.
        config: see :func:`resolve_transform`.
        batch: images a piece, unreadable ones counted; the last may have fewer.
        start: the place to begin at.
        workers: processes that read and decode; 0 decodes here. A process that may not have children (a worker of
            a run with several) decodes here, too.

    Raises:
        ImagesChanged: an image is not what it was when the digest was taken, or cannot be read any more.
    """
    if start >= len(chosen):
        return
    mode = "L" if config["input_size"][0] == 1 else "RGB"
    found: Iterable[Batch] = create_loader(
        _Rest(chosen, start, mode),  # type: ignore[arg-type]
        batch_size=batch,
        collate_fn=_collate,
        num_workers=0 if multiprocessing.current_process().daemon else workers,
        persistent_workers=False,
        use_prefetcher=False,
        **config,
    )
    for piece in found:
        if piece.stopped is not None:
            raise piece.stopped
        yield piece


def usable_cores() -> int:
    """Cores that this process may use: what SLURM, a container or ``taskset`` leaves of the machine's."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no such thing
        return os.cpu_count() or 1


def loading_workers(asked: int | None, processes: int = 1) -> int:
    """Worker processes of a loader.

    Args:
        asked: how many the machine was said to bear; None to choose.
        processes: of the whole job, where nothing says how many of them are on this node (``LOCAL_WORLD_SIZE``).

    Returns:
        as asked; else this process's share of the usable cores but one for itself, at most :data:`MOST_WORKERS`; 0
        inside a worker of the program, which may have no children.
    """
    if multiprocessing.current_process().daemon:
        return 0
    if asked is not None:
        return asked
    here = max(1, int(os.environ.get("LOCAL_WORLD_SIZE") or processes))
    return max(0, min(MOST_WORKERS, usable_cores() // here - 1))


def loader(
    dataset: Dataset[Any], batches: Iterable[Sequence[Any]], *, workers: int, device: str, lasting: bool = False
) -> DataLoader[Any]:
    """Batches ``[B, channels, H, W]`` and ``[B]`` of the items that ``batches`` names.

    Args:
        dataset: asked by what ``batches`` yields.
        batches: of items; read ahead.
        workers: processes that read; 0 reads here.
        device: where batches go.
        lasting: keep the workers for the next pass over the same batches.
    """
    return DataLoader(
        dataset,
        batch_sampler=batches,  # type: ignore[arg-type]
        num_workers=workers,
        pin_memory=device == "cuda",
        persistent_workers=lasting and workers > 0,
        generator=torch.Generator(),  # the loader draws a seed, which nothing here uses, not from the global one
    )
