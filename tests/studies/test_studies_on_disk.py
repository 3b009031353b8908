"""A block trained as printed, in this process: what does not fit, what cannot teach, and what is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from full_profile import LAST, load_profile, write_images
from safetensors.torch import load_file

from suite.data.augment import Still
from suite.data.sets import ImageSets
from suite.evidence.store import Store
from suite.run.execute import execute
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
