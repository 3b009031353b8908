"""A killed block, whatever it had saved, ends with the numbers of one that was never disturbed."""

import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from train_nets import STEPS, Interrupted, Killed, assert_same, live, outcome, outcomes, student

from suite.train import block as co_training
from suite.train.block import train

CREW = ("none", "vitkd", "manifold_kd", "fitnet_two_stage")
SEVERAL = 2  # steps between checkpoints


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    students = [student(kind, folder) for kind in CREW]
    train(students, live(), every=SEVERAL)
    return outcomes(students)


def killed(kinds, folder, *, at):
    """Train until the process dies when it asks for a step."""
    students = [student(kind, folder) for kind in kinds]
    with pytest.raises(Killed):
        train(students, Interrupted(live(), at), every=SEVERAL)
    return students


def resumed(kinds, folder):
    students = [student(kind, folder) for kind in kinds]
    begun = {each.key: each.done for each in students}
    train(students, live(), every=SEVERAL)
    return begun, outcomes(students)


@settings(max_examples=6)
@given(at=st.integers(0, STEPS - 1), lost=st.sets(st.sampled_from(CREW)))
def test_any_step_and_any_set_of_checkpoints(undisturbed, tmp_path_factory, at, lost):
    folder = tmp_path_factory.mktemp("killed")
    killed(CREW, folder, at=at)
    for kind in lost:
        (folder / f"{kind}.pt").unlink(missing_ok=True)
    begun, results = resumed(CREW, folder)
    assert begun == {kind: 0 if kind in lost else at - at % SEVERAL for kind in CREW}
    for kind, result in results.items():
        assert_same(result, undisturbed[kind])


def test_students_of_different_progress(undisturbed, tmp_path):
    killed(CREW, tmp_path, at=3)
    older = tmp_path / "older"
    older.mkdir()
    for kind in CREW[::2]:
        shutil.copy(tmp_path / f"{kind}.pt", older)
    killed(CREW, tmp_path, at=5)
    for path in older.iterdir():
        shutil.copy(path, tmp_path)
    begun, results = resumed(CREW, tmp_path)
    assert set(begun.values()) == {2, 4}
    for kind, result in results.items():
        assert_same(result, undisturbed[kind])


def test_students_join_and_leave(undisturbed, tmp_path):
    killed(CREW[:3], tmp_path, at=4)
    begun, results = resumed(CREW[1:], tmp_path)
    assert begun == {"vitkd": 4, "manifold_kd": 4, "fitnet_two_stage": 0}
    for kind, result in results.items():
        assert_same(result, undisturbed[kind])


def test_a_finished_block_asks_for_nothing(undisturbed, tmp_path):
    train([student(kind, tmp_path) for kind in CREW], live())
    students = [student(kind, tmp_path) for kind in CREW]
    train(students, Interrupted(None, 0))  # would fail at the first batch
    for each in students:
        assert_same(outcome(each), undisturbed[each.key])


def test_a_kill_while_a_checkpoint_is_written(undisturbed, tmp_path, monkeypatch):
    killed(CREW, tmp_path, at=3)
    write, written = torch.save, []

    def torn(state, path):
        written.append(path)
        if len(written) <= 2:
            return write(state, path)
        path.write_bytes(b"half a checkpoint")
        raise Killed

    monkeypatch.setattr(co_training.torch, "save", torn)
    with pytest.raises(Killed):
        train([student(kind, tmp_path) for kind in CREW], live(), every=SEVERAL)
    monkeypatch.undo()
    begun, results = resumed(CREW, tmp_path)
    assert sorted(begun.values()) == [2, 2, 4, 4]
    for kind, result in results.items():
        assert_same(result, undisturbed[kind])
