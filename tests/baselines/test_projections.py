"""Methods with a projection: which learn it, when, and what they compare."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from baseline_nets import STUDENT, TEACHER, both, network, seeded
from hypothesis import given
from hypothesis import strategies as st

from baselines import MapShape, build, total
from baselines.projector_kd_released import normalised_mse

TRAINED = ["fitnet", "fitnet_two_stage", "projector_kd", "train_only_projector"]


def made(name, *, student=STUDENT, teacher=TEACHER, seed=0, **options):
    return build(name, student=student, teacher=teacher, options=options, generator=seeded(seed))


def run(method, *batch, progress=0.0):
    return method(*batch, generator=seeded(5), progress=progress)


def after_one_step(method):
    """Name → how far each entry of the state moved."""
    before = {name: x.clone() for name, x in method.state_dict().items()}
    trainable = [p for p in method.parameters() if p.requires_grad]
    own, taught, labels = both(method.taps)
    optimiser = torch.optim.SGD([*trainable, *own.maps.values()], lr=1.0)
    total(run(method, own, taught, labels)).backward()
    optimiser.step()
    return {name: float((x - before[name]).abs().max()) for name, x in method.state_dict().items()}


@pytest.mark.parametrize("name", TRAINED)
def test_every_projector_parameter_moves(name):
    moved = after_one_step(made(name))
    assert moved
    assert all(distance > 0 for distance in moved.values()), moved


def test_the_released_projector_stays_where_it_was():
    moved = after_one_step(made("projector_kd_released"))
    assert moved.keys() == {"part.projectors.0.weight", "part.projectors.0.bias"}
    assert set(moved.values()) == {0.0}


@pytest.mark.parametrize("name", [*TRAINED, "projector_kd_released"])
def test_one_projector_per_pair_drawn_from_the_generator(name):
    layers = {"student_layers": [0, -1], "teacher_layers": [0, -1]}
    one, same, other = (made(name, seed=seed, **layers).state_dict() for seed in (0, 0, 1))
    first, second = (x for key, x in one.items() if x.shape == (24, 12))
    assert not torch.equal(first, second)
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)
    assert first.abs().max() <= 12**-0.5  # torch's default for a Linear with 12 inputs
    assert first.abs().max() > 0.9 * 12**-0.5


@pytest.mark.parametrize("name", ["fitnet", "projector_kd"])
def test_the_loss_is_a_mean_squared_error_after_a_linear_map_per_token(name):
    method = made(name, weight=1.0)
    own, taught, labels = both(method.taps)
    (s,), (t,) = method.taps.student, method.taps.teacher
    projector = method.part.projectors[0]
    tokens = own.maps[s].flatten(2).mT @ projector.weight.T + projector.bias
    wanted = F.mse_loss(tokens, taught.maps[t].flatten(2).mT)
    torch.testing.assert_close(run(method, own, taught, labels)["feature"], wanted)


def test_the_control_for_lift_has_lifts_module():
    method = made("train_only_projector", weight=1.0)
    own, taught, labels = both(method.taps)
    project, norm = method.part.projectors[0]
    assert project.bias is None
    tokens = norm(own.maps[7].flatten(2).mT @ project.weight.T)
    wanted = F.mse_loss(tokens, taught.maps[9].flatten(2).mT)
    torch.testing.assert_close(run(method, own, taught, labels)["feature"], wanted)


def test_hints_default_to_the_middle_of_each_network():
    student, teacher = network(depth=12, channels=6), network(depth=24, channels=8)
    taps = made("fitnet", student=student, teacher=teacher).taps
    assert (taps.student, taps.teacher) == ((5,), (11,))
    one_layer = network(depth=1, channels=6)
    assert made("fitnet", student=one_layer, teacher=teacher).taps.student == (0,)


def test_two_stages_follow_each_other():
    method = made("fitnet_two_stage", hint_share=0.4, weight=2.0)
    batch = both(method.taps)
    hint = run(method, *batch, progress=0.39)
    assert hint.keys() == {"feature"}
    logits = run(method, *batch, progress=0.4)
    soft = run(made("soft_kd"), *batch)
    assert logits.keys() == soft.keys()
    assert all(torch.equal(logits[term], soft[term]) for term in soft)
    joint = made("fitnet", weight=2.0)
    joint.load_state_dict(method.state_dict())
    torch.testing.assert_close(hint["feature"], run(joint, *batch)["feature"])
    assert [method.stage(share) for share in (0.0, 0.39, 0.4, 0.99)] == ["hint", "hint", "logits", "logits"]


def test_two_stages_must_be_told_the_progress():
    method = made("fitnet_two_stage")
    with pytest.raises(ValueError, match="pass progress"):
        run(method, *both(method.taps), progress=None)


@given(seed=st.integers(0, 2**31), scale=st.floats(0.5, 20), shift=st.floats(-5, 5))
def test_the_released_loss_compares_correlations_only(seed, scale, shift):
    """Per channel 2·(1 − correlation), so scale and offset of either side do not count."""
    generator = seeded(seed)
    student, teacher = torch.randn(2, 3, 4, 5, 5, generator=generator, dtype=torch.float64)
    loss = normalised_mse(student, teacher)
    by_channel = [
        torch.corrcoef(torch.stack([s.flatten(), t.flatten()]))[0, 1]
        for s, t in zip(student.movedim(1, 0), teacher.movedim(1, 0), strict=True)
    ]
    # ε = 1e-5 against variances near 1 (or above .25 · 1 once rescaled).
    torch.testing.assert_close(loss, 2 * (1 - torch.stack(by_channel)).mean(), rtol=0, atol=2e-4)
    torch.testing.assert_close(normalised_mse(scale * student + shift, teacher), loss, rtol=0, atol=2e-4)


def test_the_released_loss_is_the_same_in_evaluation_mode():
    """The released criterion is never put in evaluation mode; ours has no such mode."""
    method = made("projector_kd_released")
    batch = both(method.taps)
    training = run(method.train(), *batch)
    torch.testing.assert_close(run(method.eval(), *batch), training, rtol=0, atol=0)
    assert not list(method.buffers())


def test_pairs_must_share_a_grid():
    """Stages of a hierarchical teacher: the advice names both grids."""
    fine, coarse = MapShape(8, 8, 8), MapShape(16, 4, 4)
    stages = replace(TEACHER, depth=2, maps={0: fine, 1: coarse}, final=coarse)
    with pytest.raises(ValueError, match="student layer 7 has a 4x4 grid and teacher layer 0 a 8x8 one"):
        made("fitnet", teacher=stages, student_layers=[-1], teacher_layers=[0])
    assert made("fitnet", teacher=stages, student_layers=[-1], teacher_layers=[1]).taps.teacher == (1,)
