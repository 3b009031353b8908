"""What the trainer does for a method beside training it: the hook after an update, and how much its weight counts."""

import pytest
import torch
from train_nets import assert_same, run, student

from baselines import METHODS


def folder(parent, name):
    made = parent / name
    made.mkdir()
    return made


@pytest.fixture
def trained(tmp_path):
    def of(name):
        one = student(name, tmp_path)
        start = one.method.part.projector.weight.detach().clone()
        run([one])
        return start, one.method.part.projector.weight.detach()

    return of


def test_an_orthogonal_projection_has_moved_and_is_orthogonal(trained):
    start, weight = trained("vkd")
    assert not torch.equal(start, weight)
    torch.testing.assert_close(weight.T @ weight, torch.eye(8), rtol=0, atol=1e-5)


def test_the_released_projection_is_zero(trained):
    start, weight = trained("vkd_released")
    torch.testing.assert_close(start.T @ start, torch.eye(8), rtol=0, atol=1e-5)
    assert (weight == 0).all()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_asked_once_after_every_update(name, tmp_path, monkeypatch):
    one, calls = student(name, tmp_path), []
    monkeypatch.setattr(type(one.method), "after_step", lambda _self: calls.append(one.done))
    run([one])
    assert calls == list(range(one.steps))


def test_the_effective_weight_is_noted_at_both_ends_and_survives_a_restart(tmp_path):
    one, plain = student("projector_kd", tmp_path), student("none", tmp_path)
    run([one, plain])
    assert one.effective.keys() == {"first", "last"}
    assert all(ratio > 0 for ratio in one.effective.values())
    assert plain.effective == {}
    assert student("projector_kd", tmp_path).effective == one.effective


def test_noting_it_changes_no_training(tmp_path, monkeypatch):
    one = student("manifold_kd", folder(tmp_path, "one"))
    run([one])
    monkeypatch.setattr(type(one), "_weigh", lambda *_: None)
    other = student("manifold_kd", folder(tmp_path, "other"))
    run([other])
    assert_same(one, other)
