"""A killed block, whatever it had saved, ends with the numbers of one that was never disturbed."""

import io
import math
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from train_nets import (
    ALONE,
    DESK,
    STEPS,
    Interrupted,
    Killed,
    assert_same,
    evaluate,
    outcome,
    run,
    stream,
    student,
)

from suite.train.loop import train
from suite.train.numerics import Numerics
from suite.train.student import BEFORE

CREW = ("none", "vitkd", "manifold_kd", "projector_kd")


def killed(kinds, folder, *, at, late=0.0, numerics=None, **changes):
    """Train until the process dies when it asks for a step."""
    students = [student(kind, folder, numerics=numerics, **changes) for kind in kinds]
    batches = Interrupted(stream(numerics=numerics, **changes), at)
    with pytest.raises(Killed):
        train(students, batches, processes=ALONE, evaluate=evaluate, share=math.inf, late=late)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return {name: outcome(one) for name, one in run([student(kind, folder) for kind in CREW]).items()}


@settings(max_examples=6)
@given(at=st.integers(0, STEPS - 1), lost=st.sets(st.sampled_from(CREW)), late=st.sampled_from([0.0, 1e9]))
def test_any_step_and_any_set_of_checkpoints(undisturbed, tmp_path_factory, at, lost, late):
    folder = tmp_path_factory.mktemp("killed")
    killed(CREW, folder, at=at, late=late)
    for kind in lost:
        for file in (folder / f"{kind}.pt", folder / f"{kind}{BEFORE}"):
            file.unlink(missing_ok=True)
    students = [student(kind, folder) for kind in CREW]
    saved = at if late == 0 else at - at % 2  # after every step, or after epochs alone
    assert [one.done for one in students] == [0 if kind in lost else saved for kind in CREW]
    for kind, one in run(students).items():
        assert_same(one, undisturbed[kind])


def test_as_the_desk_trains(tmp_path):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole = run([student(kind, tmp_path / "whole", **DESK) for kind in CREW], **DESK)
    killed(CREW, tmp_path / "killed", at=3, **DESK)
    found = run([student(kind, tmp_path / "killed", **DESK) for kind in reversed(CREW)], **DESK)
    for kind in CREW:
        assert_same(found[kind], whole[kind])


def test_the_scale_of_the_loss_is_kept(tmp_path):
    half = Numerics("cpu", "float16")
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("suite.train.student.FIRST_SCALE", 2.0**40)  # so that the first steps overflow
        whole = run([student("none", tmp_path / "whole", numerics=half, epochs=20)], numerics=half, epochs=20)["none"]
        killed(["none"], tmp_path / "killed", at=25, numerics=half, epochs=20)
        resumed = student("none", tmp_path / "killed", numerics=half, epochs=20)
        assert resumed._scale < 2.0**40
        assert resumed._healthy > 0
        found = run([resumed], numerics=half, epochs=20)["none"]
    assert_same(found, whole)


def test_students_of_different_progress(undisturbed, tmp_path):
    killed(CREW[:2], tmp_path, at=3)
    killed(CREW[2:], tmp_path, at=1)
    students = [student(kind, tmp_path) for kind in CREW]
    assert [one.done for one in students] == [3, 3, 1, 1]
    for kind, one in run(students).items():
        assert_same(one, undisturbed[kind])


def test_a_student_may_leave_the_block_and_go_on_elsewhere(undisturbed, tmp_path):
    killed(CREW, tmp_path, at=2)
    for kind in CREW[1:]:
        assert_same(run([student(kind, tmp_path)])[kind], undisturbed[kind])


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:-9] + bytes(9), lambda _: b""])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(undisturbed, tmp_path, damage):
    killed(["vitkd"], tmp_path, at=3)
    newest = tmp_path / "vitkd.pt"
    newest.write_bytes(damage(newest.read_bytes()))
    one = student("vitkd", tmp_path)
    assert one.done == 2
    assert_same(run([one])["vitkd"], undisturbed["vitkd"])


def test_where_both_are_damaged_it_begins_anew_and_says_so(undisturbed, tmp_path):
    killed(["vitkd"], tmp_path, at=3)
    for name in ("vitkd.pt", f"vitkd{BEFORE}"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
    said = []
    one = student("vitkd", tmp_path)
    one.report = lambda _share, text: said.append(text)
    assert one.done == 0
    assert one._found() is None
    assert [text.partition(" is damaged")[0] for text in said] == [
        "vitkd: checkpoint vitkd.pt",
        f"vitkd: checkpoint vitkd{BEFORE}",
    ]
    assert_same(run([one])["vitkd"], undisturbed["vitkd"])


def test_a_checkpoint_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr("os.fsync", lambda _handle: done.append("sync"))
    replace = type(tmp_path).replace

    def noted(self, new):
        done.append(f"{self.suffix} -> {new.suffix}")
        return replace(self, new)

    monkeypatch.setattr(type(tmp_path), "replace", noted)
    run([student("none", tmp_path, epochs=2)])
    assert done == ["sync", ".draft -> .pt", "sync", ".pt -> .before", ".draft -> .pt"]


def test_few_are_written_where_epochs_are_short(tmp_path, monkeypatch):
    written = []

    def save(self):
        written.append(self.done)
        time.sleep(0.001)

    monkeypatch.setattr("suite.train.student.Student.save", save)
    run([student("none", tmp_path, epochs=40)], share=1e-9, epochs=40)
    assert len(written) == 1, "what one costs is known after the first"


def test_nothing_random_is_kept(tmp_path):
    run([student("vitkd", tmp_path)])
    content = (tmp_path / "vitkd.pt").read_bytes()[32:]
    assert "generator" not in torch.load(io.BytesIO(content), weights_only=True)
