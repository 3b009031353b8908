"""A student that breaks ends alone and says why; the others do not notice, and nothing of it stays alive."""

import gc
import traceback
import weakref

import pytest
import torch
from train_nets import (
    ALONE,
    DESK,
    EXAMPLE,
    STEPS,
    assert_same,
    evaluate,
    modules,
    outcome,
    run,
    stream,
    student,
)

from baselines import METHODS, Options
from baselines.protocol import Method
from suite.errors import Stopped
from suite.train.loop import train
from suite.train.numerics import Numerics
from suite.train.student import Broken, Diverged

NAN, INF = float("nan"), float("inf")
OTHERS = ("none", "vitkd", "manifold_kd", "fitnet_two_stage")
FAULTS = (
    ValueError("it broke"),
    RuntimeError("it broke"),
    KeyError("it broke"),
    AssertionError("it broke"),
    TypeError("it broke"),
    torch.OutOfMemoryError("it broke"),
)


class Poisoned(Method):
    """Cross-entropy until a step; then something else."""

    def __init__(self, at: int, what, *, in_gradient: bool = False) -> None:
        torch.nn.Module.__init__(self)
        network, _ = modules("none")
        self.inner = METHODS["none"](network.network(EXAMPLE), None, Options(), torch.Generator())
        self.taps, self.at, self.what, self.in_gradient = self.inner.taps, at, what, in_gradient
        self.seen = None

    def terms(self, step):
        terms = self.inner.terms(step)
        if round(step.progress * STEPS) == self.at:
            self.seen = weakref.ref(step.student.logits)
            if isinstance(self.what, Exception):
                raise self.what
            zero = 0 * step.student.logits.sum()
            terms["poison"] = zero.square().sqrt() if self.in_gradient else zero + self.what
        return terms


def poisoned(folder, at, what, **changes):
    return student("none", folder, key="poisoned", method=Poisoned(at, what, **changes))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return {name: outcome(one) for name, one in run([student(kind, folder) for kind in OTHERS]).items()}


def beside(broken, place, folder, undisturbed):
    """Train it among the others, which must not notice."""
    students = [student(kind, folder) for kind in OTHERS]
    students.insert(place, broken)
    run(students)
    assert not broken.active
    for one in students:
        if one is not broken:
            assert one.fault is None
            assert_same(one, undisturbed[one.key])


@pytest.mark.parametrize(("at", "value", "place"), [(0, NAN, 2), (2, NAN, 0), (1, INF, 4), (STEPS - 1, -INF, 1)])
def test_a_loss_that_is_no_number_ends_its_student_alone(undisturbed, tmp_path, at, value, place):
    broken = poisoned(tmp_path, at, value)
    beside(broken, place, tmp_path, undisturbed)
    assert isinstance(broken.fault, Diverged)
    assert f"not finite at step {at} (ce " in str(broken.fault)
    assert f"poison {value}" in str(broken.fault)
    assert broken.done == at
    assert [record["epoch"] for record in broken.history] == [1] * (at >= 2)


@pytest.mark.parametrize("at", range(STEPS))
def test_a_gradient_that_is_no_number_ends_its_student_too(at, undisturbed, tmp_path):
    broken = poisoned(tmp_path, at, 0.0, in_gradient=True)
    beside(broken, 0, tmp_path, undisturbed)
    assert isinstance(broken.fault, Diverged)
    assert f"step {at}" in str(broken.fault)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("at", [0, STEPS - 1])
def test_an_exception_of_any_kind_ends_its_student_alone(undisturbed, tmp_path, fault, at):
    broken = poisoned(tmp_path, at, fault)
    beside(broken, 1, tmp_path, undisturbed)
    assert isinstance(broken.fault, Broken)
    assert f"{type(fault).__name__}: " in str(broken.fault)
    assert "it broke" in str(broken.fault)
    text = "".join(traceback.format_exception(broken.fault))
    assert "raise self.what" in text, "where it happened is told"


def test_nothing_of_a_failed_student_stays_alive(tmp_path):
    """A traceback keeps frames, frames keep tensors, and these a whole graph."""
    broken = poisoned(tmp_path, 0, torch.OutOfMemoryError("CUDA out of memory"))
    batches = stream()
    broken.begin()
    for number, batch in batches.step(0):
        broken.learn(batch, number)
        del batch
        assert broken.broken is not None
        gc.collect()
        assert broken.method.seen() is None, "while the next student of the slice trains"
    broken.fail(RuntimeError("another"))
    assert broken.fault is broken.broken
    assert all(p.grad is None for p in broken.both.parameters())


def test_what_the_update_raises_ends_its_student_alone(undisturbed, tmp_path):
    broken = student("vitkd", tmp_path, key="broken")

    def refuse(*_given, **_named):
        raise torch.OutOfMemoryError("no room for the moments")

    broken._optimiser.step = refuse
    beside(broken, 0, tmp_path, undisturbed)
    assert "no room for the moments" in str(broken.fault)


def test_a_fault_of_the_machine_stops_the_block(tmp_path):
    """Weeks of training must not be sealed as a failure of a method."""
    with pytest.raises(Stopped, match="a GPU fell off"):
        run([poisoned(tmp_path, 1, Stopped("a GPU fell off")), student("vitkd", tmp_path)])


def test_what_it_saved_before_is_kept_and_what_broke_is_not_saved(tmp_path):
    run([poisoned(tmp_path, 3, NAN)])
    again = poisoned(tmp_path, 3, NAN)
    assert again.done == 2
    assert all(torch.isfinite(parameter).all() for parameter in again.network.parameters())
    run([again])
    assert "step 3" in str(again.fault)


def test_a_block_of_broken_students_ends(tmp_path):
    students = [student("none", tmp_path, key=f"{at}", method=Poisoned(at, NAN)) for at in (0, 2)]
    run(students)
    assert [one.done for one in students] == [0, 2]


def test_an_evaluation_that_fails_ends_its_student_alone(undisturbed, tmp_path):
    def refuse(due):
        found = evaluate(due)
        return {key: Diverged("an output is NaN") if key == "broken" else value for key, value in found.items()}

    broken = student("vitkd", tmp_path, key="broken")
    students = [broken, *(student(kind, tmp_path) for kind in OTHERS)]
    train(students, stream(), processes=ALONE, evaluate=refuse)
    assert "an output is NaN" in str(broken.fault)
    assert broken.done == 2
    for one in students[1:]:
        assert_same(one, undisturbed[one.key])


def test_a_gradient_that_is_never_a_number_ends_its_student_at_half_precision_too(tmp_path):
    """Taken for an overflow it would skip every update and end as a finished result of weights that never moved."""
    half = Numerics("cpu", "float16")
    one = student("none", tmp_path, numerics=half, epochs=30)
    plain = one.terms

    def terms(batch, given, seed):
        nothing = 0 * sum(parameter.sum() for parameter in one._parameters)
        return plain(batch, given, seed) | {"extra": torch.sqrt(nothing * nothing)}  # 0, its gradient 0 times infinity

    one.terms = terms
    run([one], numerics=half, epochs=30)
    assert "not finite" in str(one.fault)
    assert one.done < one.steps


def test_as_the_desk_trains(tmp_path):
    broken = student("none", tmp_path, key="poisoned", method=Poisoned(0, KeyError("gone")), **DESK)
    found = run([broken, student("soft_kd", tmp_path, **DESK)], **DESK)
    assert "KeyError: 'gone'" in str(broken.fault)
    assert found["soft_kd"].fault is None
    assert found["soft_kd"].done == found["soft_kd"].steps
