"""What a method does to its parameters after every update, the trainer lets it do."""

import pytest
import torch
from train_nets import run, student

from baselines import METHODS


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
