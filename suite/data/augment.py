"""Views of images: random ones for training, a function of seed, epoch and place alone; still ones for evaluation."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch
from PIL import ImageOps
from timm.data import create_transform  # type: ignore[attr-defined]
from torch.utils.data import Dataset

from suite.data.loader import three
from suite.data.pictures import ImagesChanged, in_mode, reason
from suite.errors import SuiteError
from suite.seeding import drawing_from, mixed_seed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import Image

    from suite.data.source import Source
    from suite.train.order import View

Item = tuple[torch.Tensor, int]
UNREADABLE = -1  # the label of a validation image that cannot be decoded: no network is ever right about it
TRIES = 10  # images in a row that may be broken before a training gives up

log = logging.getLogger(__name__)


class Views(Dataset[Item]):
    """Training images, asked by :class:`suite.train.order.View`: ``[channels, H, W]``, normalised, and label.

    An image that cannot be decoded is replaced by the next one that can, with that one's label, and named in the log:
    one broken file in a million must not end weeks of training.
    """

    def __init__(self, images: Source, data: Mapping[str, Any], augmentation: Mapping[str, Any], seed: int) -> None:
        """Make timm's training transform.

        Args:
            images: the training images.
            data: ``size``, ``mean``, ``std``, ``interpolation``.
            augmentation: timm's names: ``auto_augment``, ``color_jitter``, ``hflip``, ``scale``, ``re_prob``, ...
            seed: the block's.
        """
        self._images, self._seed = images, seed
        chosen: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in augmentation.items()}
        self._transform = create_transform(
            (3, data["size"], data["size"]),
            is_training=True,
            mean=three(data["mean"]),
            std=three(data["std"]),
            interpolation=data["interpolation"],
            **chosen,
        )
        _keep_no_bits(self._transform)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, view: View) -> Item:
        """One view; the same view is the same tensor in every process.

        Raises:
            ImagesChanged: a file cannot be read any more.
            SuiteError: many images in a row cannot be decoded.
        """
        with drawing_from(mixed_seed(self._seed, 2, view.epoch, view.place)):
            image, number = self._readable(view.image)
            return self._transform(image), self._images.labels[number]

    def _readable(self, number: int) -> tuple[Image.Image, int]:
        said = ""
        for _ in range(TRIES):
            try:
                return decoded(self._images, number), number
            except ImagesChanged:
                raise
            except (OSError, SyntaxError, ValueError) as fault:
                said = f"{self._images.names[number]}: {reason(fault)}"
                log.warning("replaced by the next image: %s", said)
            number = (number + 1) % len(self._images)
        raise SuiteError(f"{TRIES} images in a row of {self._images.where} cannot be decoded; {said}")


class Still(Dataset[Item]):
    """Validation images with timm's evaluation transform, by number.

    An image that cannot be decoded is black and has the label :data:`UNREADABLE`: it is never replaced by another,
    and counts as one that no network recognises.
    """

    def __init__(self, images: Source, data: Mapping[str, Any], *, as_bytes: bool = False) -> None:
        """Resize so that the crop is ``crop_pct`` of the shorter side, crop the centre.

        Args:
            images: the validation images.
            data: ``size``, ``mean``, ``std``, ``interpolation``, ``crop_pct``.
            as_bytes: leave scaling and normalising to :func:`suite.data.loader.on_device`: a quarter of the memory
                and of what crosses to a GPU.
        """
        self._images, self._size = images, data["size"]
        self._transform = create_transform(
            (3, data["size"], data["size"]),
            is_training=False,
            mean=three(data["mean"]),
            std=three(data["std"]),
            interpolation=data["interpolation"],
            crop_pct=data["crop_pct"],
            use_prefetcher=as_bytes,
        )
        self._as_bytes = as_bytes

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, number: int) -> Item:
        """One image ``[3, H, W]`` and its label.

        Raises:
            ImagesChanged: its file cannot be read any more.
        """
        try:
            image = self._transform(decoded(self._images, number))
        except ImagesChanged:
            raise
        except (OSError, SyntaxError, ValueError) as fault:
            log.warning("counted as not recognised: %s: %s", self._images.names[number], reason(fault))
            shape = (3, self._size, self._size)
            return torch.zeros(shape, dtype=torch.uint8 if self._as_bytes else torch.float32), UNREADABLE
        return torch.as_tensor(image), self._images.labels[number]


def decoded(images: Source, number: int) -> Image.Image:
    """An image in three colours.

    Raises:
        ImagesChanged: its file cannot be read now.
        Unreadable, OSError, SyntaxError, ValueError: it holds no image that can be decoded.
    """
    return in_mode(images.picture(number), "RGB")


def _keep_no_bits(transform: Any) -> None:
    """Let RandAugment's posterising keep 0 bits, which it draws now and then and newer Pillows refuse."""
    for part in transform.transforms:
        for drawn in getattr(part, "ops", ()):
            if getattr(drawn.aug_fn, "__name__", "") == "posterize":
                drawn.aug_fn = _posterise


def _posterise(image: Any, bits: int, **_: Any) -> Any:
    """Keep the upper bits of every channel; none of them leaves black, as it did when the papers were trained."""
    if bits >= 8:
        return image
    return ImageOps.posterize(image, bits) if bits >= 1 else image.point([0] * 256 * len(image.getbands()))
