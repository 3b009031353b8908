"""A block trained as printed, in this process: what does not fit, what cannot teach, and what is kept."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from full_profile import CAIT, LAST, load_profile, write_images
from safetensors.torch import load_file, save_file

from suite.data.augment import Still
from suite.data.sets import ImageSets
from suite.evidence.store import Store
from suite.models import build
from suite.run.execute import execute
from suite.studies import images as images_of
from suite.studies.cells import student
from suite.studies.networks import make_student


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture
def compute(tmp_path):
    store = Store(tmp_path / "evidence")

    def run(*cells):
        said = []
        execute(store, cells, device="cpu", report=lambda _key, _fraction, text: said.append(text))
        return store, said

    return run


def test_a_student_is_kept_with_its_weights_both_accuracies_and_its_whole_course(images, tmp_path, compute):
    profile = load_profile(tmp_path, images)
    cell = student("spectral_kd", LAST, weights="random", length="long")(profile, 0)
    store, _ = compute(cell)
    result = store.read(cell)
    assert result.arrays["steps"].tolist() == [3, 6, 9]
    for name in ("", "_ema"):
        course, correct = result.arrays[f"trajectory{name}"], result.arrays[f"correct{name}"]
        assert result.arrays[f"accuracy{name}_last"] == course[-1] == 100.0 * correct.mean()
        assert result.arrays[f"accuracy{name}_best"] == course.max()
    assert result.arrays["profile.magnitude"].shape == (3, 4)
    assert [record["epoch"] for record in result.metrics] == [1, 2, 3]
    sets = ImageSets(cell.spec["data"], str(images))
    pixels, labels = zip(*(Still(sets.validation, cell.spec["data"])[n] for n in range(24)), strict=True)
    for file, name in (("weights", "correct"), ("weights-ema", "correct_ema")):
        network = make_student(cell.spec["student"], classes=6, drop_path=0.0, seed=9)
        network.load_state_dict(load_file(result.folder / f"{file}.safetensors"))
        with torch.no_grad():
            found = network.eval()(torch.stack(pixels)).logits.argmax(dim=1)
        assert np.array_equal((found == torch.tensor(labels)).numpy(), result.arrays[name]), file


def test_students_that_do_not_fit_are_left_for_another_block(images, tmp_path, compute):
    small = load_profile(tmp_path, images, machine={"memory_gib": 1e-6})
    cells = [student("none")(small, 0), student("none", architecture="lift")(small, 0)]
    store, _ = compute(*cells)
    for cell in cells:
        state = store.state(cell.key)
        assert state.word == "failed"
        assert f"{cell.label} does not fit beside the students before it" in state.detail
        assert "train none -> plain 12, seed 0, none -> lift 12, seed 0 in another block" in state.detail
    store, _ = compute(
        *(student(m, architecture=a)(load_profile(tmp_path, images), 0) for m, a in (("none", "plain"),))
    )
    assert store.state(cells[0].key).word == "done", "what did not fit is tried again, under the same name"


def test_a_teacher_that_knows_nothing_teaches_nobody(images, tmp_path, compute):
    """Trained without a single useful update, it is found out before any student is trained."""
    idle = load_profile(tmp_path, images, networks={"cait": {"epochs": 1, "recipe": {"repeats": 1, "lr": 1e-12}}})
    taught, alone = student("soft_kd")(idle, 0), student("none")(idle, 0)
    compute(taught.needs["teacher"])
    store, _ = compute(taught, alone)
    assert store.state(alone.key).word == "done"
    state = store.state(taught.key)
    assert state.word == "failed"
    assert "UntrainedTeacher: the teacher is right on" in state.detail


def test_images_of_the_layer_profile_are_decoded_once_and_one_loader_serves_all_evaluations(
    images, tmp_path, compute, monkeypatch
):
    """Two students over two epochs: 24 images at each of two evaluations, and 8 for the profiles."""
    read, made = [], []
    decode, make = Still.__getitem__, images_of.loader

    def noted(self, number):
        read.append(number)
        return decode(self, number)

    def counted(dataset, *given, **named):
        made.append(type(dataset).__name__)
        return make(dataset, *given, **named)

    monkeypatch.setattr(Still, "__getitem__", noted)
    monkeypatch.setattr(images_of, "loader", counted)
    profile = load_profile(tmp_path, images)
    compute(student("none")(profile, 0), student("none", architecture="lift")(profile, 0))
    probed = 4  # which tell the shape of an image
    assert len(read) == probed + 24 + 8 + 24
    assert made.count("Still") == 4, "for the shape, the first evaluation, the profile, and all other evaluations"


def test_a_teacher_that_is_not_as_good_as_published_teaches_nobody(images, tmp_path, compute):
    """Its weights are a file's; what the profile states of its accuracy is not what these reach."""
    weights = tmp_path / "cait.safetensors"
    network = {k: v for k, v in CAIT.items() if k not in ("epochs", "recipe")}
    save_file(build(network, classes=6, seed=0).state_dict(), weights)
    changed = {**network, "overrides": {**network["overrides"], "num_classes": 6}, "pretrained": True, "accuracy": 90.0}
    profile = load_profile(tmp_path, images, networks={"cait": changed})
    profile = dataclasses.replace(profile, weights={"cait": weights})
    cell, alone = student("soft_kd")(profile, 0), student("none")(profile, 0)
    store, _ = compute(cell, alone)
    assert store.state(alone.key).word == "done"
    assert "UntrainedTeacher" in store.state(cell.key).detail
