"""Images by number, with class and name: of folders, tar files, torchvision's and the hub's data sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timm.data import create_dataset  # type: ignore[attr-defined]

from suite.data.listing import Listing, listed, natural, printable, synsets
from suite.data.pictures import opened, or_gone, read_file, read_part
from suite.errors import SuiteError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PIL import Image

FOLDERS = ("folder", "images")  # what profiles call a folder (or tar file) that is given by --images
NAMED = ("torch/", "hfds/")
STREAMS = ("hfids/", "tfds/", "wds/")  # read in one order only
HUB_IMAGENET = ("hfds/ILSVRC/imagenet-1k", "hfds/imagenet-1k")  # whose numbers are in the order of ImageNet's heads


@dataclass(frozen=True, eq=False)
class Source:
    """An open data set: one part (training, validation...) of it.

    Attributes:
        given: how it was asked for.
        where: where this part lies, for people.
        classes: the class of each image, by name; empty text where nothing tells.
        names: a name of each image; the path below the root where there is one. Printable.
        content: number of an image -> its bytes as stored, or its pixels where nothing else is stored.
        decode: number and bytes of an image -> the image, not decoded yet where that can wait.
        files: the files whose size and time of change vouch for an image's content: one for each image, or the same
            few for all; empty where nothing does.
        one_each: whether ``files`` has one file for each image.
        left_out: how many files are none of the images, by kind.
        order: the classes in the order of their labels, where it is not that of their names.
    """

    given: str
    where: str
    classes: list[str]
    names: list[str]
    content: Callable[[int], bytes]
    decode: Callable[[int, bytes], Image.Image]
    files: list[Path]
    one_each: bool
    left_out: Mapping[str, int] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def class_names(self) -> list[str]:
        """Every class once, in the order of labels: ``cat9`` before ``cat10``."""
        return list(self.order) or sorted(set(self.classes), key=natural)

    @cached_property
    def labels(self) -> list[int]:
        """The class of each image, by number."""
        number = {name: index for index, name in enumerate(self.class_names)}
        return [number[name] for name in self.classes]

    @property
    def classified(self) -> bool:
        """Whether the classes are known."""
        return self.class_names != [""]

    def picture(self, index: int) -> Image.Image:
        """An image by its number, not decoded yet where that can wait.

        Raises:
            Unreadable: there is none in its file.
            ImagesChanged: its file cannot be read now.
        """
        return self.decode(index, or_gone(lambda: self.content(index), self.names[index], self.where))

    def described(self) -> str:
        """``N images of M classes from PATH``, and what was left out."""
        return counted(len(self), len(self.class_names) if self.classified else 0, self.where, self.left_out)


def counted(images: int, classes: int, where: str, left_out: Mapping[str, int] | None = None) -> str:
    """``1,000 images of 1,000 classes from PATH (left out: 3 .webp)``."""
    of = f" of {classes:,} class{'' if classes == 1 else 'es'}" if classes else " (classes unknown)"
    beside = ", ".join(f"{count:,} {kind}" for kind, count in sorted((left_out or {}).items()))
    return f"{images:,} image{'' if images == 1 else 's'}{of} from {where}" + (
        f" (left out: {beside})" if beside else ""
    )


def located(source: str, given: str) -> str:
    """The data set that a profile's source and ``--images`` name together.

    Args:
        source: of the profile: ``folder``, or a data set of timm's (``torch/cifar100``).
        given: a folder or tar file for the profile's source; or another one (``torch/NAME=FOLDER``, ``hfds/NAME``).

    Returns:
        what :func:`open_source` takes; empty if a folder is needed and none was given.
    """
    if given.startswith((*NAMED, *STREAMS)) and not Path(given).exists():
        return given
    if source in FOLDERS:
        return given
    return f"{source}={given}" if given else source


def named(source: str, given: str) -> str:
    """The name of a data set without the place where this machine keeps it: what a cell may say of it."""
    found = located(source, given)
    if found.startswith(NAMED) and not Path(found).exists():
        return found.partition("=")[0]
    return source


def open_source(given: str, split: str = "validation") -> Source:
    """Open a part of a data set; nothing of the images is read yet.

    Args:
        given: a folder or tar file (:func:`suite.data.listing.listed` names the layouts), ``torch/NAME=FOLDER`` (a
            torchvision data set), or ``hfds/NAME`` (a data set of the hub, which the package ``datasets`` reads;
            ``hfds/NAME=FOLDER`` for its cache).
        split: ``train``, ``validation`` or ``test``, or what the data set calls it.

    Raises:
        SuiteError: there is no such data set, it holds no images, or it is of a kind that can only be streamed.
    """
    if given.startswith(STREAMS):
        raise SuiteError(
            f"--images {given}: timm reads this kind as a stream, from which no image can be picked by number: give "
            "a folder, a .tar file, torch/NAME=FOLDER or hfds/NAME"
        )
    if not given.startswith(NAMED) or Path(given).exists():
        try:
            return _of_listing(given, listed(Path(given), split))
        except SuiteError as fault:
            raise SuiteError(f"--images {given}: {fault}") from fault
    if given.startswith("hfds/") and find_spec("datasets") is None:
        raise SuiteError(f"--images {given}: timm reads it with a package that is missing: pip install datasets")
    name, _, root = given.partition("=")
    if given.startswith("torch/") and not root:
        raise SuiteError(f"the {split} images of {given} need a folder: pass --images {given}=FOLDER")
    try:
        data: Any = create_dataset(name, root=root or None, split=split)
        source = _of_hub(given, data.reader) if hasattr(data, "reader") else _of_torchvision(given, data)
    except Exception as fault:
        raise SuiteError(
            f"--images {given}: timm cannot read the {split} images of this data set ({one_line(fault)})"
        ) from fault
    if not len(source):
        raise SuiteError(f"--images {given} holds no images")
    return source


def _of_listing(given: str, found: Listing) -> Source:
    """Folders and tar files."""
    root, places = str(found.root), found.places

    def content(index: int) -> bytes:
        return read_part(*places[index]) if places else read_file(f"{root}/{found.files[index]}")

    packed = sorted({place[0] for place in places})
    return Source(
        given,
        root,
        classes=found.classes,
        names=[printable(name) for name in found.files],
        content=content,
        decode=lambda _, stored: opened(stored),
        files=[Path(name) for name in packed] if places else [found.root / name for name in found.files],
        one_each=not places,
        left_out=found.left_out,
    )


def _of_hub(given: str, reader: Any) -> Source:
    """A data set of the hub, as timm reads it."""

    def content(index: int) -> bytes:
        with reader[index][0] as stream:
            found: bytes = stream.read()
        return found

    labels = [_class(target) for target in reader.iter_targets()]
    if given.partition("=")[0] in HUB_IMAGENET:
        labels = [synsets()[int(label)] for label in labels]
    within = bool(labels) and bool(reader.dataset[0][reader.image_key].get("bytes"))  # else: paths to other files
    files = [Path(file["filename"]) for file in reader.dataset.cache_files] if within else []
    names = [f"{index:08d}" for index in range(len(labels))]
    return Source(given, given, labels, names, content, lambda _, stored: opened(stored), files, one_each=False)


def _class(target: Any) -> str:
    """The name of a class that only has a number; names sort as numbers do."""
    return f"{int(target):05d}"


def _of_torchvision(given: str, data: Any) -> Source:
    """What torchvision reads: folders of files, or arrays in memory."""
    if hasattr(data, "samples"):
        wnids = getattr(data, "wnids", data.classes)  # its ImageNet calls its classes by words
        files = [Path(path) for path, _ in data.samples]
        return Source(
            given,
            given,
            classes=[str(wnids[target]) for _, target in data.samples],
            names=[printable(f"{file.parent.name}/{file.name}") for file in files],
            content=lambda index: read_file(str(files[index])),
            decode=lambda _, stored: opened(stored),
            files=files,
            one_each=True,
        )

    def picture(index: int) -> Image.Image:
        image: Image.Image = data[index][0]
        return image

    labels = [_class(target) for target in data.targets]
    names = [f"{index:08d}" for index in range(len(labels))]
    return Source(
        given,
        given,
        labels,
        names,
        content=lambda index: picture(index).tobytes(),
        decode=lambda index, _: picture(index),
        files=[],
        one_each=False,
    )
