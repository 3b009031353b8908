"""Layouts that people have are read rightly or refused in one line; what is no image is never waited for."""

from __future__ import annotations

import io
import multiprocessing
import os
import shutil
import socket
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from photographs import class_folders, crop
from PIL import Image

from suite.data import choice, digests, listing
from suite.data.choice import choose, content_digest, require_several
from suite.data.listing import listed
from suite.data.loader import batches
from suite.data.pictures import Unreadable, in_mode
from suite.data.source import located, open_source
from suite.errors import SuiteError

VALIDATION = "ILSVRC2012_val_{:08d}.JPEG"
SYNSETS = ("n01440764", "n01443537")
CONFIG = {
    "input_size": (3, 16, 16),
    "interpolation": "bilinear",
    "crop_pct": 1.0,
    "crop_mode": "center",
    "mean": (0.5, 0.5, 0.5),
    "std": (0.5, 0.5, 0.5),
}


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    choice._choose.cache_clear()
    choice._digest.cache_clear()


def flat(folder, count=4):
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        crop(number).save(folder / VALIDATION.format(number))
    return folder


def packed(folder, archive):
    with tarfile.open(archive, "w") as tar:
        tar.add(folder, arcname=".")
    return archive


def described(path, split="validation"):
    return open_source(str(path), split).described()


# ---------------------------------------------------------------------- layouts


def kaggle(root):
    """``LOC_val_solution.csv`` beside ``ILSVRC/Data/CLS-LOC/{train,val,test}``; the last two are flat."""
    parts = root / "ILSVRC" / "Data" / "CLS-LOC"
    class_folders(parts / "train", classes=SYNSETS, each=2)
    flat(parts / "val")
    flat(parts / "test")
    lines = [f"{VALIDATION.format(n).removesuffix('.JPEG')},{SYNSETS[n % 2]} 1 2 3 4" for n in range(1, 5)]
    (root / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *lines]) + "\n")
    (root / "ILSVRC" / "Annotations").mkdir()
    return root


def tiny_imagenet(root):
    """``train/SYNSET/images/`` and ``val/images/`` with ``val/val_annotations.txt``."""
    for name in SYNSETS:
        class_folders(root / "train" / name, classes=("images",), each=2)
        (root / "train" / name / f"{name}_boxes.txt").write_text("0 0 1 1\n")
    class_folders(root / "val", classes=("images",), each=4, name="val_{}.JPEG")
    lines = [f"val_{n}.JPEG\t{SYNSETS[n % 2]}\t0\t0\t1\t1" for n in range(4)]
    (root / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.parametrize("make", [kaggle, tiny_imagenet])
def test_kaggles_imagenet_and_tiny_imagenet_are_read_as_they_come(tmp_path, make):
    root = make(tmp_path / "set")
    found = listed(root, "validation")
    assert sorted(zip([name.rpartition("/")[2] for name in found.files], found.classes, strict=True)) == sorted(
        (name.rpartition("/")[2], SYNSETS[int(name[-6]) % 2]) for name in found.files
    )
    train = listed(root, "train")
    assert train.classes == [SYNSETS[0]] * 2 + [SYNSETS[1]] * 2


def test_a_list_that_misses_an_image_is_refused(tmp_path):
    root = tiny_imagenet(tmp_path / "set")
    crop(9).save(root / "val" / "images" / "val_9.JPEG")
    with pytest.raises(SuiteError, match=r"val_annotations\.txt does not tell the class of val_9.JPEG: is it whole"):
        listed(root, "validation")


@pytest.mark.parametrize("below", ["val", "ILSVRC2012_img_val", "", "images"])
def test_imagenets_validation_images_as_downloaded_are_one_line_at_planning(tmp_path, below):
    flat(tmp_path / "d" / below)
    with pytest.raises(SuiteError, match=r"4 images \(classes unknown\) from .*: put them into class folders"):
        choose(str(tmp_path / "d"), {"preset": "first_of_each_class"})
    everything = choose(str(tmp_path / "d"), {"preset": "all"})
    assert len(everything) == 4
    assert everything.described().startswith("4 images (classes unknown) from ")


def test_the_same_in_a_tar_file(tmp_path):
    archive = packed(flat(tmp_path / "d"), tmp_path / "ILSVRC2012_img_val.tar")
    with pytest.raises(SuiteError, match="classes unknown"):
        choose(str(archive), {"preset": "first_of_each_class"})
    assert len(choose(str(archive), {"preset": "all"})) == 4


@pytest.mark.parametrize(("train", "validation"), [("Train", "Val"), ("TRAIN", "validation"), ("training", "Valid")])
def test_the_validation_part_is_taken_whatever_its_case(tmp_path, train, validation):
    class_folders(tmp_path / "r" / train, classes=("ant", "bee"), each=3)
    class_folders(tmp_path / "r" / validation, classes=("ant", "bee"), each=1)
    assert described(tmp_path / "r") == f"2 images of 2 classes from {tmp_path / 'r' / validation}"
    assert described(tmp_path / "r", "train") == f"6 images of 2 classes from {tmp_path / 'r' / train}"


@pytest.mark.parametrize("name", ["train", "Train"])
def test_training_images_are_never_taken_for_validation_images(tmp_path, name):
    class_folders(tmp_path / "r" / name, each=1)
    with pytest.raises(SuiteError, match=f"has {name} and no validation images"):
        open_source(str(tmp_path / "r"))
    archive = packed(tmp_path / "r", tmp_path / "r.tar")
    with pytest.raises(SuiteError, match="has train images and no validation images"):
        open_source(str(archive))


def test_a_class_may_be_called_train(tmp_path):
    class_folders(tmp_path / "vehicles", classes=("bus", "car", "train"), each=2)
    assert described(tmp_path / "vehicles").startswith("6 images of 3 classes")


def test_one_folder_more_around_everything(tmp_path):
    class_folders(tmp_path / "a" / "imagenet" / "val", each=1)
    class_folders(tmp_path / "a" / "imagenet" / "train", each=2)
    assert described(tmp_path / "a").startswith("3 images of 3 classes")
    class_folders(tmp_path / "b" / "ILSVRC2012_img_val", each=2)
    assert described(tmp_path / "b").startswith("6 images of 3 classes")
    archive = packed(tmp_path / "b", tmp_path / "b.tar")
    assert described(archive) == f"6 images of 3 classes from {archive}"
    both = packed(tmp_path / "a", tmp_path / "a.tar")
    assert described(both) == f"3 images of 3 classes from {both}"


def test_one_class_alone_is_a_class(tmp_path):
    class_folders(tmp_path / "r", classes=("ant",), each=2)
    assert described(tmp_path / "r") == f"2 images of 1 class from {tmp_path / 'r'}"


def test_two_folders_of_one_name_are_refused(tmp_path):
    class_folders(tmp_path / "r" / "first", each=1)
    class_folders(tmp_path / "r" / "second", each=1)
    with pytest.raises(SuiteError, match=r"two folders ant \(first/ant, second/ant\)"):
        open_source(str(tmp_path / "r"))


@pytest.mark.parametrize("name", ["images.zip", "images.tar.gz", "images.tgz"])
def test_what_is_compressed_is_to_be_unpacked(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(SuiteError, match=f"{name} is compressed, and images are read one by one: unpack it"):
        open_source(str(tmp_path / name))
    (tmp_path / "d").mkdir()
    shutil.move(tmp_path / name, tmp_path / "d" / name.replace("images", "val"))
    with pytest.raises(SuiteError, match="is compressed: unpack it, so that"):
        open_source(str(tmp_path / "d"))


def test_no_tar_file_and_no_images_are_one_line(tmp_path):
    (tmp_path / "x.tar").write_bytes(b"no archive at all" * 100)
    with pytest.raises(SuiteError, match="cannot be read as a tar file"):
        open_source(str(tmp_path / "x.tar"))
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(SuiteError, match=r"neither a folder nor a \.tar file"):
        open_source(str(tmp_path / "x.txt"))
    (tmp_path / "d" / "ant").mkdir(parents=True)
    (tmp_path / "d" / "ant" / "a.webp").write_bytes(b"")
    with pytest.raises(SuiteError, match=r"holds no images \(.*\); it holds 1 .webp: give class folders"):
        open_source(str(tmp_path / "d"))


def test_one_image_is_too_few_to_be_measured(tmp_path):
    class_folders(tmp_path / "r", classes=("ant",), each=3)
    with pytest.raises(SuiteError, match=r"1 image of 1 class from .*: too few to compare"):
        require_several(choose(str(tmp_path / "r"), {"preset": "first_of_each_class"}))


@pytest.mark.parametrize("nested", [False, True])
def test_a_tar_file_for_each_class_is_read(tmp_path, nested):
    """ImageNet's training download is a tar file of such."""
    root = class_folders(tmp_path / "plain", classes=SYNSETS, each=3)
    (tmp_path / "train").mkdir()
    for name in SYNSETS:
        packed(root / name, tmp_path / "train" / f"{name}.tar")
    where = packed(tmp_path / "train", tmp_path / "all.tar") if nested else tmp_path / "train"
    found, plain = open_source(str(where), "train"), open_source(str(root), "train")
    assert found.classes == plain.classes
    assert [found.content(n) for n in range(6)] == [plain.content(n) for n in range(6)]


# ---------------------------------------------------------------------- what lies beside images


def test_what_systems_leave_behind_is_left_out_everywhere(tmp_path):
    root = class_folders(tmp_path / "r", each=2)
    plain = described(root)
    for path in list(root.rglob("*.JPEG")):
        (path.parent / f"._{path.name}").write_bytes(b"\0\5\26\7")
        (path.parent / "Thumbs.db").write_bytes(b"")
        (path.parent / ".DS_Store").write_bytes(b"")
    class_folders(root / "__MACOSX", each=1)
    class_folders(root / ".thumbnails", each=1)
    assert described(root) == plain
    archive = packed(root, tmp_path / "r.tar")
    assert described(archive) == plain.replace(str(root), str(archive))
    first = choose(str(archive), {"preset": "first_of_each_class"})
    assert first.names == ["ant/000.JPEG", "bee/000.JPEG", "cat/000.JPEG"]


def test_files_of_other_kinds_are_counted(tmp_path):
    root = class_folders(tmp_path / "r", each=1)
    (root / "ant" / "b.webp").write_bytes(b"")
    (root / "ant" / "c.gif").write_bytes(b"")
    (root / "bee" / "d.webp").write_bytes(b"")
    crop(0).save(root / "beside.png")
    assert described(root).endswith("(left out: 1 .gif, 2 .webp, 1 images beside the class folders)")


def read(root):
    (found,) = batches(choose(str(root), {"preset": "all"}), CONFIG, batch=99)
    names = choose(str(root), {"preset": "all"}).names
    return [names[place] for place in found.kept], {names[place]: why for place, why in found.skipped}


def test_what_is_no_regular_file_is_an_unreadable_image_and_never_waited_for(tmp_path):
    root = class_folders(tmp_path / "r", classes=("ant",), each=1)
    odd = root / "odd"
    odd.mkdir()
    (odd / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (odd / "circle.jpg").symlink_to(odd / "circle.jpg")
    os.mkfifo(odd / "pipe.jpg")
    (odd / "empty.jpg").write_bytes(b"")
    (odd / "text.jpg").write_text("no image")
    place = os.getcwd()  # noqa: PTH109 - the name of a socket is short
    os.chdir(odd)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.jpg")
        os.chdir(place)
        began = time.monotonic()
        kept, skipped = read(root)
    assert time.monotonic() - began < 30
    assert kept == ["ant/000.JPEG"]
    assert skipped == {
        "odd/broken.jpg": "a link to nothing",
        "odd/circle.jpg": "Too many levels of symbolic links",
        "odd/pipe.jpg": "not a regular file",
        "odd/empty.jpg": "the file is empty",
        "odd/text.jpg": "not an image of a known kind",
        "odd/socket.jpg": "No such device or address",
    }


@pytest.mark.parametrize("tar", [False, True])
def test_names_that_are_no_utf8_are_read_and_printed(tmp_path, tar):
    root = class_folders(tmp_path / "r", classes=("ant",), each=1)
    odd = os.fsencode(root) + b"/ant/gr\xf6\xdfe.JPEG"
    shutil.copy(root / "ant" / "000.JPEG", os.fsdecode(odd))
    where = packed(root, tmp_path / "r.tar") if tar else root
    assert read(where) == (["ant/000.JPEG", r"ant/gr\xf6\xdfe.JPEG"], {})
    assert len(content_digest(choose(str(where), {"preset": "all"}))) == 16


def test_links_in_circles_end(tmp_path):
    root = class_folders(tmp_path / "r", each=1)
    (root / "ant" / "up").symlink_to(root)
    assert described(root).startswith("3 images of 3 classes")


# ---------------------------------------------------------------------- pixels


def test_sixteen_bit_grey_is_read_faithfully(tmp_path):
    grey = np.asarray(crop(0).convert("L"))
    Image.fromarray(grey.astype("uint16") * 257).save(tmp_path / "deep.png")
    with Image.open(tmp_path / "deep.png") as deep:
        assert np.array_equal(np.asarray(in_mode(deep, "L")), grey)
        assert np.array_equal(np.asarray(in_mode(deep, "RGB"))[..., 1], grey)
    assert np.asarray(in_mode(Image.fromarray(np.full((2, 2), 65_535, dtype=np.int32)), "L")).max() == 255


@pytest.mark.parametrize("values", [np.full((2, 2), 1e5, dtype=np.int32), np.zeros((2, 2), dtype=np.float32)])
def test_numbers_that_eight_bits_cannot_show_are_refused(values):
    with pytest.raises(Unreadable, match="mode"):
        in_mode(Image.fromarray(values), "RGB")


# ---------------------------------------------------------------------- listed once


def test_a_large_folder_is_listed_once_until_one_of_its_folders_changes(tmp_path, monkeypatch):
    root = class_folders(tmp_path / "r", each=2)
    monkeypatch.setattr(listing, "WORTH_KEEPING", 6)
    monkeypatch.setattr(listing, "SETTLED_SECONDS", 0.0)
    walked, walk = [], listing._walk
    monkeypatch.setattr(listing, "_walk", lambda *given: walked.append(given[1]) or walk(*given))
    first = listed(root, "validation")
    assert walked == ["", "ant", "bee", "cat"]
    assert listed(root, "validation") == first
    assert len(walked) == 4
    crop(0).save(root / "bee" / "new.JPEG")
    assert len(listed(root, "validation").files) == 7
    assert len(walked) == 8
    digests.listing_file(root).write_text("[")
    assert len(listed(root, "validation").files) == 7


def test_a_folder_that_changed_just_now_is_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "WORTH_KEEPING", 1)
    root = class_folders(tmp_path / "r", each=2)
    listed(root, "validation")
    assert digests.known_listing(root) is None


def test_a_profiles_source_and_what_was_given_name_a_data_set():
    assert located("folder", "/data/imagenet") == located("images", "/data/imagenet") == "/data/imagenet"
    assert located("folder", "hfds/ILSVRC/imagenet-1k") == "hfds/ILSVRC/imagenet-1k"
    assert located("torch/cifar100", "/data") == "torch/cifar100=/data"
    assert located("torch/cifar100", "") == "torch/cifar100"
    assert located("folder", "") == ""


def test_a_tar_file_is_open_in_no_process_between_two_reads(tmp_path):
    """What is opened once and shared by workers has one position, which they move for each other."""
    archive = packed(class_folders(tmp_path / "r", each=2), tmp_path / "r.tar")
    source = open_source(str(archive))
    assert Image.open(io.BytesIO(source.content(3))).size == (48, 48)
    assert archive not in {handle.resolve() for handle in Path("/proc/self/fd").iterdir()}


def walks(root, kept, cache):
    """In a process of its own: how many folders it had to list."""
    os.environ["XDG_CACHE_HOME"] = str(cache)
    listing.WORTH_KEEPING, listing.SETTLED_SECONDS = 1, 0.0
    walked, walk = [], listing._walk
    listing._walk = lambda *given: (walked.append(given[1]), time.sleep(0.2), walk(*given))
    listed(root, "validation")
    kept.put(len(walked))


def test_processes_that_begin_together_list_a_folder_once(tmp_path):
    """One walks; the others wait for it and find what it kept."""
    root = class_folders(tmp_path / "r", each=2)
    context = multiprocessing.get_context("fork")
    kept = context.Queue()
    started = [context.Process(target=walks, args=(root, kept, tmp_path / "cache")) for _ in range(3)]
    for process in started:
        process.start()
    counts = sorted(kept.get(timeout=60) for _ in started)
    for process in started:
        process.join()
    assert counts == [0, 0, 4]
