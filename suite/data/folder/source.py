"""Data sets by name, read by timm's readers: images by number, with their class and a name of their own."""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from timm.data import create_dataset  # type: ignore[attr-defined]

from suite.errors import SuiteError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

STREAMS = ("hfids/", "tfds/", "wds/")


@dataclass(frozen=True)
class Source:
    """An open data set.

    Attributes:
        given: how it was asked for.
        classes: the class of each image, by name.
        names: a name of each image, unique within its class; the path below the root where there is one.
        content: number of an image -> its bytes as stored, or its pixels where nothing else is stored.
        picture: number of an image -> the image, not decoded yet where that can wait.
        files: the files whose size and time of change vouch for an image's content: one for each image, or the same
            few for all; empty where nothing does.
        one_each: whether ``files`` has one file for each image.
    """

    given: str
    classes: list[str]
    names: list[str]
    content: Callable[[int], bytes]
    picture: Callable[[int], Image.Image]
    files: list[Path]
    one_each: bool

    def __len__(self) -> int:
        return len(self.names)


def open_source(given: str, split: str = "validation") -> Source:
    """Open a data set; nothing of the images is read yet.

    Args:
        given: a folder with one folder for each class (or with such folders under ``validation`` or ``val``), a tar
            file of one, ``torch/NAME=FOLDER`` (a torchvision data set), or ``hfds/NAME`` (a data set of the hub,
            which the package ``datasets`` reads; ``hfds/NAME=FOLDER`` for its cache).
        split: the part of the data set, where it has parts.

    Raises:
        SuiteError: there is no such data set, it holds no images, or it is of a kind that can only be streamed.
    """
    if given.startswith(STREAMS):
        raise SuiteError(
            f"--images {given}: timm reads this kind as a stream, from which no image can be picked by number: give "
            "a folder, a .tar file, torch/NAME=FOLDER or hfds/NAME"
        )
    if given.startswith("hfds/") and find_spec("datasets") is None:
        raise SuiteError(f"--images {given}: timm reads it with a package that is missing: pip install datasets")
    name, root = _parts(given)
    try:
        data: Any = create_dataset(name, root=root, split=split)
        source = _of_reader(given, data.reader) if hasattr(data, "reader") else _of_torchvision(given, data)
    except Exception as fault:
        raise SuiteError(f"--images {given}: timm cannot read this data set ({one_line(fault)})") from fault
    if not len(source):
        raise SuiteError(f"--images {given} holds no images")
    return source


def _parts(given: str) -> tuple[str, str | None]:
    """Name and root as timm wants them."""
    if given.startswith(("torch/", "hfds/")) and not Path(given).exists():
        name, _, root = given.partition("=")
        return name, root or None
    return "", given


def _of_reader(given: str, reader: Any) -> Source:
    """What timm reads: folders, tar files, data sets of the hub."""

    def content(index: int) -> bytes:
        with reader[index][0] as stream:
            found: bytes = stream.read()
        return found

    def picture(index: int) -> Image.Image:
        return Image.open(io.BytesIO(content(index)))

    if hasattr(reader, "dataset"):  # of the hub
        labels = [_class(target) for target in reader.iter_targets()]
        within = bool(labels) and bool(reader.dataset[0][reader.image_key].get("bytes"))  # else: paths to other files
        files = [Path(file["filename"]) for file in reader.dataset.cache_files] if within else []
        names = [f"{index:08d}" for index in range(len(labels))]
        return Source(given, labels, names, content, picture, files, one_each=False)
    if hasattr(reader, "tar_state"):
        return _of_tar(given, reader)
    by_number = {number: name for name, number in reader.class_to_idx.items()}
    classes = [by_number[target] for _, target in reader.samples]
    files = [Path(path) for path, _ in reader.samples]
    return Source(given, classes, reader.filenames(), content, picture, files, one_each=True)


def _class(target: Any) -> str:
    """The name of a class that only has a number; names sort as numbers do."""
    return f"{int(target):05d}"


def _of_tar(given: str, reader: Any) -> Source:
    """A tar file whose members timm has found."""
    root = Path(reader.root)

    def content(index: int) -> bytes:
        # Through timm's reader all processes would share one open file, and move its one position for each other.
        member, _, inner = reader.samples[index]
        with root.open("rb") as stream:
            stream.seek(member.offset_data + (inner.offset_data if inner else 0))
            return stream.read(member.size)

    return Source(
        given,
        classes=[reader.class_idx_to_name[target] for target in reader.targets],
        names=[name.removeprefix("./") for name in reader.filenames()],
        content=content,
        picture=lambda index: Image.open(io.BytesIO(content(index))),
        files=[root],
        one_each=False,
    )


def _of_torchvision(given: str, data: Any) -> Source:
    """What torchvision reads: folders of files, or arrays in memory."""
    if hasattr(data, "samples"):
        wnids = getattr(data, "wnids", data.classes)  # its ImageNet calls its classes by words
        files = [Path(path) for path, _ in data.samples]
        classes = [str(wnids[target]) for _, target in data.samples]
        names = [f"{file.parent.name}/{file.name}" for file in files]
        return Source(
            given,
            classes,
            names,
            lambda index: files[index].read_bytes(),
            lambda index: Image.open(io.BytesIO(files[index].read_bytes())),
            files,
            one_each=True,
        )

    def picture(index: int) -> Image.Image:
        image: Image.Image = data[index][0]
        return image

    labels = [_class(target) for target in data.targets]
    names = [f"{index:08d}" for index in range(len(labels))]
    return Source(given, labels, names, lambda index: picture(index).tobytes(), picture, [], one_each=False)
