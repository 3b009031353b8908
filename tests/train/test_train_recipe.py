"""Recipes and evaluations as typed data, and several processes as one sees them."""

import re
from types import SimpleNamespace

import pytest
import torch
from train_nets import RECIPE, recipe

from suite.errors import Stopped, SuiteError
from suite.train.distributed import Processes
from suite.train.numerics import Numerics
from suite.train.recipe import Evaluate, Recipe


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epoch": 3}, "recipe: Object contains unknown field `epoch`"),
        ({"epochs": 0}, r"Expected `int` >= 1 - at `\$.epochs`"),
        ({"lr": "fast"}, r"Expected `float`, got `str` - at `\$.lr`"),
        ({"precision": "half"}, r"Invalid enum value 'half' - at `\$.precision`"),
        ({"warmup": 0.1, "warmup_epochs": 5}, "give warmup .* or warmup_epochs, not both"),
    ],
)
def test_what_a_recipe_cannot_hold_is_named(changes, words):
    with pytest.raises(SuiteError, match=words):
        recipe(**changes)


def test_a_recipe_says_all_that_it_means():
    plain = recipe().plain()
    assert Recipe.of(plain) == recipe()
    assert plain["views"] == 0
    assert recipe(micro_batch=0).slice == RECIPE["batch"]
    assert recipe(lr_batch=0).rate == RECIPE["lr"]
    assert recipe(lr_batch=6).rate == 2 * RECIPE["lr"]
    assert recipe(epochs=40, warmup=0.1).warm == 4
    assert recipe(epochs=40, warmup_epochs=7).warm == 7


@pytest.mark.parametrize(
    ("look", "epochs", "after"),
    [
        ({}, 5, {5}),
        ({"every": 1}, 3, {1, 2, 3}),
        ({"every": 5}, 12, {5, 10, 12}),
        ({"milestones": [0.2, 0.4, 0.6, 0.8, 1.0]}, 33, {7, 13, 20, 26, 33}),
        ({"milestones": [0.0, 0.001]}, 4, {1, 4}),
    ],
)
def test_a_network_is_evaluated_at_its_milestones_and_at_the_end(look, epochs, after):
    assert Evaluate.of(look).after(epochs) == after


def test_an_unknown_precision_is_refused():
    with pytest.raises(SuiteError, match="no precision 'half': choose from float64, float32, bfloat16, float16"):
        Numerics("cpu", "half")


def test_processes_that_differ_are_found(monkeypatch):
    two = Processes(0, 2)
    monkeypatch.setattr(Processes, "gather", lambda _self, value: [value, [(0.0, 0.0)]])
    with pytest.raises(SuiteError, match="the weights of it differ between processes"):
        two.require_equal([torch.ones(2)], "the weights of it")


def test_one_process_that_fails_alone_says_so():
    store = SimpleNamespace(set=lambda *_: None, wait=lambda *_: (_ for _ in ()).throw(RuntimeError("late")))
    with pytest.raises(
        Stopped, match=re.escape("process 1 failed alone (out of memory): the job ends; start it again")
    ):
        Processes(1, 2, store).agree("block", "out of memory")
