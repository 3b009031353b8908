"""Images on disk: what a view shows depends on what is asked for alone, and folders that do not fit are named."""

# ruff: noqa: NPY002, S311 - the global generators are what is tested
from __future__ import annotations

import random
import shutil

import numpy as np
import pytest
import torch
from full_profile import CLASSES, write_images
from PIL import Image

from suite.data import sets as image_sets
from suite.data.augment import UNREADABLE, Still, Views, _posterise, decoded
from suite.data.choice import chosen_classes
from suite.data.loader import loader, loading_workers
from suite.data.sets import ImageSets, digest
from suite.errors import Stopped, SuiteError
from suite.seeding import drawing_from, mixed_seed
from suite.train.order import View

DATA = {
    "source": "folder",
    "size": 32,
    "mean": [0.5, 0.4, 0.3],
    "std": 0.25,
    "interpolation": "bicubic",
    "crop_pct": 1.0,
}
STRONG = {
    "auto_augment": "rand-m9-mstd0.5-inc1",
    "color_jitter": 0.4,
    "re_prob": 0.5,
    "re_mode": "pixel",
    "re_count": 1,
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    image_sets.opened.cache_clear()
    image_sets.digest.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def sets(folder):
    return ImageSets(DATA, str(folder))


def views(sets, seed=0):
    return Views(sets.train, DATA, STRONG, seed)


def test_the_two_splits_are_read_in_the_order_of_their_names(sets):
    assert sets.names == [f"class{label}" for label in range(CLASSES)]
    assert (len(sets.train), len(sets.validation), sets.classes) == (48, 24, CLASSES)
    image, label = Still(sets.validation, DATA)[23]
    assert (image.shape, label) == ((3, 32, 32), CLASSES - 1)


def test_a_view_is_the_same_in_every_worker_and_order(sets):
    asked = [View(number % 48, 1, number) for number in range(12)]
    alone = [views(sets)[view] for view in asked]
    batches = [asked[6:], asked[:6]]
    together = list(loader(views(sets), batches, workers=1, device="cpu"))
    for (pixels, labels), part in zip(together, (alone[6:], alone[:6]), strict=True):
        assert torch.equal(pixels, torch.stack([image for image, _ in part]))
        assert labels.tolist() == [label for _, label in part]


@pytest.mark.parametrize("other", [View(3, 0, 8), View(3, 1, 7)])
def test_copies_of_an_image_differ_by_epoch_and_place(sets, other):
    first, again = views(sets)[View(3, 0, 7)], views(sets)[View(3, 0, 7)]
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], views(sets)[other][0])
    assert not torch.equal(first[0], views(sets, seed=1)[View(3, 0, 7)][0])


def test_nobody_elses_draws_are_touched(sets):
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state()
    views(sets)[View(0, 0, 0)]
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]
    assert torch.equal(torch.random.get_rng_state(), before[2])
    with drawing_from(mixed_seed(1, 2)):
        first = random.random(), np.random.rand(), float(torch.rand(()))
    with drawing_from(mixed_seed(1, 2)):
        assert (random.random(), np.random.rand(), float(torch.rand(()))) == first
    assert mixed_seed(1, 2) != mixed_seed(2, 1)


def test_posterising_to_no_bits_is_black_and_every_strength_is_allowed(sets):
    """RandAugment at the papers' strength asks for 0 bits now and then; newer Pillows refuse."""
    image = Image.fromarray(np.full((4, 4, 3), 200, dtype=np.uint8))
    assert np.asarray(_posterise(image, 0)).max() == 0
    assert np.asarray(_posterise(image, 1)).max() == 128
    assert _posterise(image, 8) is image
    only = Views(sets.train, DATA, {"auto_augment": "rand-m10-n4-inc1"}, 0)
    for place in range(200):
        only[View(place % 48, 0, place)]


def test_some_classes_can_be_chosen_by_name_or_number(folder):
    assert chosen_classes(["a", "b", "c", "d"], 2) == ["a", "c"]
    assert chosen_classes(["a", "b"], None) == ["a", "b"]
    some = ImageSets(DATA | {"classes": ["class4", "class1"]}, str(folder))
    assert (some.names, some.classes, len(some.train), len(some.validation)) == (["class4", "class1"], 2, 16, 8)
    assert (some.train.labels, some.validation.labels) == ([1] * 8 + [0] * 8, [1] * 4 + [0] * 4)
    assert some.train.picture(0).tobytes() == ImageSets(DATA, str(folder)).train.picture(8).tobytes()
    three = ImageSets(DATA | {"classes": 3}, str(folder))
    assert three.names == ["class0", "class2", "class4"]
    with pytest.raises(SuiteError, match="the images have no class nobody"):
        chosen_classes(["a"], ["nobody"])
    with pytest.raises(SuiteError, match="7 classes are asked for and the images have 6"):
        ImageSets(DATA | {"classes": 7}, str(folder))


def test_splits_of_different_classes_are_refused(folder, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "validation" / "class5").rename(broken / "validation" / "other")
    with pytest.raises(SuiteError, match="training and validation images differ in classes: class5, other"):
        ImageSets(DATA, str(broken))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("folder", "nothing holds no images .*: give class folders"),
        ("wds/imagenet", "timm reads this kind as a stream"),
        ("torch/cifar100", "timm cannot read the train images of this data set"),
    ],
)
def test_images_that_are_not_there_are_one_clear_line(tmp_path, source, words):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(SuiteError, match=words) as caught:
        ImageSets(DATA | {"source": source}, str(tmp_path / "nothing"))
    assert "\n" not in str(caught.value)


def test_tar_files_are_read_as_folders_are(folder, tmp_path, sets):
    for split in ("train", "validation"):
        shutil.make_archive(str(tmp_path / split), "tar", folder / split)
    packed = ImageSets(DATA, str(tmp_path))
    assert (len(packed.train), packed.classes) == (48, CLASSES)
    for number in range(48):
        assert packed.train.labels[number] == sets.train.labels[number]
        assert decoded(packed.train, number).tobytes() == decoded(sets.train, number).tobytes()


def test_the_digest_tells_other_images_and_not_another_place(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    before = digest("folder", str(folder))
    assert digest("folder", str(tmp_path / "copy")) == before
    image_sets.opened.cache_clear()
    digest.cache_clear()
    first = tmp_path / "copy" / "train" / "class0" / "0.jpg"
    Image.open(first).resize((20, 20)).save(first)
    resized = digest("folder", str(tmp_path / "copy"))
    assert resized != before
    image_sets.opened.cache_clear()
    digest.cache_clear()
    first.rename(first.with_name("new.jpg"))
    assert digest("folder", str(tmp_path / "copy")) not in (before, resized)


def test_a_worker_of_the_program_starts_no_workers_of_its_own(monkeypatch):
    assert loading_workers(3, 1) == 3
    monkeypatch.setattr("multiprocessing.current_process", lambda: type("Worker", (), {"daemon": True}))
    assert loading_workers(3, 1) == 0


def test_a_broken_validation_image_is_recognised_by_nobody_and_never_replaced(folder, tmp_path, caplog):
    shutil.copytree(folder, tmp_path / "copy")
    broken = tmp_path / "copy" / "validation" / "class2" / "1.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    still, whole = (Still(ImageSets(DATA, str(root)).validation, DATA) for root in (tmp_path / "copy", folder))
    pixels, labels = next(iter(loader(still, [list(range(24))], workers=1, device="cpu")))
    assert [number for number, label in enumerate(labels.tolist()) if label == UNREADABLE] == [9]
    assert all(torch.equal(pixels[number], whole[number][0]) for number in range(24) if number != 9)
    assert still[9][1] == UNREADABLE
    assert "counted as not recognised: class2/1.jpg: " in caplog.text


def test_a_broken_training_image_is_replaced_by_the_next_and_named(folder, tmp_path, caplog):
    shutil.copytree(folder, tmp_path / "copy")
    train = tmp_path / "copy" / "train"
    (train / "class1" / "7.jpg").write_bytes(b"no image")
    found = ImageSets(DATA, str(tmp_path / "copy"))
    plain = Views(found.train, DATA, {}, 0)[View(15, 0, 0)]
    assert plain[1] == 2
    assert "replaced by the next image: class1/7.jpg: not an image of a known kind" in caplog.text
    for number in range(8):
        (train / "class3" / f"{number}.jpg").write_bytes(b"")
        (train / "class4" / f"{number}.jpg").write_bytes(b"")
    with pytest.raises(SuiteError, match=r"10 images in a row of .* decoded; class4/1\.jpg: the file is empty"):
        Views(found.train, DATA, {}, 0)[View(24, 0, 0)]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_disk_that_goes_away_stops_a_training_resumably(folder, tmp_path, workers):
    shutil.copytree(folder, tmp_path / "copy")
    found = ImageSets(DATA, str(tmp_path / "copy"))
    (tmp_path / "copy").rename(tmp_path / "away")
    for dataset, asked in ((Views(found.train, DATA, {}, 0), View(3, 0, 0)), (Still(found.validation, DATA), 3)):
        with pytest.raises(Stopped, match=r"^class0/3\.jpg in .*(train|validation) cannot be read") as caught:
            next(iter(loader(dataset, [[asked]], workers=workers, device="cpu")))
        assert "\n" not in str(caught.value)


def test_accuracy_from_a_tar_file_is_right_however_many_workers_share_it(folder, tmp_path, sets):
    """timm's reader shares one open file, and its position, with the workers that are forked later."""
    for split in ("train", "validation"):
        shutil.make_archive(str(tmp_path / split), "tar", folder / split)
    packed = Still(ImageSets(DATA, str(tmp_path)).validation, DATA)
    assert torch.equal(packed[0][0], Still(sets.validation, DATA)[0][0])  # opened here before the workers are forked
    expected = [Still(sets.validation, DATA)[number] for number in range(24)]
    for _ in range(3):
        pixels, labels = next(iter(loader(packed, [list(range(24))], workers=2, device="cpu")))
        assert labels.tolist() == [label for _, label in expected]
        assert torch.equal(pixels, torch.stack([image for image, _ in expected]))
