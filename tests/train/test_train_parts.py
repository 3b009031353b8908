"""What is trained, what is saved, what a weight of 0 leaves, and that the teacher is only looked at."""

from dataclasses import fields

import pytest
import torch
from train_nets import (
    CLASSES,
    EVERY,
    EXAMPLE,
    STEPS,
    assert_same,
    fitting,
    live,
    modules,
    outcome,
    student,
    taught_shapes,
    teacher,
)

from baselines import METHODS, Reading
from baselines.students import Tapped
from suite.models import build
from suite.train.block import train
from suite.train.teacher import Batch, Teacher

WEIGHTED = [name for name, method in METHODS.items() if "weight" in {f.name for f in fields(method.options_type)}]
LIFT = {"architecture": "lift", "width": 16}
WIDE = {"architecture": "wide_last", "width": 16}
TOKEN = {"architecture": "distilled"}
PAIRS = [(kind, {}) for kind in METHODS] + [("spectral_kd", LIFT), ("spectral_kd", WIDE), ("deit_hard", TOKEN)]
RESNET = {
    "timm": "resnet18",
    "overrides": {"in_chans": 1, "layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8], "output_stride": 16},
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_weight_zero_is_soft_kd(name, tmp_path):
    without, plain = student(name, tmp_path, options={"weight": 0.0}), student("soft_kd", tmp_path)
    train([without, plain], live())
    assert_same(outcome(without), outcome(plain))


@pytest.mark.parametrize("name", WEIGHTED)
def test_any_other_weight_is_not(name, tmp_path):
    some, plain = student(name, tmp_path, options={"weight": 1e-3}), student("soft_kd", tmp_path)
    train([some, plain], live())
    assert outcome(some)["history"][-1]["logits"] != outcome(plain)["history"][-1]["logits"]


@pytest.mark.parametrize(("kind", "changes"), PAIRS)
def test_what_gets_a_gradient_is_trained_once_and_saved(kind, changes, tmp_path):
    one = student(kind, tmp_path, **changes)
    named = dict(one.network.named_parameters()) | {f"method.{k}": p for k, p in one.method.named_parameters()}
    before = {name: parameter.detach().clone() for name, parameter in named.items()}
    with_gradient, learned = set(), set()
    stream = live()
    for step in range(STEPS):
        one.learn(stream.batch(step))
        with_gradient |= {name for name, parameter in named.items() if parameter.grad is not None}
        learned |= {name for name, p in named.items() if p.grad is None or bool(p.grad.any())} & with_gradient
    grouped = [id(parameter) for group in one._optimiser.param_groups for parameter in group["params"]]
    trainable = {name for name, parameter in named.items() if parameter.requires_grad}
    assert with_gradient <= trainable
    assert sorted(grouped) == sorted(id(named[name]) for name in trainable)  # each of them once, nothing else
    assert {name for name in named if not torch.equal(named[name], before[name])} == learned
    one.save()
    again = student(kind, tmp_path, seed=7, **changes)
    assert_same(outcome(again), outcome(one))


def test_only_the_released_projector_stays_frozen(tmp_path):
    frozen, learned = student("projector_kd_released", tmp_path), student("projector_kd", tmp_path)
    train([frozen, learned], live())
    before = {name: modules(name)[1].state_dict() for name in ("projector_kd_released", "projector_kd")}
    assert_same(dict(frozen.method.state_dict()), dict(before["projector_kd_released"]))
    after = learned.method.state_dict()
    assert not any(torch.equal(after[name], value) for name, value in before["projector_kd"].items())


def test_decay_spares_norms_and_biases(tmp_path):
    one = student("vitkd", tmp_path)
    decay = {id(p): group["weight_decay"] for group in one._optimiser.param_groups for p in group["params"]}
    for name, parameter in (*one.network.named_parameters(), *one.method.named_parameters()):
        spared = parameter.ndim == 1
        assert decay[id(parameter)] == (0 if spared else one.recipe["weight_decay"]), name


def test_a_distillation_token_has_its_head_trained(tmp_path):
    one = student("deit_hard", tmp_path, architecture="distilled")
    before = one.network.backbone.head_dist.weight.detach().clone()
    train([one], live())
    assert not torch.equal(one.network.backbone.head_dist.weight, before)


class Watched:
    """Counts the passes of a teacher, and looks at the state it is in during each."""

    def __init__(self, network):
        self.calls = []
        network.register_forward_hook(self._note, with_kwargs=True)

    def _note(self, network, args, kwargs, _outputs):
        quiet = not any(part.training for part in network.modules()) and not torch.is_grad_enabled()
        self.calls.append((len(args[0]), tuple(kwargs["layers"]), kwargs["final"], quiet))


@pytest.mark.parametrize("count", [1, 5])
def test_a_live_teacher_is_asked_once_a_step_for_the_union(count, tmp_path):
    stream = live()
    watched = {name: Watched(each.network) for name, each in stream.teachers.items()}
    for each in stream.teachers.values():
        each.network.train()  # whatever state it comes in
    train([student(kind, tmp_path) for kind in EVERY[:count]], stream)
    for each in watched.values():
        assert each.calls == [(8, (0, 1, 2), True, True)] * STEPS


def test_the_teacher_learns_nothing(tmp_path):
    network = Tapped(build(RESNET, classes=CLASSES, seed=0)).train()  # its BatchNorm would notice a pass in training
    before = {name: value.clone() for name, value in network.state_dict().items()}
    taught = Teacher(network, Reading((4,)))
    outputs = taught(EXAMPLE + torch.rand(2, 1, 8, 8))
    assert not any(part.training for part in network.modules())
    assert not outputs.logits.requires_grad
    assert not outputs.maps[4].requires_grad
    assert_same(dict(network.state_dict()), before)


def test_no_optimiser_knows_the_teacher(tmp_path):
    stream = live()
    students = [student(kind, tmp_path) for kind in EVERY]
    train(students, stream)
    for each in stream.teachers.values():
        parameters = list(each.network.parameters())
        assert all(parameter.grad is None for parameter in parameters)
        assert not {id(p) for p in parameters} & {
            id(p) for one in students for group in one._optimiser.param_groups for p in group["params"]
        }
    assert_same(dict(stream.teachers["trained"].network.state_dict()), dict(teacher().state_dict()))


def test_a_method_cannot_reach_back_to_the_teacher(tmp_path):
    """Even a stream that forgets to cut the graph leaves the teacher without a gradient."""
    network = teacher()

    class Careless:
        def batch(self, step):
            batch = live().batch(step)
            given = network(batch.pixels, **taught_shapes().everything().keywords())
            assert given.logits.requires_grad
            return Batch(batch.pixels, batch.labels, {"trained": given})

    train([student(kind, tmp_path) for kind in METHODS], Careless())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_layers_fit(tmp_path):
    assert fitting("soft_kd") == {}
    assert student("spectral_kd", tmp_path).method.taps.teacher == (0, 2)
