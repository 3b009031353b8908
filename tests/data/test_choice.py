"""Which images are measured: by preset, from every kind of data set that has images by number, told by content."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from types import SimpleNamespace

import numpy as np
import pytest
from photographs import class_folders, truncate
from torchvision.datasets import CIFAR10

from suite.data import choice
from suite.data.choice import choose, content_digest, digest, is_imagenet_validation
from suite.data.digests import cache_file, file_digest
from suite.errors import SuiteError

WNIDS = ("n01440764", "n01443537")


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch):
    """A cache folder of its own, and nothing remembered by this process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    choice._choose.cache_clear()
    choice._digest.cache_clear()


@pytest.fixture
def folder(tmp_path):
    return class_folders(tmp_path / "images", classes=("bee", "ant", "cat10", "cat9"), each=3)


def chosen(given, preset="all", **more):
    return choose(str(given), {"preset": preset, **more})


def test_presets_go_by_sorted_classes_and_names(folder):
    assert chosen(folder, "first_of_each_class").names == [
        "ant/000.JPEG",
        "bee/000.JPEG",
        "cat10/000.JPEG",
        "cat9/000.JPEG",
    ]
    assert chosen(folder, "first_class_32").names == [f"ant/{n:03d}.JPEG" for n in range(3)]
    everything = chosen(folder)
    assert everything.names == [f"{name}/{n:03d}.JPEG" for name in ("ant", "bee", "cat10", "cat9") for n in range(3)]
    assert everything.classes == [name.partition("/")[0] for name in everything.names]
    assert chosen(folder, limit=5).names == everything.names[:5]


def test_the_first_class_gives_at_most_one_batch(tmp_path):
    root = class_folders(tmp_path / "images", classes=("ant",), each=40, side=8)
    assert chosen(root, "first_class_32").names == [f"ant/{n:03d}.JPEG" for n in range(32)]


def test_the_validation_part_is_found_below_the_root(tmp_path):
    class_folders(tmp_path / "set" / "train", each=2)
    root = class_folders(tmp_path / "set" / "val", each=1)
    assert chosen(tmp_path / "set").names == chosen(root).names == ["ant/000.JPEG", "bee/000.JPEG", "cat/000.JPEG"]
    assert digest(str(root), {"preset": "all"}) == digest(str(tmp_path / "set"), {"preset": "all"})


def test_a_tar_file_is_read_like_its_folder(folder, tmp_path):
    with tarfile.open(tmp_path / "images.tar", "w") as archive:
        archive.add(folder, arcname=".")
    packed = chosen(tmp_path / "images.tar", "first_of_each_class")
    plain = chosen(folder, "first_of_each_class")
    assert packed.classes == plain.classes
    assert packed.names == plain.names
    for one, other in zip(packed.picked, plain.picked, strict=True):
        assert packed.source.content(one) == plain.source.content(other)
        assert np.array_equal(packed.source.picture(one), plain.source.picture(other))


def test_torchvisions_data_sets_are_read(folder, monkeypatch):
    plain, named = chosen(folder), chosen(f"torch/folder={folder}")
    assert (named.names, named.classes) == (plain.names, plain.classes)
    assert content_digest(named) == content_digest(plain)

    def made(self, root, *, train, download):
        assert (root, train, download) == ("somewhere", False, False)
        self.data, self.targets = np.arange(4 * 32 * 32 * 3, dtype=np.uint8).reshape(4, 32, 32, 3), [1, 0, 1, 0]
        self.transform = self.target_transform = None

    monkeypatch.setattr(CIFAR10, "__init__", made)
    small = chosen("torch/cifar10=somewhere", "first_of_each_class")
    assert (small.picked, small.classes) == ((1, 0), ["00000", "00001"])
    assert small.source.picture(1).size == (32, 32)
    assert len(content_digest(small)) == 16


class HubReader:
    """What timm's reader of a hub's data set looks like, without the package behind it."""

    image_key = "image"

    def __init__(self, contents, targets, cache, *, within):
        self.contents, self.targets = contents, targets
        self.dataset = [{"image": {"bytes": content if within else None}} for content in contents]
        self.dataset = type("Rows", (list,), {"cache_files": [{"filename": str(cache)}]})(self.dataset)

    def iter_targets(self):
        return iter(self.targets)

    def __getitem__(self, index):
        return io.BytesIO(self.contents[index]), self.targets[index]


@pytest.mark.parametrize("within", [True, False])
def test_a_data_set_of_the_hub_is_read_by_number(folder, tmp_path, monkeypatch, within):
    contents = [path.read_bytes() for path in sorted(folder.rglob("*.JPEG"))]
    (tmp_path / "set.arrow").write_bytes(b"rows")
    reader = HubReader(contents, [2, 2, 10, 10, 2, 10] * 2, tmp_path / "set.arrow", within=within)
    monkeypatch.setattr("suite.data.source.find_spec", lambda _: True)
    monkeypatch.setattr("suite.data.source.create_dataset", lambda *_, **__: SimpleNamespace(reader=reader))
    found = chosen("hfds/some/set", "first_of_each_class")
    assert (found.picked, found.classes) == ((0, 2), ["00002", "00010"])
    assert found.source.picture(2).convert("RGB").size == (48, 48)
    before = content_digest(found)
    reader.contents[2] = contents[3]
    assert (content_digest(found) == before) is within, "only rows that hold the images vouch for them"


def test_the_digest_is_of_content_and_names(folder):
    before = content_digest(chosen(folder))
    path = folder / "bee" / "001.JPEG"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    changed = content_digest(chosen(folder))
    assert changed != before
    path.write_bytes(content)
    assert content_digest(chosen(folder)) == before
    path.rename(path.with_name("009.JPEG"))
    choice._choose.cache_clear()
    assert content_digest(chosen(folder)) not in (before, changed)
    assert content_digest(chosen(folder, "first_of_each_class")) == content_digest(
        chosen(folder, "first_of_each_class")
    )


def test_images_are_read_again_only_if_one_changed(folder, monkeypatch):
    first = content_digest(chosen(folder))
    reads, read = [], choice.content_of
    monkeypatch.setattr(choice, "content_of", lambda source, index: reads.append(index) or read(source, index))
    assert content_digest(chosen(folder)) == first
    assert reads == []
    stat = (folder / "ant" / "000.JPEG").stat()
    os.utime(folder / "ant" / "000.JPEG", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert content_digest(chosen(folder)) == first
    assert len(reads) == 12


def test_a_cache_that_cannot_be_used_costs_only_time(folder, tmp_path):
    first = content_digest(chosen(folder))
    for kept in cache_file().parent.rglob("*.json"):
        kept.write_text("[not what it should be")
    assert content_digest(chosen(folder)) == first
    shutil.rmtree(cache_file().parent)
    cache_file().parent.write_text("in the way")
    assert content_digest(chosen(folder)) == first
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"abc")
    before = file_digest(weights)
    weights.write_bytes(b"abcd")
    assert file_digest(weights) != before


def test_an_unreadable_file_does_not_stop_the_digest(folder):
    before = content_digest(chosen(folder))
    path = folder / "ant" / "000.JPEG"
    found = chosen(folder)
    path.unlink()
    path.mkdir()
    assert content_digest(found) != before


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("nowhere", "there is no "),
        ("empty", r"holds no images \(.png, .jpg, .jpeg\): give class folders"),
        ("tfds/imagenet2012", "as a stream, from which no image can be picked by number"),
        ("wds/imagenet", "as a stream"),
        (
            "torch/nothing=here",
            "timm cannot read the validation images .*Unknown torchvision dataset nothing",
        ),
    ],
)
def test_a_data_set_that_is_none_is_one_line(tmp_path, given, line):
    (tmp_path / "empty").mkdir()
    where = str(tmp_path / given) if "/" not in given else given
    with pytest.raises(SuiteError, match=line) as caught:
        choose(where, {"preset": "all"})
    assert where in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_data_set_of_the_hub_needs_its_package(monkeypatch):
    monkeypatch.setattr("suite.data.source.find_spec", lambda _: None)
    with pytest.raises(SuiteError, match=r"hfds/some/set: .* pip install datasets"):
        choose("hfds/some/set", {"preset": "all"})


def test_a_wrong_preset_or_limit_is_one_line(folder):
    with pytest.raises(
        SuiteError, match="no preset 'best' of images: choose from first_of_each_class, first_class_32, all"
    ):
        chosen(folder, "best")
    with pytest.raises(SuiteError, match="limit = 0 images: give a whole number of at least 1"):
        chosen(folder, limit=0)


def test_imagenets_validation_images_are_told_by_their_names(tmp_path, folder, monkeypatch):
    name = "ILSVRC2012_val_{:08d}.JPEG"
    root = class_folders(tmp_path / "val", classes=WNIDS, each=33, side=8, sizes=3, name=name)
    assert is_imagenet_validation(chosen(root, "first_class_32"))
    assert not is_imagenet_validation(chosen(root, "first_class_32", limit=31))
    assert not is_imagenet_validation(chosen(root, "first_of_each_class")), "there are 1,000 classes"
    assert not is_imagenet_validation(chosen(folder, "first_class_32"))
    everything = choose(str(root), {"preset": "first_of_each_class"})
    monkeypatch.setattr(choice, "synsets", lambda: WNIDS)
    assert is_imagenet_validation(everything)
    (root / WNIDS[1] / name.format(0)).rename(root / WNIDS[1] / "000.JPEG")
    choice._choose.cache_clear()
    assert not is_imagenet_validation(chosen(root, "first_of_each_class"))
    truncate(root / WNIDS[0] / name.format(0))
