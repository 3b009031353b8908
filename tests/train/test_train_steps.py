"""One step and what it is made of: slices, weights, their average, numbers, optimiser groups, waits for a device."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import fields

import pytest
import torch
from timm.layers import DropPath
from timm.optim import create_optimizer_v2
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from train_nets import (
    ALONE,
    CLASSES,
    DESK,
    EXAMPLE,
    STEPS,
    assert_same,
    evaluate,
    modules,
    outcome,
    recipe,
    run,
    stream,
    student,
    taught_shapes,
)

from baselines import METHODS
from baselines.students import STUDENTS, Tapped
from suite import profile as profiles
from suite.models import build
from suite.studies.cells import _student_spec
from suite.studies.networks import make_student, set_drop_path, spared
from suite.train import student as one_student
from suite.train.loop import _step, train
from suite.train.numerics import Numerics, exactly
from suite.train.optim import Schedule, optimiser
from suite.train.student import FIRST_SCALE

WEIGHTED = [name for name, method in METHODS.items() if "weight" in {f.name for f in fields(method.options_type)}]
LIFT = {"architecture": "lift", "width": 16}
WIDE = {"architecture": "wide_last", "width": 16}
PAIRS = [*((kind, {}) for kind in METHODS), ("spectral_kd", LIFT), ("spectral_kd", WIDE)]


# -------------------------------------------------------------------------------------------------- what is trained


@pytest.mark.parametrize("name", WEIGHTED)
def test_weight_zero_is_soft_kd_and_any_other_is_not(name, tmp_path):
    made = [
        student(name, tmp_path, key="without", options={"weight": 0.0}),
        student(name, tmp_path, key="some", options={"weight": 1e-3}),
        student("soft_kd", tmp_path, key="plain"),
    ]
    found = run(made)
    states = {key: one.network.state_dict() for key, one in found.items()}
    for weight, value in states["plain"].items():
        assert torch.equal(states["without"][weight], value), weight
    assert found["some"].history[-1]["logits"] != found["plain"].history[-1]["logits"]


@pytest.mark.parametrize(("kind", "changes"), PAIRS)
def test_what_gets_a_gradient_is_trained_once_and_saved(kind, changes, tmp_path):
    one = student(kind, tmp_path, **changes)
    named = dict(one.network.named_parameters()) | {f"method.{k}": p for k, p in one.method.named_parameters()}
    before = {name: parameter.detach().clone() for name, parameter in named.items()}
    learned = set()
    batches = stream()
    for _ in range(STEPS):
        _step([one], batches, ALONE)
        learned |= {name for name, p in named.items() if p.grad is not None and bool(p.grad.any())}
    assert one.fault is None
    grouped = [id(parameter) for group in one._optimiser.param_groups for parameter in group["params"]]
    trainable = {name for name, parameter in named.items() if parameter.requires_grad}
    assert learned <= trainable
    assert sorted(grouped) == sorted(id(named[name]) for name in trainable)  # each of them once, nothing else
    assert learned <= {name for name in named if not torch.equal(named[name], before[name])} <= trainable
    one.save()
    assert_same(student(kind, tmp_path, seed=7, **changes), one)


def test_only_the_released_projector_stays_frozen(tmp_path):
    found = run([student(kind, tmp_path) for kind in ("projector_kd_released", "projector_kd")])
    before = {name: dict(modules(name)[1].named_parameters()) for name in found}
    for name, parameter in found["projector_kd_released"].method.named_parameters():
        assert torch.equal(parameter, before["projector_kd_released"][name])
    after = dict(found["projector_kd"].method.named_parameters())
    assert not any(torch.equal(after[name], value) for name, value in before["projector_kd"].items())


def test_a_distillation_token_has_its_head_trained(tmp_path):
    one = student("deit_hard", tmp_path, architecture="distilled")
    before = one.network.backbone.head_dist.weight.detach().clone()
    run([one])
    assert not torch.equal(one.network.backbone.head_dist.weight, before)


# -------------------------------------------------------------------------------------------------- weight decay


def _decayed(made, named):
    found = {id(p): group["weight_decay"] for group in made.param_groups for p in group["params"]}
    return {name: found[id(p)] for name, p in named}


def _timms(network):
    """What timm's factory, which the papers' code calls on the bare model, decays."""
    made = create_optimizer_v2(network.backbone, opt="adamw", lr=1e-3, weight_decay=0.05)
    return _decayed(made, network.backbone.named_parameters())


BARE = {"plain": {}, "pooled": {}, "distilled": {}}
SWIN = {"img_size": 32, "patch_size": 2, "window_size": 4, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2]}


@pytest.mark.parametrize("kind", [*BARE, "swin", "resnet"])
def test_what_timm_spares_is_spared(kind, tmp_path):
    if kind in BARE:
        network, _ = modules("none", architecture=kind)
    else:
        name, overrides = {"swin": ("swin_tiny_patch4_window7_224", SWIN), "resnet": ("resnet18", {})}[kind]
        network = Tapped(build({"timm": name, "overrides": overrides}, classes=4, seed=0))
    made = optimiser(network, recipe(), spared=spared(network))
    found = _decayed(made, network.backbone.named_parameters())
    assert found == _timms(network)
    if kind != "resnet":
        assert any(
            value == 0 and p.ndim > 1 for (_, p), value in zip(network.named_parameters(), found.values(), strict=True)
        )


def test_a_student_spares_what_it_is_told_to_and_nothing_more(tmp_path):
    one = student("vitkd", tmp_path)
    named = [*one.both.named_parameters()]
    told = student("vitkd", tmp_path, key="told")
    told.spared = spared(told.network)
    told.__post_init__()
    plain, with_it = _decayed(one._optimiser, named), _decayed(told._optimiser, [*told.both.named_parameters()])
    assert plain["student.backbone.pos_embed"] == plain["student.backbone.cls_token"] == 0.05
    assert {name for name in plain if plain[name] != with_it[name]} == {
        "student.backbone.pos_embed",
        "student.backbone.cls_token",
    }
    for name, parameter in named:
        if parameter.ndim == 1:
            assert plain[name] == 0, name


@pytest.mark.parametrize("name", ["desk", "full", "cifar100", "smoke"])
def test_the_authors_wrappers_decay_positions_and_the_others_do_not(name):
    profile = profiles.load(name)
    spares = {architecture: _student_spec(profile, architecture, None)["spared"] for architecture in STUDENTS}
    decayed = {architecture for architecture, spare in spares.items() if not spare}
    assert decayed == {"lift", "wide_last", "uniform_wide"}


# -------------------------------------------------------------------------------------------------- stochastic depth


def rates(network):
    return [module.drop_prob for module in network.modules() if isinstance(module, DropPath)]


@pytest.mark.parametrize("name", ["desk", "full", "full-deit-small", "full-swin-tiny", "imagenet100", "cifar100"])
def test_no_student_has_more_stochastic_depth_than_its_recipe(name):
    profile = profiles.load(name)
    with torch.device("meta"):
        spec = _student_spec(profile, "plain", None) | {"init": "timm"}
        network = make_student(
            spec, classes=10, drop_path=profile.section("distill")["recipe"].get("drop_path", 0.0), seed=0
        )
    assert not any(rates(network))


@pytest.mark.parametrize("family", ["swin_tiny_patch4_window7_224", "cait_xxs24_224", "deit_tiny_patch16_224"])
def test_a_network_of_timm_gets_the_stochastic_depth_that_is_asked_for(family):
    with torch.device("meta"):
        some, none = (make_student({"timm": family}, classes=10, drop_path=rate, seed=0) for rate in (0.2, 0.0))
    assert max(rates(some)) == pytest.approx(0.2)
    assert not any(rates(none))


def test_stochastic_depth_is_private_and_repeatable(tmp_path):
    def deep(network):
        set_drop_path(network, 0.4)

    one = run([student("soft_kd", tmp_path, key="a", prepare=deep)])["a"]
    before = torch.random.get_rng_state()
    found = run([student("soft_kd", tmp_path, key="b", prepare=deep), student("vitkd", tmp_path, prepare=deep)])
    assert torch.equal(torch.random.get_rng_state(), before)
    assert_same(one, found["b"])
    assert rates(one.network) == pytest.approx([0.4, 0.4]), "none at the first block, all at the last"
    set_drop_path(one.network, 0.0)
    assert not any(rates(one.network))


# -------------------------------------------------------------------------------------------------- slices and rates


def test_a_step_of_slices_is_the_step_of_the_whole_batch(tmp_path):
    """Where nothing couples images, the mean over slices is the mean over the batch: to rounding, in float64.

    After four updates by AdamW, whose quotients lose digits where gradients are small.
    """
    exact = Numerics("cpu", "float64")
    ends = []
    for micro in (2, 12):
        one = student("soft_kd", tmp_path, key=f"{micro}", numerics=exact, micro_batch=micro)
        run([one], numerics=exact, micro_batch=micro)
        ends.append(one.network.state_dict())
    for name, value in ends[0].items():
        torch.testing.assert_close(value, ends[1][name], rtol=1e-7, atol=1e-9, msg=name)


def test_batch_norm_sees_slices_so_micro_batch_is_part_of_the_recipe(tmp_path):
    ends = []
    for micro in (2, 12):
        one = student("projector_kd_released", tmp_path, key=f"{micro}", micro_batch=micro)
        run([one], micro_batch=micro)
        ends.append(one.history[-1]["loss"])
    assert abs(ends[0] - ends[1]) > 1e-4


def test_the_average_of_weights_is_what_its_decay_says(tmp_path):
    one = student("none", tmp_path, ema_decay=0.75)
    before = {name: value.clone() for name, value in one.network.state_dict().items()}
    expected = before
    update = one.update

    def followed(numbers):
        nonlocal expected
        update(numbers)
        now = one.network.state_dict()
        expected = {name: 0.75 * expected[name] + 0.25 * now[name] for name in expected}

    one.update = followed
    run([one])
    for name, value in one.average.module.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)
    assert any(not torch.equal(expected[name], before[name]) for name in before)


def test_without_a_decay_no_average_is_kept(tmp_path):
    assert student("none", tmp_path, **DESK).average is None


def test_rates_are_those_of_the_released_logs():
    """Distillation Dynamics, logs: peak 2e-3 for a batch of 2,048, and these rates in the first epochs."""
    how = recipe(lr=5e-4, lr_batch=512, batch=2048, micro_batch=256, warmup_epochs=5, epochs=300)
    assert how.rate == pytest.approx(2e-3)
    made = optimiser(nn.Linear(2, 2), how)
    schedule = Schedule(made, how, steps_per_epoch=625)
    found = []
    for epoch in (*range(6), 299):
        for step in (0, 624):
            schedule.enter(625 * epoch + step)
            found.append(made.param_groups[0]["lr"])
    assert found[::2] == found[1::2], "constant within an epoch"
    assert found[:12:2] == pytest.approx([1e-6, 1e-6, 4.008e-4, 8.006e-4, 1.2004e-3, 1.6002e-3])
    last = 1e-5 + 0.5 * (2e-3 - 1e-5) * (1 + math.cos(math.pi * 298 / 300))
    assert found[-1] == pytest.approx(last)


# -------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_trains_close_to_single(tmp_path, precision):
    half = Numerics("cpu", precision)
    single = run([student("soft_kd", tmp_path, key="single")])["single"]
    found = run([student("soft_kd", tmp_path, key="half", numerics=half)], numerics=half)["half"]
    assert found.fault is None
    assert next(found.network.parameters()).dtype == torch.float32
    assert found.history[0]["loss"] == pytest.approx(single.history[0]["loss"], rel=0.02)
    assert found.history[0]["loss"] != single.history[0]["loss"]
    assert found.history[0]["gradient"] == pytest.approx(single.history[0]["gradient"], rel=0.05), "not scaled"


def test_an_overflow_of_scaled_gradients_skips_the_update_and_no_more(tmp_path):
    half = Numerics("cpu", "float16")
    one = student("none", tmp_path, numerics=half)
    assert one._scale == FIRST_SCALE
    one._scale = 2.0**40
    before = outcome(one)
    skipped = []
    finish = one.finish

    def noted(numbers):
        finish(numbers)
        same = all(torch.equal(v, before[f"network {k}"]) for k, v in one.network.state_dict().items())
        skipped.append(same)

    one.finish = noted
    run([one], numerics=half, epochs=10)
    assert one.fault is None
    assert skipped[0], "the first update overflowed"
    assert sum(record["overflows"] for record in one.history) > 0
    assert one._scale < 2.0**40


def test_the_scale_grows_again_after_many_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(one_student, "HEALTHY", 2)
    half = Numerics("cpu", "float16")
    one = student("none", tmp_path, numerics=half)
    one._scale = 8.0
    run([one], numerics=half)
    assert one._scale == 8.0 * 4
    assert one._healthy == 0


def test_a_compiled_channels_last_student_is_the_same_to_rounding(tmp_path):
    numerics = Numerics("cpu", channels_last=True, compile="eager")
    plain = run([student("none", tmp_path, key="plain")])["plain"]
    found = run([student("none", tmp_path, key="compiled", numerics=numerics)], numerics=numerics)["compiled"]
    assert found.fault is None
    assert found.history[0]["loss"] == pytest.approx(plain.history[0]["loss"], rel=1e-5)
    assert found.both.state_dict().keys() == plain.both.state_dict().keys()


def test_training_is_compiled_for_the_shape_of_its_slices(tmp_path):
    """Weighing with a few images first must leave no trace in the compiler, nor make the batch a symbol."""
    seen = []

    def backend(graph, inputs):
        seen.append([tuple(each.shape) for each in inputs if hasattr(each, "shape") and each.ndim == 4])
        assert not any(isinstance(each, torch.SymInt) for each in inputs)
        return graph.forward

    from suite.train.memory import need
    from suite.train.stream import Batch

    torch._dynamo.reset()
    numerics = Numerics("cpu", compile=backend)
    one = student("none", tmp_path, numerics=numerics)
    probes = [Batch(torch.randn(n, 1, 8, 8), torch.zeros(n, dtype=torch.long), {}) for n in (2, 3)]
    need(one, tuple(probes), 4)
    assert not seen, "weighed as it is written"
    _step([one], stream(), ALONE)
    assert one.fault is None
    assert seen
    assert all(shape[0] == 4 for shapes in seen for shape in shapes if shape[1:] == (1, 8, 8))


def test_float32_is_float32_while_it_is_trained_and_weighed(tmp_path):
    seen = []

    def look(due):
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
        return evaluate(due)

    before = torch.backends.cudnn.allow_tf32
    train([student("none", tmp_path)], stream(), processes=ALONE, evaluate=look)
    assert set(seen) == {(False, False)}
    assert torch.backends.cudnn.allow_tf32 == before
    with exactly():
        assert not torch.backends.cudnn.allow_tf32


def test_the_teacher_is_raised_only_where_it_is_read(tmp_path):
    """Half-precision maps that other students tap are no business of this one."""
    one = student("spectral_kd", tmp_path)
    ((_, batch), *_rest) = stream().step(0)
    given = one.given(batch, 0)
    assert set(given.maps) == set(one.method.taps.teacher) < set(batch.teachers["trained"].maps)
    assert given.final is None
    assert not given.attention
    plain = student("soft_kd", tmp_path).given(batch, 0)
    assert not plain.maps


# -------------------------------------------------------------------------------------------------- waits


class Waits(TorchDispatchMode):
    """Counts how often the host asks for a value: on a GPU it waits for the device each time."""

    def __init__(self):
        super().__init__()
        self.seen = Counter()

    def __torch_dispatch__(self, operation, types, arguments=(), named=None):
        self.seen[operation.overloadpacket.__name__] += 1
        return operation(*arguments, **(named or {}))


def test_learning_never_waits_and_a_step_waits_once_whatever_the_number_of_students(tmp_path):
    kinds = ("none", "soft_kd", "spectral_kd", "feature_mse", "projector_kd", "vitkd")
    for count in (1, len(kinds)):
        made = [student(kind, tmp_path, key=f"{count} {kind}") for kind in kinds[:count]]
        batches = stream()
        _step(made, batches, ALONE)  # the optimisers make their state
        with Waits() as counted:
            _step(made, batches, ALONE)
        assert counted.seen["_local_scalar_dense"] == 0, "values are read back as one list"
        assert not [one.label for one in made if one.fault]


def test_one_list_is_read_back_a_step(tmp_path, monkeypatch):
    read = []
    tolist = torch.Tensor.tolist

    def noted(self):
        read.append(tuple(self.shape))
        return tolist(self)

    made = [student(kind, tmp_path) for kind in ("soft_kd", "spectral_kd", "none")]
    batches = stream()
    list(batches.step(0))
    monkeypatch.setattr(torch.Tensor, "tolist", noted)
    _step(made, batches, ALONE)
    # terms and loss of each, and the norm of its gradient
    assert read == [(sum(len(one.named) for one in made),)]


# -------------------------------------------------------------------------------------------------- mixing


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0.0), (0.0, 1.0)])
def test_mixing_stays_in_the_slice_and_depends_on_the_step_alone(mixup, cutmix):
    plain, mixed, again = stream(), stream(mixup=mixup, cutmix=cutmix), stream(mixup=mixup, cutmix=cutmix)
    again_at_one = {number: batch.pixels for number, batch in again.step(1)}
    list(mixed.step(0))
    for (number, batch), (_, raw) in zip(mixed.step(1), plain.step(1), strict=True):
        assert torch.equal(batch.pixels, again_at_one[number])
        assert batch.labels.shape == (4, CLASSES)
        torch.testing.assert_close(batch.labels.sum(1), torch.ones(4))
        for row, own, other in zip(batch.labels, raw.labels, raw.labels.flip(0), strict=True):
            assert set(row.nonzero().flatten().tolist()) <= {int(own), int(other)}
        assert batch.pixels.shape == raw.pixels.shape


def test_example_shapes_fit():
    assert taught_shapes().classes == CLASSES
    assert EXAMPLE.shape[1:] == (1, 8, 8)
