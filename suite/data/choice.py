"""Which images of a data set are measured: the samples of the papers, by name, and the digest of what they hold."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from suite.data.digests import DIGITS, remembered_each
from suite.data.listing import synsets
from suite.data.pictures import Unreadable, gone
from suite.data.source import HUB_IMAGENET, Source, counted, open_source
from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ONE_BATCH = 32
FEWEST = 2
VALIDATION_FILE = re.compile(r"(.*/)?ILSVRC2012_val_\d{8}\.JPEG")
VALIDATION_IMAGES = 50_000
UNREADABLE = "unreadable"  # instead of a digest of what is no image's file, and never was since it was listed


@dataclass(frozen=True, eq=False)
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

    def described(self) -> str:
        """``N images of M classes from PATH``, of those chosen, and what was left out of the data set."""
        classes = len(set(self.classes)) if self.source.classified else 0
        return counted(len(self), classes, self.source.where, self.source.left_out)

    def contents(self) -> list[str]:
        """Digest of the bytes of each image, or :data:`UNREADABLE`.

        Remembered in the user's cache folder as long as no file changes its size or time of change.

        Raises:
            ImagesChanged: a file that was there when the folder was listed cannot be read now.
        """
        source = self.source
        said = [f"{name}\n{of}" for name, of in zip(self.names, self.classes, strict=True)]
        files = [source.files[index] for index in self.picked] if source.one_each else source.files
        return remembered_each(said, files, lambda: [content_of(source, index) for index in self.picked])


def _by_class(source: Source) -> list[list[int]]:
    """The images of each class sorted by name, classes sorted by theirs: ImageFolder's order for equal folders.

    Raises:
        SuiteError: nothing tells the classes.
    """
    if not source.classified:
        raise SuiteError(
            f"{source.described()}: put them into class folders (valprep.sh does so for ImageNet's validation images), "
            'or measure them all with preset = "all" in [data]'
        )
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
    """Every image, class by class where classes are known."""
    if not source.classified:
        return sorted(range(len(source)), key=lambda index: source.names[index])
    return [index for images in _by_class(source) for index in images]


PRESETS: dict[str, Callable[[Source], list[int]]] = {
    "first_of_each_class": first_of_each_class,
    "first_class_32": first_class_32,
    "all": all_images,
}


def choose(given: str, spec: Mapping[str, Any]) -> Choice:
    """Choose images of a data set.

    Args:
        given: the data set, see :func:`suite.data.source.open_source`.
        spec: the profile's data section: ``preset`` (a name in `PRESETS`), ``limit`` (optional, at most so many of
            them, from the first on), ``split`` (optional, ``validation``), ``classes`` (optional: these alone).

    Raises:
        SuiteError: there is no such data set or preset, or it holds no images.
    """
    classes = spec.get("classes")
    asked = tuple(classes) if isinstance(classes, list | tuple) else classes
    return _choose(given, spec["preset"], spec.get("limit"), spec.get("split", "validation"), asked)


@cache
def _choose(
    given: str, preset: str, limit: int | None, split: str, classes: tuple[str, ...] | int | None = None
) -> Choice:
    if preset not in PRESETS:
        raise SuiteError(f"no preset {preset!r} of images: choose from {', '.join(PRESETS)}")
    if limit is not None and (type(limit) is not int or limit < 1):
        raise SuiteError(f"limit = {limit!r} images: give a whole number of at least 1")
    source = open_source(given, split)
    picked = PRESETS[preset](source)
    if classes is not None:
        wanted = set(chosen_classes(source.class_names, classes))
        picked = [index for index in picked if source.classes[index] in wanted]
    return Choice(source, tuple(picked[:limit]), preset)


def require_several(chosen: Choice) -> None:
    """Refuse a choice of one image: measurements compare images.

    Raises:
        SuiteError: there is one, or none.
    """
    if len(chosen) < FEWEST:
        raise SuiteError(
            f"{chosen.described()}, by preset = {chosen.preset!r}: too few to compare; give class folders with "
            'more, or preset = "all" in [data]'
        )


def chosen_classes(names: Sequence[str], asked: Sequence[str] | int | None) -> list[str]:
    """Some of the classes: by name, or N of them at even distances in their order.

    Raises:
        SuiteError: a class is not there.
    """
    if asked is None:
        return list(names)
    if isinstance(asked, int):
        if not 1 <= asked <= len(names):
            raise SuiteError(
                f"{asked} classes are asked for and the images have {len(names)}: mend classes in [data], or give "
                "--images DIR with more"
            )
        return [names[number * len(names) // asked] for number in range(asked)]
    missing = [name for name in asked if name not in names]
    if missing:
        raise SuiteError(f"the images have no class {', '.join(missing[:3])}: mend classes in [data]")
    return list(asked)


def content_of(source: Source, index: int) -> str:
    """Digest of an image's bytes, or :data:`UNREADABLE`.

    Raises:
        ImagesChanged: its file was there when it was listed, and cannot be read now.
    """
    try:
        return hashlib.sha256(source.content(index)).hexdigest()
    except Unreadable:
        return UNREADABLE
    except OSError as fault:
        raise gone(source.names[index], source.where, fault) from fault


def digest(given: str, spec: Mapping[str, Any]) -> str:
    """:func:`content_digest` of a choice; a process asks it once."""
    return _digest(choose(given, spec))


@cache
def _digest(chosen: Choice) -> str:
    return content_digest(chosen)


def content_digest(chosen: Choice) -> str:
    """Digest of names, classes and content of the chosen images, in order; 16 hexadecimal digits.

    An image that cannot be read is part of it as such, and is skipped when the images are measured.
    """
    total = hashlib.sha256()
    for name, of, content in zip(chosen.names, chosen.classes, chosen.contents(), strict=True):
        total.update(f"{name}\n{of}\n{content}\n".encode())
    return total.hexdigest()[:DIGITS]


def is_imagenet_validation(chosen: Choice) -> bool:
    """Whether these are the papers' images: the preset's share of ImageNet-1k's validation set.

    Told by their names, and by their sizes: the originals differ in size, copies that were resized or corrupted do not.
    """
    if chosen.source.given.partition("=")[0] in HUB_IMAGENET:
        return len(chosen.source) == VALIDATION_IMAGES
    if not all(VALIDATION_FILE.fullmatch(name) for name in chosen.names):
        return False
    wnids = sorted(synsets())
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
