"""Which images of a data set are measured: the samples of the papers, by name, and the digest of their content."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from suite.data.folder.digests import DIGITS, remembered
from suite.data.folder.source import Source, open_source
from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping

ONE_BATCH = 32
VALIDATION_FILE = re.compile(r"(.*/)?ILSVRC2012_val_\d{8}\.JPEG")
OF_THE_HUB = ("hfds/ILSVRC/imagenet-1k", "hfds/imagenet-1k")
VALIDATION_IMAGES = 50_000


@dataclass(frozen=True)
class Choice:
    """Chosen images of a data set, in the order in which they are measured.

    Attributes:
        source: the data set.
        picked: their numbers in it.
        preset: how they were chosen.
    """

    source: Source
    picked: tuple[int, ...]
    preset: str

    def __len__(self) -> int:
        return len(self.picked)

    @property
    def names(self) -> list[str]:
        """A name of each image."""
        return [self.source.names[index] for index in self.picked]

    @property
    def classes(self) -> list[str]:
        """The class of each image."""
        return [self.source.classes[index] for index in self.picked]


def _by_class(source: Source) -> list[list[int]]:
    """The images of each class sorted by name, classes sorted by theirs: ImageFolder's order for equal folders."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(source.classes):
        found[name].append(index)
    return [sorted(found[name], key=lambda index: source.names[index]) for name in sorted(found)]


def first_of_each_class(source: Source) -> list[int]:
    """The first file, by sorted name, of every class: 1,000 images of ImageNet's validation set.

    The sample of Encoding Mismatch, arXiv 2511.15572 (its ``prepare_dataset.py``).
    """
    return [images[0] for images in _by_class(source)]


def first_class_32(source: Source) -> list[int]:
    """The first 32 files of the first class: what an unshuffled loader's first batch of 32 holds.

    The sample of Distillation Dynamics, arXiv 2511.06848, as its code takes it (``ImageFolder``, ``shuffle=False``,
    first batch): 32 images of one class, of 50.
    """
    return _by_class(source)[0][:ONE_BATCH]


def all_images(source: Source) -> list[int]:
    """Every image, class by class."""
    return [index for images in _by_class(source) for index in images]


PRESETS = {"first_of_each_class": first_of_each_class, "first_class_32": first_class_32, "all": all_images}


def choose(given: str, spec: Mapping[str, Any]) -> Choice:
    """Choose images of a data set.

    Args:
        given: the data set, see :func:`suite.data.folder.source.open_source`.
        spec: the profile's data section: ``preset`` (a name in `PRESETS`), ``limit`` (optional, at most so many of
            them, from the first on), ``split`` (optional, ``validation``).

    Raises:
        SuiteError: there is no such data set or preset, or it holds no images.
    """
    return _choose(given, spec["preset"], spec.get("limit"), spec.get("split", "validation"))


@cache
def _choose(given: str, preset: str, limit: int | None, split: str) -> Choice:
    if preset not in PRESETS:
        raise SuiteError(f"no preset {preset!r} of images: choose from {', '.join(PRESETS)}")
    if limit is not None and limit < 1:
        raise SuiteError(f"limit = {limit} images: give at least 1")
    source = open_source(given, split)
    return Choice(source, tuple(PRESETS[preset](source)[:limit]), preset)


@cache
def _digest(given: str, preset: str, limit: int | None, split: str) -> str:
    chosen = _choose(given, preset, limit, split)
    return content_digest(chosen)


def digest(given: str, spec: Mapping[str, Any]) -> str:
    """:func:`content_digest` of a choice; a process asks it once."""
    return _digest(given, spec["preset"], spec.get("limit"), spec.get("split", "validation"))


def content_digest(chosen: Choice) -> str:
    """Digest of names, classes and content of the chosen images, in order; 16 hexadecimal digits.

    Remembered in the user's cache folder as long as no file changes its size or time of change. An image that
    cannot be read is part of it as such, and is skipped when the images are measured.
    """
    source = chosen.source
    said = [f"{name}\n{of}" for name, of in zip(chosen.names, chosen.classes, strict=True)]

    def compute() -> str:
        total = hashlib.sha256()
        for text, index in zip(said, chosen.picked, strict=True):
            total.update(f"{text}\n{_content(source, index)}\n".encode())
        return total.hexdigest()[:DIGITS]

    files = [source.files[index] for index in chosen.picked] if source.one_each else source.files
    return remembered(said, files, compute)


def _content(source: Source, index: int) -> str:
    try:
        return hashlib.sha256(source.content(index)).hexdigest()
    except OSError:
        return "unreadable"


def is_imagenet_validation(chosen: Choice) -> bool:
    """Whether these are the papers' images: the preset's share of ImageNet-1k's validation set.

    Told by their names, and by their sizes: the originals differ in size, copies that were resized or corrupted do not.
    """
    from timm.data import ImageNetInfo  # type: ignore[attr-defined]  # noqa: PLC0415 - reads a table of classes

    if chosen.source.given in OF_THE_HUB:
        return len(chosen.source) == VALIDATION_IMAGES
    if not all(VALIDATION_FILE.fullmatch(name) for name in chosen.names):
        return False
    wnids: list[str] = sorted(ImageNetInfo("imagenet-1k").label_names())  # type: ignore[no-untyped-call]
    if chosen.preset == "first_class_32":
        named = chosen.classes == [wnids[0]] * ONE_BATCH
    else:
        named = sorted(set(chosen.classes)) == wnids
    return named and _differ_in_size(chosen)


def _differ_in_size(chosen: Choice) -> bool:
    """Whether some of the images, at even distances, have different widths or heights."""
    sizes = set()
    for index in chosen.picked[:: max(1, len(chosen) // ONE_BATCH)]:
        try:
            with chosen.source.picture(index) as image:
                sizes.add(image.size)
        except (OSError, SyntaxError):  # no image at all: it is named and skipped when it is measured
            continue
    return len(sizes) > 1
