"""What students are told: answers asked once a step, or once a view, by a teacher that only is looked at."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from train_nets import CLASSES, EVERY, EXAMPLE, IMAGES, STEPS, Noise, order, recipe, run, stream, student, teacher

from baselines import METHODS, Outputs, Reading
from baselines.students import Tapped
from suite.errors import SuiteError
from suite.models import build, fused_cait
from suite.models.fused_cait import fuse
from suite.train.distributed import Processes
from suite.train.loop import train
from suite.train.numerics import Numerics
from suite.train.stream import Batch
from suite.train.teacher import Kept, Live, Teacher, UntrainedTeacher, only, require_trained

NETWORK = teacher()
READING = Reading((0, 2), final=True, pooled=True)
CPU = Numerics("cpu")
RESNET = {
    "timm": "resnet18",
    "overrides": {"in_chans": 1, "layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8], "output_stride": 16},
}


class Watched:
    """Counts the passes of a teacher, and looks at the state it is in during each."""

    def __init__(self, network):
        self.calls = []
        network.register_forward_hook(self._note, with_kwargs=True)

    def _note(self, network, args, _kwargs, _outputs):
        quiet = not any(part.training for part in network.modules()) and not torch.is_grad_enabled()
        self.calls.append((len(args[0]), quiet))


def tensors(outputs):
    found = {"logits": outputs.logits, "final": outputs.final, "pooled": outputs.pooled}
    return found | {f"map {layer}": values for layer, values in outputs.maps.items()}


def slices(how):
    batches = stream(**how)
    return [batch for step in range(recipe(**how).epochs * 2) for _, batch in batches.step(step)]


@pytest.mark.parametrize("repeats", [1, 3])
def test_answers_that_are_kept_are_those_of_a_live_teacher(repeats):
    how = recipe(views=2, repeats=repeats)
    source, made = Noise(), order(how)
    asked = {"it": Teacher(NETWORK, READING)}
    kept, live = Kept(asked, source, repeats, CPU), Live(asked, CPU)
    for step in range(6):
        for number in range(made.slices):
            views = made.slice(step, number)
            pixels, _ = next(iter(source.read([views])))
            one, other = tensors(kept(views, pixels)["it"]), tensors(live(views, pixels)["it"])
            for name, values in other.items():
                # a batch of another size may be summed in another order
                torch.testing.assert_close(one[name], values, rtol=1e-5, atol=1e-5, msg=name)


def test_a_kept_answer_depends_neither_on_the_step_nor_on_what_else_is_read():
    how, source = recipe(views=2), Noise()
    made = order(how)
    readings = [Reading((2,)), READING, NETWORK.network(EXAMPLE).everything()]
    kept = [Kept({"it": Teacher(NETWORK, reading)}, source, 1, CPU) for reading in readings]
    for teachers, steps in zip(kept, ((0, 3), (3, 0), (2, 3)), strict=True):  # begun at different steps
        for step in steps:
            teachers(made.slice(step, 0), EXAMPLE)
    found = [teachers(made.slice(3, 1), EXAMPLE)["it"] for teachers in kept]
    for other in found[1:]:
        assert torch.equal(found[0].logits, other.logits)
        assert torch.equal(found[0].maps[2], other.maps[2])


def test_each_teacher_is_asked_once_for_each_view(tmp_path):
    how = {"views": 2, "epochs": 5}
    source = Noise()
    batches = stream(source=source, **how)
    watched = [Watched(each.network) for each in batches._answers._live._teachers.values()]

    students = [student(kind, tmp_path, **how) for kind in ("soft_kd", "vitkd", "soft_kd from another teacher")]
    train(students, batches, processes=Processes(), evaluate=lambda due: {one.key: {} for one in due})
    for each in watched:
        assert each.calls == [(IMAGES, True)] * 2


@pytest.mark.parametrize("count", [1, 5])
def test_a_live_teacher_is_asked_once_a_slice(count, tmp_path):
    batches = stream()
    watched = [Watched(each.network) for each in batches._answers._teachers.values()]
    for each in batches._answers._teachers.values():
        each.network.train()  # whatever state it comes in

    students = [student(kind, tmp_path) for kind in EVERY[:count]]
    train(students, batches, processes=Processes(), evaluate=lambda due: {one.key: {} for one in due})
    for each in watched:
        assert each.calls == [(4, True)] * (3 * STEPS)


class Casts(TorchDispatchMode):
    """Counts how often the weights of linear layers are cast to another type."""

    def __init__(self, linear):
        super().__init__()
        self.places = {module.weight.data_ptr() for module in linear}
        self.count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation.overloadpacket.__name__ == "_to_copy":
            self.count += args[0].data_ptr() in self.places
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_the_weights_of_a_fused_teacher_are_cast_once_and_anew_when_they_change(precision):
    half, network = Numerics("cpu", precision), teacher()
    network.requires_grad_(False)
    # All but the mixings of heads.
    wide = [module for module in network.modules() if type(module) is torch.nn.Linear and module.out_features > 2]
    asked = {"it": Teacher(network, READING)}

    def answers(ask):
        with Casts(wide) as casts:
            return tensors(ask((), EXAMPLE)["it"]), casts.count

    assert fuse(network) == 3
    for module in wide:
        module.__class__ = torch.nn.Linear
    before, count = answers(Live(asked, half))
    assert count >= len(wide), "autocast does it again at every call"
    assert fuse(network) == 0, "the attentions are"
    for module in wide:
        module.__class__ = fused_cait.RememberingLinear
    answers(Live(asked, half))
    after, count = answers(Live(asked, half))
    assert count == 0
    assert all(torch.equal(after[name], values) for name, values in before.items())
    with torch.no_grad():
        wide[-1].weight.mul_(2)
    changed, count = answers(Live(asked, half))
    assert count == 1
    assert not torch.equal(changed["logits"], before["logits"])


def test_the_teacher_learns_nothing():
    network = Tapped(build(RESNET, classes=CLASSES, seed=0)).train()  # its BatchNorm would notice a pass in training
    before = {name: value.clone() for name, value in network.state_dict().items()}
    outputs = Teacher(network, Reading((4,)))(EXAMPLE + torch.rand(2, 1, 8, 8))
    assert not any(part.training for part in network.modules())
    assert not outputs.logits.requires_grad
    assert not outputs.maps[4].requires_grad
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_method_cannot_reach_back_to_the_teacher(tmp_path):
    """Even a stream that forgets to cut the graph leaves the teacher without a gradient."""
    network = teacher().requires_grad_()
    everything = network.network(EXAMPLE).everything()
    ((_, plain), *_rest) = stream().step(0)
    given_ = network(plain.pixels, **everything.keywords())
    assert given_.logits.requires_grad
    for kind in METHODS:
        one = student(kind, tmp_path)
        one.begin()
        one.learn(Batch(plain.pixels, plain.labels, {"trained": given_}), 0)
        assert one.broken is None
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_student_is_handed_only_what_it_reads():
    outputs = Teacher(NETWORK, NETWORK.network(EXAMPLE).everything())(EXAMPLE)
    found = only(outputs, Reading((1,), pooled=True))
    assert set(found.maps) == {1}
    assert found.final is None
    assert found.pooled is outputs.pooled
    assert not found.attention
    assert only(Outputs(outputs.logits), Reading()).logits is outputs.logits


# -------------------------------------------------------------------------------------------------- views


@settings(max_examples=20, deadline=None)
@given(views=st.integers(1, 4), repeats=st.sampled_from([1, 3]), epoch=st.integers(0, 6))
def test_a_finite_number_of_views_returns(views, repeats, epoch):
    made = order(recipe(views=views, repeats=repeats))

    def of_epoch(number):
        steps = range(number * made.steps_per_epoch, (number + 1) * made.steps_per_epoch)
        return [view for step in steps for n in range(made.slices) for view in made.slice(step, n)]

    shown, later = of_epoch(epoch), of_epoch(epoch + views)
    assert {view.epoch for view in shown} == {epoch % views}
    assert len(set(shown)) == len(shown)
    assert {(v.image, v.place) for v in shown} <= {(i, i * repeats + c) for i in range(IMAGES) for c in range(repeats)}
    assert {view.epoch for view in later} == {view.epoch for view in shown}
    assert shown != later or len(shown) == 1, "in another order"


def test_without_a_number_every_epoch_has_views_of_its_own():
    made = order(recipe())
    first, second = made.slice(0, 0), made.slice(made.steps_per_epoch, 0)
    assert {view.epoch for view in first} == {0}
    assert {view.epoch for view in second} == {1}


def test_mixed_images_have_no_answer_to_keep():

    with pytest.raises(SuiteError, match="views that return keep the teacher's answers"):
        recipe(views=2, mixup=0.8)


# -------------------------------------------------------------------------------------------------- accuracy


def test_an_untrained_teacher_is_refused():
    assert require_trained(200, 200, classes=10) == 100
    assert require_trained(40, 200, classes=10) == pytest.approx(20)
    for useless in (0, 20, 39):
        with pytest.raises(UntrainedTeacher, match=r"chance is 10\.0%: train its head"):
            require_trained(useless, 200, classes=10)


@pytest.mark.parametrize(("right", "fits"), [(1668, True), (1640, True), (1702, True), (1595, False), (1740, False)])
def test_a_teacher_must_be_as_good_as_it_is_published_to_be(right, fits):
    """Of 2,000 images at 83.4 %: a standard error is .83 points; wrong weights, or images it was trained on, show."""
    if fits:
        assert require_trained(right, 2000, classes=1000, published=83.4) == pytest.approx(right / 20)
        return
    with pytest.raises(UntrainedTeacher, match=r"published with 83\.4 %, \d standard errors away: weights, images"):
        require_trained(right, 2000, classes=1000, published=83.4)


def test_nothing_is_asked_where_there_is_no_teacher(tmp_path):
    found = run([student("none", tmp_path, views=2)], views=2)["none"]
    assert found.fault is None
    assert Kept({}, Noise(), 1, CPU)(order(recipe(views=2)).slice(0, 0), EXAMPLE) == {}
