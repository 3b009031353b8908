"""Training and validation images on disk, read by timm: folders, tar files, torchvision and Hugging Face data sets.

A view of an image depends on the block's seed, the epoch and the view's place in it, never on the process or the
worker that makes it.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import ImageOps
from timm.data import create_dataset, create_transform  # type: ignore[attr-defined]
from timm.data.readers.img_extensions import get_img_extensions
from torch.utils.data import DataLoader, Dataset

from suite.errors import SuiteError
from suite.seeding import drawing_from, mixed_seed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from suite.train.order import View

FOLDER = "folder"
STREAMS = ("wds/", "hfids/", "tfds/")  # read in one order only
NAMED = ("torch/", "hfds/", *STREAMS)
SYNONYMS = {"train": ("train", "training"), "validation": ("validation", "val", "valid", "test")}
IMAGENET, IMAGENET_CLASSES = [1_281_167, 50_000], 1000

Item = tuple[torch.Tensor, int]


def located(source: str, images: str) -> tuple[str, str]:
    """Source and root of what was given: a folder for the profile's source, or ``torch/NAME=FOLDER``, ``hfds/NAME``."""
    if not images.startswith(NAMED):
        return source, images
    name, _, root = images.partition("=")
    return name, root


def _part(root: Path, split: str) -> Path:
    """The sub-folder or tar file of a split."""
    for name in SYNONYMS[split]:
        for path in (root / name, root / f"{name}.tar"):
            if path.exists():
                return path
    raise SuiteError(
        f"{root} has no {split} images: put class folders (or a .tar of them) under "
        f"{' or '.join(str(root / name) for name in SYNONYMS[split][:2])}"
    )


def _open(source: str, root: str, split: str, class_map: dict[str, int] | None = None) -> Any:
    """The data set of a split as timm reads it, without any transform.

    Raises:
        SuiteError: it is not there, or can only be read in one order.
    """
    if source.startswith(STREAMS):
        raise SuiteError(
            f"{source} can only be streamed, and a step's images are asked for by number: give a folder, tar files, "
            "torch/NAME or hfds/NAME"
        )
    try:
        if source == FOLDER:
            chosen: dict[str, Any] = {} if class_map is None else {"class_map": class_map}
            return create_dataset("", root=str(_part(Path(root), split)), search_split=False, **chosen)
        return create_dataset(source, root=root or None, split=split)
    except SuiteError:
        raise
    except Exception as fault:
        text = " ".join(str(fault).split())
        raise SuiteError(f"the {split} images of {source} {root} cannot be opened: {text}") from fault


def class_names(dataset: Any) -> list[str]:
    """Names of the classes in the order of their labels.

    Raises:
        SuiteError: the data set does not tell.
    """
    for place in (getattr(dataset, "reader", None), dataset):
        for name in ("class_to_idx", "class_name_to_idx"):  # the latter in tar files
            known = getattr(place, name, None)
            if known:
                return sorted(known, key=known.__getitem__)
    raise SuiteError("these images do not tell the names of their classes: give class folders")


def chosen_classes(names: Sequence[str], asked: Sequence[str] | int | None) -> list[str]:
    """Some of the classes: by name, or N of them at even distances in their order.

    Raises:
        SuiteError: a class is not there.
    """
    if asked is None:
        return list(names)
    if isinstance(asked, int):
        if not 1 <= asked <= len(names):
            raise SuiteError(f"{asked} classes are asked for and the training images have {len(names)}")
        return [names[number * len(names) // asked] for number in range(asked)]
    missing = [name for name in asked if name not in names]
    if missing:
        raise SuiteError(f"the training images have no class {', '.join(missing[:3])}: mend classes in [data]")
    return list(asked)


class ImageSets:
    """Training and validation images of a profile's ``[data]`` section."""

    def __init__(self, spec: Mapping[str, Any], root: str) -> None:
        """Open both.

        Args:
            spec: ``source`` (``folder`` or a timm data set such as ``torch/cifar100``), ``classes`` (optional).
            root: the folder; empty where the source needs none.

        Raises:
            SuiteError: images are missing, or the two splits name different classes.
        """
        source, asked = spec["source"], spec.get("classes")
        self.train = _open(source, root, "train")
        names = class_names(self.train)
        if asked is not None and source != FOLDER:
            raise SuiteError(f"classes can be chosen from class folders only, not from {source}")
        chosen = chosen_classes(names, asked)
        mapping = {name: number for number, name in enumerate(chosen)} if source == FOLDER else None
        if asked is not None:
            self.train = _open(source, root, "train", mapping)
        self.validation = _open(source, root, "validation", mapping)
        if mapping is not None:
            seen = class_names(_open(source, root, "validation")) if asked is None else chosen
            strange = set(seen) ^ set(chosen)
            if strange:
                raise SuiteError(f"training and validation images differ in classes: {', '.join(sorted(strange)[:3])}")
        self.names = chosen
        self.classes = len(chosen)


class Views(Dataset[Item]):
    """The training set, asked by :class:`suite.train.order.View`: image ``[channels, H, W]``, normalised, and label."""

    def __init__(self, images: Any, data: Mapping[str, Any], augmentation: Mapping[str, Any], seed: int) -> None:
        """Make timm's training transform.

        Args:
            images: timm's data set.
            data: ``size``, ``mean``, ``std``, ``interpolation``.
            augmentation: timm's names: ``auto_augment``, ``color_jitter``, ``hflip``, ``scale``, ``re_prob``, ...
            seed: the block's.
        """
        self._images, self._seed = images, seed
        chosen: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in augmentation.items()}
        self._transform = create_transform(
            (3, data["size"], data["size"]),
            is_training=True,
            mean=_three(data["mean"]),
            std=_three(data["std"]),
            interpolation=data["interpolation"],
            **chosen,
        )
        _keep_no_bits(self._transform)

    def __getitem__(self, view: View) -> Item:
        """One view; the same view is the same tensor in every process."""
        with drawing_from(mixed_seed(self._seed, 2, view.epoch, view.place)):
            image, label = _read(self._images, view.image)
            return self._transform(image), int(label)


class Still(Dataset[Item]):
    """The validation set with timm's evaluation transform."""

    def __init__(self, images: Any, data: Mapping[str, Any]) -> None:
        """Resize so that the crop is ``crop_pct`` of the shorter side, crop the centre."""
        self._images = images
        self._transform = create_transform(
            (3, data["size"], data["size"]),
            is_training=False,
            mean=_three(data["mean"]),
            std=_three(data["std"]),
            interpolation=data["interpolation"],
            crop_pct=data["crop_pct"],
        )

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, number: int) -> Item:
        """One image and its label."""
        image, label = _read(self._images, number)
        return self._transform(image), int(label)


def _read(images: Any, number: int) -> tuple[Any, Any]:
    """An image and its label; timm skips one that cannot be decoded, and leaves closing files to Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        image, label = images[number]
    return image, label


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


def _three(value: float | Sequence[float]) -> tuple[float, ...]:
    return (float(value),) * 3 if isinstance(value, int | float) else tuple(value)


def loading_workers(asked: int | None, processes: int) -> int:
    """Worker processes of a loader: as asked, else a share of the cores; none inside a worker of the program."""
    if multiprocessing.current_process().daemon:  # which may have no children
        return 0
    return asked if asked is not None else max(0, (os.cpu_count() or 1) // processes - 1)


def loader(dataset: Dataset[Item], batches: Iterable[Sequence[Any]], *, workers: int, device: str) -> DataLoader[Any]:
    """Batches ``[B, channels, H, W]`` and ``[B]`` of the items that ``batches`` names."""
    return DataLoader(
        dataset,
        batch_sampler=batches,  # type: ignore[arg-type]
        num_workers=workers,
        pin_memory=device == "cuda",
        generator=torch.Generator(),  # the loader draws a seed, which nothing here uses, not from the global one
    )


@cache
def is_imagenet(source: str, root: str) -> bool:
    """Whether there are as many training and validation images, of as many classes, as in ImageNet-1k."""
    if source.startswith(STREAMS):
        return False
    parts = [_open(source, root, split) for split in SYNONYMS]
    return [len(part) for part in parts] == IMAGENET and len(class_names(parts[0])) == IMAGENET_CLASSES


@cache
def digest(source: str, root: str) -> str:
    """What tells these images from others, 16 hexadecimal digits.

    Of a folder: the name of every image, and the size in bytes of the first of each class (which tells originals from
    resized copies). The pixels themselves are not read: ImageNet has 150 GB of them. Of any other source: its name
    and the number of its images.
    """
    total = hashlib.sha256(source.encode())
    for split in SYNONYMS:
        path = _part(Path(root), split) if source == FOLDER else None
        if path is None:
            total.update(f"{split}:{len(_open(source, root, split))};".encode())
        elif path.is_file():
            total.update(f"{split}:{path.stat().st_size};".encode())
        else:
            _add_folder(total, path, split)
    return total.hexdigest()[:16]


def _add_folder(total: Any, path: Path, split: str) -> None:
    known = tuple(get_img_extensions())  # type: ignore[no-untyped-call]
    for folder, below, files in os.walk(path, followlinks=True):
        below.sort()
        names = sorted(name for name in files if name.lower().endswith(known))
        if names:
            size = (Path(folder) / names[0]).stat().st_size
            total.update(f"{split}/{os.path.relpath(folder, path)}:{size}:{'/'.join(names)};".encode())
