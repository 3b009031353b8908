"""A student that breaks ends alone and says why; the others do not notice."""

import pytest
import torch
from train_nets import EXAMPLE, STEPS, assert_same, fingerprint, live, modules, outcome, outcomes, student

from baselines import METHODS, Options
from baselines.protocol import Method
from suite.train.block import train
from suite.train.supervised import Diverged

NAN, INF = float("nan"), float("inf")
OTHERS = ("none", "vitkd", "manifold_kd", "fitnet_two_stage")


class Poisoned(Method):
    """Cross-entropy until a step; then a second term that is not a number, or whose gradient is not."""

    def __init__(self, at: int, value: float, *, in_gradient: bool = False) -> None:
        torch.nn.Module.__init__(self)
        network, _ = modules("none")
        self.inner = METHODS["none"](network.network(EXAMPLE), None, Options(), torch.Generator())
        self.taps, self.at, self.value, self.in_gradient = self.inner.taps, at, value, in_gradient

    def terms(self, step):
        terms = self.inner.terms(step)
        zero = 0 * step.student.logits.sum()
        if round(step.progress * STEPS) == self.at:
            terms["poison"] = zero.square().sqrt() if self.in_gradient else zero + self.value
        return terms


def poisoned(folder, **changes):
    return student("none", folder, key="poisoned", method=Poisoned(**changes))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    students = [student(kind, tmp_path_factory.mktemp("undisturbed")) for kind in OTHERS]
    train(students, live())
    return outcomes(students)


@pytest.mark.parametrize(("at", "value", "place"), [(0, NAN, 2), (2, NAN, 0), (3, INF, 4), (STEPS - 1, -INF, 1)])
def test_a_loss_that_is_no_number_ends_its_student_alone(undisturbed, tmp_path, at, value, place):
    students = [student(kind, tmp_path) for kind in OTHERS]
    students.insert(place, poisoned(tmp_path, at=at, value=value))
    train(students, live(), every=2)
    broken = students.pop(place)
    assert isinstance(broken.fault, Diverged)
    assert f"step {at}" in str(broken.fault)
    assert f"poison {value}" in str(broken.fault)
    assert "ce " in str(broken.fault)
    assert broken.done == at
    assert not broken.active
    assert [record["step"] for record in broken.history] == [3] * (at >= 3)
    for each in students:
        assert each.fault is None
        assert_same(outcome(each), undisturbed[each.key])


def test_what_it_saved_before_is_kept_and_what_broke_is_not_saved(tmp_path):
    train([poisoned(tmp_path, at=3, value=NAN)], live(), every=2)
    again = poisoned(tmp_path, at=3, value=NAN)
    assert again.done == 2
    assert all(torch.isfinite(parameter).all() for parameter in again.network.parameters())
    train([again], live(), every=2)
    assert "step 3" in str(again.fault)


def test_a_block_of_broken_students_ends(tmp_path):
    students = [poisoned(tmp_path, at=at, value=NAN) for at in (0, 2)]
    train(students, live())
    assert [each.done for each in students] == [0, 2]


@pytest.mark.parametrize("at", range(STEPS))
def test_a_gradient_that_is_no_number_ends_its_student_too(at, undisturbed, tmp_path):
    broken = poisoned(tmp_path, at=at, value=0.0, in_gradient=True)
    students = [broken, *(student(kind, tmp_path) for kind in OTHERS)]
    train(students, live())
    assert isinstance(broken.fault, Diverged)
    assert f"step {at}" in str(broken.fault)
    for each in students[1:]:
        assert_same(outcome(each), undisturbed[each.key])


def test_an_evaluation_that_fails_ends_its_student_alone(undisturbed, tmp_path):
    def refuse(network):
        if broken.done == STEPS:
            raise ValueError("layer 1, image 0: a feature is NaN")
        return fingerprint(network)

    broken = student("vitkd", tmp_path, key="broken")
    broken.evaluate = refuse
    students = [broken, *(student(kind, tmp_path) for kind in OTHERS)]
    train(students, live())
    assert "a feature is NaN" in str(broken.fault)
    for each in students[1:]:
        assert_same(outcome(each), undisturbed[each.key])
