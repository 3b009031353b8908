"""What a folder or a tar file holds: images by class, in the layouts that people keep; no image is opened.

The class of an image is the name of its folder. Left out is what operating systems leave behind (``._x``, ``__MACOSX``,
``Thumbs.db``, hidden folders); files of other kinds are left out and counted. A layout that cannot be read rightly is
refused in one line that says what to do.
"""

from __future__ import annotations

import os
import re
import tarfile
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timm.data import ImageNetInfo  # type: ignore[attr-defined]
from timm.data.readers.img_extensions import get_img_extensions

from suite.data.digests import known_listing, listing_file, one_at_a_time, remember_listing
from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid", "test"),
    "test": ("test", "testing"),
}
TAR = ".tar"
PACKED = (".zip", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar")
BELOW = (Path("ILSVRC", "Data", "CLS-LOC"), Path("Data", "CLS-LOC"))  # where Kaggle's ImageNet keeps its parts
DEEPEST = 4  # folders that may stand alone around the images
WORTH_KEEPING = 5_000  # images from which a listing is kept for the next process
SETTLED_SECONDS = 2.0  # a folder that changed so shortly before it was read may change again without a sign

FLAT_FILE = re.compile(r"ILSVRC2012_val_[0-9]{8}\.JPEG")
SYNSET = re.compile(r"n[0-9]{8}")
LEFT_BEHIND = frozenset({"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "@eadir"})
DIGITS = re.compile(r"([0-9]+)")


def printable(name: str) -> str:
    r"""A file's name as text that any output takes: bytes that are no UTF-8 as ``\xf6``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def natural(name: str) -> list[Any]:
    """Sorts ``cat9`` before ``cat10``."""
    return [int(part) if part.isdecimal() else part for part in DIGITS.split(name.lower())]


def left_behind(name: str) -> bool:
    """Whether a file or folder is what an operating system or a tool left: no image of anybody's."""
    return name.startswith(".") or name.lower() in LEFT_BEHIND


@cache
def _extensions() -> tuple[str, ...]:
    return tuple(get_img_extensions())  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Listing:
    """The images below a root, sorted by folder and name.

    Attributes:
        root: the folder or tar file.
        files: path of each image below the root, as the file system gives it.
        classes: class of each image; empty text for all where nothing tells.
        places: tar file, first byte and number of bytes of each image; empty for plain files.
        left_out: how many files of other kinds there are, by kind.
    """

    root: Path
    files: list[str]
    classes: list[str]
    places: list[tuple[str, int, int]] = field(default_factory=list)
    left_out: Mapping[str, int] = field(default_factory=dict)


def listed(given: Path, split: str) -> Listing:
    """The images of a split below what was given.

    Args:
        given: a folder or a tar file: class folders; or such under the split's name; one folder or Kaggle's ``ILSVRC``
            around either; a tar file for each class; ImageNet's or Tiny-ImageNet's flat validation images beside the
            file that tells their classes.
        split: ``train``, ``validation`` or ``test``.

    Raises:
        SuiteError: there are no such images, or their layout tells no classes or the wrong ones.
    """
    root = locate(given, split)
    tree = _tar_tree(root) if root.is_file() else _folder_tree(root)
    if root.is_file():
        tree = _part_of_tree(tree, split, given)
    elif not any(folder.images for folder in tree.values()) and tree[""].tars:
        tree = _tars(root, tree[""].tars)
    return _classified(root, tree)


# ---------------------------------------------------------------------- where a split is


def locate(given: Path, split: str) -> Path:
    """The folder or tar file of a split.

    Raises:
        SuiteError: it is not there, or packed in a way that no image can be read from by itself.
    """
    here = given
    for _ in range(DEEPEST):
        if not here.exists():
            raise SuiteError(f"there is no {here}: give a folder of images")
        if not here.is_dir():
            return _as_tar(here)
        folders, files = _look(here)
        found = _named(here, folders, files, split)
        if found is not None:
            return found
        _refuse_other_parts(here, folders, files, split)
        nested = next((here / below for below in BELOW if (here / below).is_dir()), None)
        alone = here / next(iter(folders)) if len(folders) == 1 and not _holds_images(files) else None
        if nested is not None:
            here = nested
        elif alone is not None and any(_look(alone)):
            if not _look(alone)[0] and not _named(alone, *_look(alone), split):
                return here  # one class
            here = alone
        else:
            break
    return here


def _look(folder: Path) -> tuple[list[str], list[str]]:
    """Names of the folders and files in a folder, sorted."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not left_behind(entry.name):
                    (folders if _is_folder(entry) else files).append(entry.name)
    except OSError as fault:
        raise SuiteError(f"{folder} cannot be listed: {fault.strerror}") from fault
    return sorted(folders), sorted(files)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is one, or a link to one; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _holds_images(files: Iterable[str]) -> bool:
    return any(name.lower().endswith(_extensions()) for name in files)


def _named(here: Path, folders: list[str], files: list[str], split: str) -> Path | None:
    """The split's own folder or tar file, whatever the case of its name."""
    known = {name.lower(): here / name for name in (*files, *folders)}
    for name in SPLITS[split]:
        path = known.get(name)
        if path is not None and path.is_dir() and (name != "test" or split == "test" or _look(path)[0]):
            if _is_class(path, folders):
                continue
            return locate(path, split) if not _holds_images(_look(path)[1]) else path
        if name + TAR in known:
            return known[name + TAR]
    return None


def _is_class(path: Path, beside: list[str]) -> bool:
    """Whether a folder that is named like a split is one class among others (trains, beside cars)."""
    others = [name for name in beside if name.lower() not in {known for names in SPLITS.values() for known in names}]
    return not _look(path)[0] and bool(others) and _holds_images(_look(path)[1])


def _refuse_other_parts(here: Path, folders: list[str], files: list[str], split: str) -> None:
    """Never take the images of one part for those of another."""
    wanted = " or ".join(SPLITS[split][:2])
    packed = [name for name in files if Path(name.lower()).name.split(".")[0] in SPLITS[split]]
    packed = [name for name in packed if name.lower().endswith(PACKED)]
    if packed:
        raise SuiteError(f"{here / packed[0]} is compressed: unpack it, so that {here} has {wanted}")
    other = {name for part, names in SPLITS.items() if part != split for name in names} - set(SPLITS[split])
    for name in folders:
        if name.lower() in other and not _is_class(here / name, folders):
            raise SuiteError(
                f"{here} has {name} and no {split} images ({wanted}): give the folder of the images that you mean"
            )


def _as_tar(path: Path) -> Path:
    if path.name.lower().endswith(TAR):
        return path
    if path.name.lower().endswith(PACKED):
        raise SuiteError(f"{path} is compressed, and images are read one by one: unpack it and give the folder")
    raise SuiteError(f"{path} is neither a folder nor a .tar file of images")


# ---------------------------------------------------------------------- trees of folders


@dataclass
class Folder:
    """What one folder holds: images, tar files, and how many files of other kinds; where images lie in a tar file."""

    images: list[str] = field(default_factory=list)
    tars: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    places: list[tuple[str, int, int]] = field(default_factory=list)

    def add(self, name: str, place: tuple[str, int, int] | None = None) -> None:
        """Note one file."""
        kind = Path(name).suffix.lower()
        if kind in _extensions():
            self.images.append(name)
            if place is not None:
                self.places.append(place)
        elif kind == TAR:
            self.tars.append(name)
        else:
            self.others[kind or "without an ending"] += 1


Tree = dict[str, Folder]


def _folder_tree(root: Path) -> Tree:
    """Every folder below a root by its path; of many images from the listing of an earlier process if none changed."""
    with one_at_a_time(listing_file(root)):
        kept = known_listing(root)
        if kept is not None:
            return {
                path: Folder(entry["images"], entry["tars"], Counter(entry["others"])) for path, entry in kept.items()
            }
        began = time.time_ns()
        tree: Tree = {}
        times: dict[str, int] = {}
        _walk(root, "", tree, times, frozenset())
        settled = max(times.values()) < began - SETTLED_SECONDS * 1e9
        if settled and sum(len(folder.images) for folder in tree.values()) >= WORTH_KEEPING:
            remember_listing(root, {path: _kept(folder, times[path]) for path, folder in tree.items()})
    return tree


def _kept(folder: Folder, time_ns: int) -> dict[str, Any]:
    return {"time": time_ns, "images": folder.images, "tars": folder.tars, "others": dict(folder.others)}


def _walk(root: Path, below: str, tree: Tree, times: dict[str, int], above: frozenset[tuple[int, int]]) -> None:
    """Read a folder and those in it; links to folders are followed, but not in circles."""
    place = os.path.join(root, below) if below else str(root)  # noqa: PTH118 - a million times
    try:
        stat = os.stat(place)  # noqa: PTH116
        here = (stat.st_dev, stat.st_ino)
        if here in above:
            return
        folder = tree[below] = Folder()
        times[below] = stat.st_mtime_ns
        inside = []
        with os.scandir(place) as entries:
            for entry in entries:
                if left_behind(entry.name):
                    continue
                if _is_folder(entry):
                    inside.append(entry.name)
                else:
                    folder.add(entry.name)
    except OSError as fault:
        raise SuiteError(f"{printable(place)} cannot be listed: {fault.strerror}") from fault
    folder.images.sort(key=natural)
    folder.tars.sort()
    for name in sorted(inside, key=natural):
        _walk(root, f"{below}/{name}" if below else name, tree, times, above | {here})


def _tars(root: Path, names: Iterable[str]) -> Tree:
    """A folder of tar files: each is a folder of the tar file's name, or holds some."""
    tree: Tree = {}
    for name in names:
        for path, folder in _tar_tree(root / name).items():
            tree["/".join(filter(None, (Path(name).stem, path)))] = folder
    return tree


@cache
def _tar_members(path: Path, size: int, time_ns: int) -> Tree:
    del size, time_ns  # which tell another file of the same name
    tree: Tree = {"": Folder()}
    try:
        with tarfile.open(path, "r:") as archive:
            _add_members(tree, archive, str(path), "", 0)
    except (tarfile.TarError, OSError) as fault:
        raise SuiteError(f"{path} cannot be read as a tar file: {' '.join(str(fault).split())}") from fault
    for folder in tree.values():
        order = sorted(range(len(folder.images)), key=lambda index: natural(folder.images[index]))
        folder.images = [folder.images[index] for index in order]
        folder.places = [folder.places[index] for index in order]
    return tree


def _tar_tree(path: Path) -> Tree:
    stat = path.stat()
    return {
        name: Folder(list(folder.images), list(folder.tars), Counter(folder.others), list(folder.places))
        for name, folder in _tar_members(path.absolute(), stat.st_size, stat.st_mtime_ns).items()
    }


def _add_members(tree: Tree, archive: tarfile.TarFile, path: str, below: str, first: int) -> None:
    for member in archive:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if not parts or member.isdir() or any(left_behind(part) for part in parts):
            continue
        where = "/".join(filter(None, (below, *parts[:-1])))
        folder = tree.setdefault(where, Folder())
        name = parts[-1]
        if not member.isfile() or member.issparse():
            folder.others["links and the like"] += 1
        elif name.lower().endswith(TAR):
            within = archive.extractfile(member)
            assert within is not None
            with tarfile.open(fileobj=within, mode="r:") as inner:
                stem = "/".join(filter(None, (where, Path(name).stem)))
                tree.setdefault(stem, Folder())
                _add_members(tree, inner, path, stem, first + member.offset_data)
        else:
            folder.add(name, (path, first + member.offset_data, member.size))


def _part_of_tree(tree: Tree, split: str, given: Path) -> Tree:
    """The split's folders of a tar file that holds several parts."""
    while True:
        tops = _tops(tree)
        by_name = {top.lower(): top for top in tops if any(path.startswith(f"{top}/") for path in tree)}
        for name in SPLITS[split]:
            if name in by_name:
                return _below(tree, by_name[name])
        for part, names in SPLITS.items():
            if (set(names) - set(SPLITS[split])) & set(by_name):
                raise SuiteError(f"{given} has {part} images and no {split} images: give a tar file of these")
        if len(by_name) != 1 or len(tops) != 1 or tree[""].images:
            return tree
        tree = _below(tree, tops[0])


def _tops(tree: Tree) -> list[str]:
    return sorted({path.partition("/")[0] for path in tree if path})


def _below(tree: Tree, top: str) -> Tree:
    inside = {path[len(top) + 1 :]: folder for path, folder in tree.items() if path.startswith(f"{top}/")}
    return {"": tree.get(top, Folder())} | inside


# ---------------------------------------------------------------------- classes


def _classified(root: Path, tree: Tree) -> Listing:
    """The class of every image.

    Raises:
        SuiteError: there are no images, or folders of one name in different places.
    """
    left_out: Counter[str] = Counter()
    for folder in tree.values():
        left_out.update(folder.others)
    holders = [path for path, folder in tree.items() if folder.images]
    if not holders:
        held = "; it holds " + ", ".join(f"{count:,} {kind}" for kind, count in left_out.most_common(3))
        raise SuiteError(
            f"{root} holds no images ({', '.join(_extensions())}){held if left_out else ''}: give class folders of them"
        )
    if "" in holders and len(holders) > 1:
        left_out["images beside the class folders"] += len(tree[""].images)
        holders.remove("")
    names = _class_of_folders(root, holders, tree)
    files, classes, places = [], [], []
    for path in holders:
        folder = tree[path]
        files += [f"{path}/{name}" if path else name for name in folder.images]
        of_folder = names[path]
        if isinstance(of_folder, str):
            classes += [printable(of_folder)] * len(folder.images)
        else:
            classes += [of_folder[name] for name in folder.images]
        places += folder.places
    return Listing(root, files, classes, places, dict(left_out))


def _class_of_folders(root: Path, holders: list[str], tree: Tree) -> dict[str, str | dict[str, str]]:
    """By folder: the class of its images, or of each of them."""
    if len(holders) == 1 and _is_flat(holders[0], tree):
        return {holders[0]: _told_by_file(root, holders[0], tree[holders[0]].images) or ""}
    leaves = {path: path.rpartition("/")[2] for path in holders}
    if set(leaves.values()) == {"images"}:  # Tiny-ImageNet's n01443537/images
        leaves = {path: path.split("/")[-2] for path in holders if "/" in path} or leaves
    where: dict[str, str] = {}
    for path, name in leaves.items():
        if where.setdefault(name, path) != path:
            raise SuiteError(
                f"{root} has two folders {printable(name)} ({printable(where[name])}, {printable(path)}): give the "
                "one folder whose folders are the classes"
            )
    return dict(leaves)


def _is_flat(path: str, tree: Tree) -> bool:
    """Whether all images lie in one folder whose name is no class."""
    leaf = path.rpartition("/")[2]
    if leaf in ("", "images"):
        return True
    return not SYNSET.fullmatch(leaf) and all(FLAT_FILE.fullmatch(name) for name in tree[path].images)


def _told_by_file(root: Path, below: str, images: Iterable[str]) -> dict[str, str] | None:
    """Classes of flat images from Tiny-ImageNet's or Kaggle's list of them."""
    if root.is_file():
        return None
    around = [root / below, root, *list(root.parents)[:4]]
    for folder in around:
        for file, separator in (("val_annotations.txt", "\t"), ("LOC_val_solution.csv", ",")):
            if not (folder / file).is_file():
                continue
            lines = (folder / file).read_text(encoding="utf-8", errors="replace").splitlines()
            told = {Path(line.split(separator)[0]).stem: line.split(separator)[1].split()[0] for line in lines if line}
            missing = [name for name in images if Path(name).stem not in told]
            if missing:
                raise SuiteError(f"{folder / file} does not tell the class of {printable(missing[0])}: is it whole?")
            return {name: told[Path(name).stem] for name in images}
    return None


@cache
def synsets() -> tuple[str, ...]:
    """ImageNet-1k's classes in the order of its heads."""
    names: list[str] = ImageNetInfo("imagenet-1k").label_names()  # type: ignore[no-untyped-call]
    return tuple(names)
