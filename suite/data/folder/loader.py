"""Batches of chosen images as a network wants them; an image that cannot be decoded is named and left out."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from timm.data import (  # type: ignore[attr-defined]
    IMAGENET_DEFAULT_MEAN,
    IMAGENET_DEFAULT_STD,
    create_loader,
    resolve_data_config,
)
from torch.utils.data import Dataset

from suite.errors import SuiteError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from PIL import Image
    from torch import Tensor

    from suite.data.folder.choice import Choice

RGB = 3


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


def resolve_transform(name: str, pretrained_cfg: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The transform of one network.

    Args:
        name: in `TRANSFORMS`.
        pretrained_cfg: timm's configuration of the network's weights.
        overrides: of the network's constructor: ``img_size`` and ``in_chans`` set what it takes in. A network of one
            channel is given grey images, normalised by the mean over the colours' means.

    Returns:
        ``input_size``, ``interpolation``, ``crop_pct``, ``crop_mode``, ``mean``, ``std``.

    Raises:
        SuiteError: there is no such transform.
    """
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


@dataclass(frozen=True)
class Batch:
    """A piece of the chosen images.

    Attributes:
        pixels: ``[b, channels, H, W]`` of those that could be read, normalised; None where none could.
        kept: their places in the choice.
        skipped: place and reason of those that could not.
    """

    pixels: Tensor | None
    kept: list[int]
    skipped: list[tuple[int, str]]

    @property
    def end(self) -> int:
        """The place after the last image of this piece."""
        return 1 + max([*self.kept, *(place for place, _ in self.skipped)])


class _Rest(Dataset[tuple[Any, int, str]]):
    """The chosen images from one place on; timm's loader sets the transform."""

    def __init__(self, chosen: Choice, start: int, mode: str) -> None:
        self.chosen = chosen
        self.start = start
        self.mode = mode
        self.transform: Callable[[Image.Image], Tensor] | None = None

    def __len__(self) -> int:
        return len(self.chosen) - self.start

    def __getitem__(self, number: int) -> tuple[Any, int, str]:
        place = self.start + number
        assert self.transform is not None
        try:
            # timm's own data set replaces an image that it cannot read by the next one, which would count that twice
            image = self.chosen.source.picture(self.chosen.picked[place]).convert(self.mode)
        except MemoryError:
            raise
        except Exception as fault:  # noqa: BLE001 - what decoders raise at a broken file is of any type
            return None, place, one_line(fault)
        return self.transform(image), place, ""


def _collate(samples: list[tuple[Any, int, str]]) -> Batch:
    kept = [(pixels, place) for pixels, place, _ in samples if pixels is not None]
    return Batch(
        torch.stack([pixels for pixels, _ in kept]) if kept else None,
        [place for _, place in kept],
        [(place, reason) for pixels, place, reason in samples if pixels is None],
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
    """
    if start >= len(chosen):
        return
    mode = "L" if config["input_size"][0] == 1 else "RGB"
    yield from create_loader(
        _Rest(chosen, start, mode),  # type: ignore[arg-type]
        batch_size=batch,
        collate_fn=_collate,
        num_workers=0 if multiprocessing.current_process().daemon else workers,
        persistent_workers=False,
        use_prefetcher=False,
        **config,
    )
