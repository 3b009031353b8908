"""Co-training in slices: what a student ends as depends on its own recipe, the seed and nothing else."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset
from train_nets import CLASSES, CONFIG, GRID, SIDE, taught_shapes, teacher

from baselines import METHODS
from baselines import build as build_method
from baselines.students import build_student, width_aware
from suite.errors import Stopped, SuiteError
from suite.models import choose_attention
from suite.studies.full_networks import set_drop_path
from suite.train.distributed import Processes
from suite.train.full import FullStudent, Schedule, rate, train
from suite.train.memory import GIB, Need, available, fitting, need
from suite.train.optim import optimiser
from suite.train.order import Order
from suite.train.slices import Mix, Numerics, Slices
from suite.train.supervised import Diverged

IMAGES = 24
ALONE = Processes()
RECIPE = {
    "epochs": 2,
    "batch": 12,
    "lr": 4e-3,
    "lr_batch": 12,
    "weight_decay": 0.05,
    "warmup_epochs": 0,
    "warmup_lr": 1e-6,
    "min_lr": 1e-5,
    "clip": 1.0,
    "ema_decay": 0.5,
}
STEPS = 4
LAYERS = {"student_layers": [0, -1], "teacher_layers": [0, -1]}


class Noise(Dataset):
    """Images that depend on what is asked for alone."""

    def __getitem__(self, view):
        generator = torch.Generator().manual_seed(hash(tuple(view)) % 2**31)
        return torch.randn(1, SIDE, SIDE, generator=generator), view.image % CLASSES


def order(micro=4, batch=12):
    return Order(IMAGES, batch, micro, repeats=1, seed=3)


def stream(micro=4, *, numerics=None, mixup=0.0, cutmix=0.0):
    numerics = numerics or Numerics("cpu")
    it = teacher()
    numerics.place(it)
    return Slices(
        Noise(),
        order(micro),
        {"it": it.eval()},
        mix=Mix(mixup, cutmix, CLASSES, 3),
        processes=ALONE,
        numerics=numerics,
        workers=0,
    )


def student(name, folder, *, micro=4, numerics=None, key="", drop_path=0.0, **changes):
    choose_attention(GRID)  # timm keeps the choice of kernel for the whole process
    network = build_student("plain", CONFIG, generator=torch.Generator().manual_seed(0), init=width_aware)
    if drop_path:
        set_drop_path(network, drop_path)
    needs = METHODS[name].needs_teacher
    method = build_method(
        name,
        student=network.network(torch.zeros(2, 1, SIDE, SIDE)),
        teacher=taught_shapes() if needs else None,
        options=LAYERS if name == "manifold_kd" else {},
        generator=torch.Generator().manual_seed(1),
    )
    return FullStudent(
        key=key or name,
        label=name,
        network=network,
        method=method,
        recipe=RECIPE | changes,
        steps_per_epoch=order(micro).steps_per_epoch,
        slices=order(micro).slices,
        seed=2,
        numerics=numerics or Numerics("cpu"),
        processes=ALONE,
        checkpoint=folder / f"{key or name}.pt",
        teacher="it" if needs else "",
    )


def run(students, **changes):
    def evaluate(due):
        return {one.key: {"accuracy": float(one.done)} for one in due}

    train(students, stream(**changes), processes=ALONE, evaluate=evaluate)
    return {one.key: one for one in students}


def state(one):
    return {name: value.clone() for name, value in one.both.state_dict().items()}


def assert_same(one, other):
    assert one.done == other.done
    mine, theirs = state(one), state(other)
    assert mine.keys() == theirs.keys()
    for name in mine:
        assert torch.equal(mine[name], theirs[name]), name
    for (name, value), reference in zip(
        one.average.module.state_dict().items(), other.average.module.state_dict().values(), strict=True
    ):
        assert torch.equal(value, reference), name


KINDS = ("none", "soft_kd", "projector_kd", "vitkd", "manifold_kd", "fitnet_two_stage")


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    return run([student(name, folder) for name in KINDS])


@pytest.mark.parametrize("name", KINDS)
def test_a_student_is_the_same_alone_and_in_company(together, name, tmp_path):
    assert together[name].fault is None
    assert together[name].done == STEPS
    assert_same(run([student(name, tmp_path)])[name], together[name])


def test_a_student_that_joins_late_ends_as_if_it_had_been_there_from_the_start(together, tmp_path):
    """Its own checkpoint, or none, says where it is; it catches up alone and goes on with the others."""
    _first_epoch(student("soft_kd", tmp_path))
    joined = run([student("soft_kd", tmp_path), student("vitkd", tmp_path)])
    assert_same(joined["soft_kd"], together["soft_kd"])
    assert_same(joined["vitkd"], together["vitkd"])


def _first_epoch(one):
    """Train to the end of the first epoch and keep the checkpoint, as a killed process would have."""
    batches = stream()
    while one.done < one.steps_per_epoch:
        one.begin()
        for number, pixels, labels in batches.step(one.done):
            wanted = {one.teacher: one.method.taps.of_teacher} if one.teacher else {}
            one.learn(batches.taught(pixels, labels, wanted), number)
        one.update()
    one.record({"accuracy": float(one.done)}, speed=1.0)
    one.save()


def test_a_student_may_leave_the_block_and_go_on_elsewhere(together, tmp_path):
    for name in ("vitkd", "projector_kd"):
        _first_epoch(student(name, tmp_path))
        assert_same(run([student(name, tmp_path)])[name], together[name])


def test_a_step_of_slices_is_the_step_of_the_whole_batch(tmp_path):
    """Where nothing couples images, the mean over slices is the mean over the batch: to rounding, in float64.

    After four updates by AdamW, whose quotients lose digits where gradients are small.
    """
    exact = Numerics("cpu", "float64")
    ends = [
        state(
            run(
                [student("soft_kd", tmp_path, key=f"{micro}", micro=micro, numerics=exact)], micro=micro, numerics=exact
            )[f"{micro}"]
        )
        for micro in (2, 12)
    ]
    for name, value in ends[0].items():
        torch.testing.assert_close(value, ends[1][name], rtol=1e-7, atol=1e-9, msg=name)


def test_batch_norm_sees_slices_so_micro_batch_is_part_of_the_recipe(tmp_path):
    ends = [
        run([student("projector_kd_released", tmp_path, key=f"{micro}", micro=micro)], micro=micro)[f"{micro}"].history[
            -1
        ]["loss"]
        for micro in (2, 12)
    ]
    assert abs(ends[0] - ends[1]) > 1e-4


def test_the_average_of_weights_is_what_its_decay_says(tmp_path):
    one = student("none", tmp_path, ema_decay=0.75)
    before = {name: value.clone() for name, value in one.network.state_dict().items()}
    expected = before
    update = one.update

    def followed():
        nonlocal expected
        update()
        now = one.network.state_dict()
        expected = {name: 0.75 * expected[name] + 0.25 * now[name] for name in expected}

    one.update = followed
    run([one])
    for name, value in one.average.module.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)
    assert any(not torch.equal(expected[name], before[name]) for name in before)


# -------------------------------------------------------------------------------------------------- the recipe


def test_rates_are_those_of_the_released_logs():
    """Distillation Dynamics, logs: peak 2e-3 for a batch of 2,048, and these rates in the first epochs."""
    recipe = RECIPE | {"lr": 5e-4, "lr_batch": 512, "batch": 2048, "warmup_epochs": 5}
    assert rate(recipe) == pytest.approx(2e-3)
    made = optimiser(nn.Linear(2, 2), recipe | {"lr": rate(recipe)})
    schedule = Schedule(made, recipe, epochs=300)
    found = []
    for epoch in (*range(6), 299):
        schedule.enter(epoch)
        found.append(made.param_groups[0]["lr"])
    assert found[:6] == pytest.approx([1e-6, 1e-6, 4.008e-4, 8.006e-4, 1.2004e-3, 1.6002e-3])
    last = 1e-5 + 0.5 * (2e-3 - 1e-5) * (1 + math.cos(math.pi * 298 / 300))
    assert found[6] == pytest.approx(last)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_trains_close_to_single(together, tmp_path, precision):
    half = Numerics("cpu", precision)
    found = run([student("soft_kd", tmp_path, numerics=half)], numerics=half)["soft_kd"]
    assert found.fault is None
    assert next(found.network.parameters()).dtype == torch.float32
    assert found.history[0]["loss"] == pytest.approx(together["soft_kd"].history[0]["loss"], rel=0.02)
    assert found.history[0]["loss"] != together["soft_kd"].history[0]["loss"]


def test_an_overflow_of_scaled_gradients_skips_the_update_and_no_more(tmp_path):
    half = Numerics("cpu", "float16")
    one = student("none", tmp_path, numerics=half)
    one._scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    run([one], numerics=half)
    assert one.fault is None
    assert sum(record["overflows"] for record in one.history) > 0
    assert one._scaler.get_scale() < 2.0**40


def test_a_gradient_that_is_never_a_number_ends_its_student_at_half_precision_too(tmp_path):
    """Taken for an overflow it would skip every update and end as a finished result of weights that never moved."""
    half = Numerics("cpu", "float16")
    one = student("none", tmp_path, numerics=half, epochs=30)
    plain = one.terms

    def terms(batch, given, seed):
        nothing = 0 * sum(parameter.sum() for parameter in one._parameters)
        return plain(batch, given, seed) | {"extra": torch.sqrt(nothing * nothing)}  # 0, its gradient 0 times infinity

    one.terms = terms
    run([one], numerics=half)
    assert "not finite" in str(one.fault)
    assert one.done < one.steps


def test_a_compiled_channels_last_student_is_the_same_to_rounding(together, tmp_path):
    numerics = Numerics("cpu", channels_last=True, compile="eager")
    found = run([student("none", tmp_path, numerics=numerics)], numerics=numerics)["none"]
    assert found.fault is None
    assert found.history[0]["loss"] == pytest.approx(together["none"].history[0]["loss"], rel=1e-5)
    assert state(found).keys() == state(together["none"]).keys()


def test_stochastic_depth_is_private_and_repeatable(tmp_path):
    one = run([student("soft_kd", tmp_path, key="a", drop_path=0.4)])["a"]
    before = torch.random.get_rng_state()
    other = run([student("soft_kd", tmp_path, key="b", drop_path=0.4), student("vitkd", tmp_path, drop_path=0.4)])["b"]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert_same(one, other)
    rates = [m.drop_prob for m in one.network.modules() if hasattr(m, "drop_prob")]
    assert rates == pytest.approx([0.4, 0.4]), "none at the first block, all at the last"


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0.0), (0.0, 1.0)])
def test_mixing_stays_in_the_slice_and_depends_on_the_step_alone(mixup, cutmix):
    plain, mixed, again = stream(), stream(mixup=mixup, cutmix=cutmix), stream(mixup=mixup, cutmix=cutmix)
    again_at_one = {number: pixels for number, pixels, _ in again.step(1)}
    list(mixed.step(0))
    for (number, pixels, labels), (_, raw, raw_labels) in zip(mixed.step(1), plain.step(1), strict=True):
        assert torch.equal(pixels, again_at_one[number])
        assert labels.shape == (4, CLASSES)
        torch.testing.assert_close(labels.sum(1), torch.ones(4))
        for row, own, other in zip(labels, raw_labels, raw_labels.flip(0), strict=True):
            assert set(row.nonzero().flatten().tolist()) <= {int(own), int(other)}
        assert pixels.shape == raw.shape


def test_an_unknown_precision_is_refused():
    with pytest.raises(SuiteError, match="no precision 'half': choose from float64, float32, bfloat16, float16"):
        Numerics("cpu", "half")


# -------------------------------------------------------------------------------------------------- faults


class Failing(nn.Module):
    """A method whose loss breaks at one step."""

    def __init__(self, method, student, at, how):
        super().__init__()
        self.inner, self._student, self._at, self._how = method, student, at, how
        self.taps = method.taps

    def forward(self, *arguments, **options):
        terms = self.inner(*arguments, **options)
        if self._student[0].done == self._at:
            if self._how == "raise":
                raise ValueError("it broke")
            return {**terms, "more": terms["ce"] * float("nan")}
        return terms

    def after_step(self):
        self.inner.after_step()


def failing(folder, at, how):
    one = student("soft_kd", folder, key="failing")
    one.method = Failing(one.method, [one], at, how)
    return one


@pytest.mark.parametrize(("how", "kind"), [("raise", RuntimeError), ("nan", Diverged)])
def test_a_student_that_fails_leaves_the_others_as_they_are(together, tmp_path, how, kind):
    found = run([failing(tmp_path, 1, how), student("vitkd", tmp_path)])
    fault = found["failing"].fault
    assert isinstance(fault, (ValueError, kind))
    assert "it broke" in str(fault) or "not finite at step 1" in str(fault)
    assert_same(found["vitkd"], together["vitkd"])


def test_what_fails_after_an_epoch_stops_the_block_and_loses_nothing(together, tmp_path):
    """By then it is the machine that failed, and days of training must not be sealed as a failure."""
    with pytest.raises(
        Stopped, match=re.escape("soft_kd failed at step 2: ValueError: it broke (in process 0); run again to resume")
    ):
        run([failing(tmp_path, 2, "raise"), student("vitkd", tmp_path)])
    assert torch.load(tmp_path / "failing.pt")["done"] == 2
    resumed = run([student("soft_kd", tmp_path, key="failing"), student("vitkd", tmp_path)])
    assert_same(resumed["failing"], together["soft_kd"])
    assert_same(resumed["vitkd"], together["vitkd"])


# -------------------------------------------------------------------------------------------------- memory


def test_what_is_held_for_the_backward_pass_grows_with_the_slice_and_the_rest_does_not(tmp_path):
    one = student("projector_kd", tmp_path)
    before = state(one)
    batches = stream()
    asked = {"it": one.method.taps.of_teacher}
    probe = batches.taught(torch.randn(2, 1, SIDE, SIDE), torch.tensor([0, 1]), asked)
    small, large = need(one, probe, 2), need(one, probe, 8)
    assert large.activations == 4 * small.activations > 0
    assert small.gradients == 4 * sum(p.numel() for p in one.both.parameters() if p.requires_grad)
    assert small.optimiser == 2 * small.gradients
    assert small.average == 4 * sum(p.numel() for p in one.network.parameters())
    assert small.weights >= small.gradients
    assert all(torch.equal(value, before[name]) for name, value in state(one).items()), "probing leaves no trace"
    assert "activations" in small.line()


def test_students_that_do_not_fit_are_named_in_order():
    def one(label, lasting, activations):
        return Need(label, weights=lasting, gradients=0, optimiser=0, average=0, activations=activations)

    needs = [one("a", 10, 30), one("b", 10, 50), one("c", 40, 10), one("d", 5, 10)]
    assert fitting(needs, shared=20, available=200) == [True] * 4
    assert fitting(needs, shared=20, available=100) == [True, True, False, True]
    assert fitting(needs, shared=20, available=89) == [True, False, False, True]
    assert fitting(needs, shared=95, available=100) == [False] * 4


def test_the_memory_there_is_can_be_limited():
    assert available("cpu", 2.0) == 2 * GIB
    assert available("cpu", None) > GIB // 16


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
