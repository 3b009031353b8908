"""The parts of a data set that a training needs: training and validation images of the same classes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from suite.data.choice import chosen_classes, content_of
from suite.data.digests import DIGITS, remembered_each
from suite.data.source import FOLDERS, STREAMS, Source, located, open_source
from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTS = ("train", "validation")
IMAGENET, IMAGENET_CLASSES = (1_281_167, 50_000), 1000


class ImageSets:
    """Training and validation images of a profile's ``[data]`` section.

    Attributes:
        train: the training images.
        validation: the validation images.
        names: the classes in the order of their labels, the same in both.
        classes: how many.
    """

    def __init__(self, spec: Mapping[str, Any], root: str) -> None:
        """Open both.

        Args:
            spec: ``source`` (``folder`` or a timm data set such as ``torch/cifar100``), ``classes`` (optional).
            root: the folder; empty where the source needs none.

        Raises:
            SuiteError: images are missing, tell no classes, or the two splits name different classes.
        """
        asked = spec.get("classes")
        train, validation = opened(spec["source"], root)
        self.names = chosen_classes(train.class_names, asked)
        kept = set(self.names)
        if asked is None:
            strange = set(validation.class_names) ^ kept
            if strange:
                raise SuiteError(f"training and validation images differ in classes: {', '.join(sorted(strange)[:3])}")
        self.train = _ordered(train, self.names, kept)
        self.validation = _ordered(validation, self.names, kept)
        self.classes = len(self.names)

    def described(self) -> str:
        """``N images of M classes from PATH`` of both parts."""
        return f"train: {self.train.described()}; validation: {self.validation.described()}"


def _ordered(source: Source, names: list[str], kept: set[str]) -> Source:
    """The images of some classes, labelled in the order of these names."""
    if names == source.class_names:
        return source
    chosen = [index for index, name in enumerate(source.classes) if name in kept]
    return replace(
        source,
        classes=[source.classes[index] for index in chosen],
        names=[source.names[index] for index in chosen],
        content=lambda index: source.content(chosen[index]),
        decode=lambda index, stored: source.decode(chosen[index], stored),
        files=[source.files[index] for index in chosen] if source.one_each else source.files,
        order=tuple(names),
    )


@cache
def opened(source: str, root: str) -> tuple[Source, Source]:
    """Training and validation images; a process lists them once.

    Raises:
        SuiteError: one of them is not there, or its classes are not known.
    """
    given = located(source, root)
    if not given:
        raise SuiteError("no training images given: pass --images DIR")
    parts = tuple(open_source(given, part) for part in PARTS)
    for part, found in zip(PARTS, parts, strict=True):
        if not found.classified:
            raise SuiteError(f"the {part} images, {found.described()}: put them into class folders")
    return parts[0], parts[1]


@cache
def is_imagenet(source: str, root: str) -> bool:
    """Whether there are as many training and validation images, of as many classes, as in ImageNet-1k."""
    if located(source, root).startswith(STREAMS):
        return False
    parts = opened(source, root)
    return tuple(map(len, parts)) == IMAGENET and len(parts[0].class_names) == IMAGENET_CLASSES


@cache
def digest(source: str, root: str) -> str:
    """What tells these images from others, 16 hexadecimal digits.

    Of both parts: name and class of every image, and the content of the first of each class, which tells originals
    from resized copies. The others are not read: ImageNet has 150 GB of them.
    """
    total = hashlib.sha256(("folder" if source in FOLDERS else source).encode())
    for part, found in zip(PARTS, opened(source, root), strict=True):
        first: dict[str, int] = {}
        for index, (name, of) in enumerate(zip(found.names, found.classes, strict=True)):
            total.update(f"{part}/{name}:{of};".encode())
            first.setdefault(of, index)
        total.update(";".join(_contents(found, list(first.values()))).encode())
    return total.hexdigest()[:DIGITS]


def _contents(source: Source, picked: list[int]) -> list[str]:
    files = [source.files[index] for index in picked] if source.one_each else source.files
    said = [source.names[index] for index in picked]
    return remembered_each(said, files, lambda: [content_of(source, index) for index in picked])
