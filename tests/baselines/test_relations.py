"""Losses on relations: attention transfer and Manifold KD."""

import pytest
import torch
import torch.nn.functional as F
from baseline_nets import STUDENT, TEACHER, both, network, seeded
from hypothesis import given
from hypothesis import strategies as st

from baselines import build
from baselines.attention_transfer import attention, attention_transfer
from baselines.manifold_kd import patch_loss, random_loss, sample_loss, unit_tokens

EXACT = {"rtol": 1e-9, "atol": 1e-12}  # float64, sums of some thousand terms of order one
seeds = st.integers(0, 2**31)


def maps(seed, *, narrow=5, wide=8):
    generator = seeded(seed)
    student = torch.randn(3, narrow, 4, 4, generator=generator, dtype=torch.float64)
    return student, torch.randn(3, wide, 4, 4, generator=generator, dtype=torch.float64)


def rotation(size, seed):
    matrix = torch.randn(size, size, generator=seeded(seed), dtype=torch.float64)
    return torch.linalg.qr(matrix).Q


def rotated(x, matrix):
    return torch.einsum("bchw,cd->bdhw", x, matrix)


def made(name, **options):
    return build(name, student=STUDENT, teacher=TEACHER, options=options, generator=seeded())


@given(seed=seeds, scale=st.floats(0.01, 100))
def test_attention_is_free_of_scale(seed, scale):
    student, teacher = maps(seed)
    plain = attention_transfer(student, teacher)
    torch.testing.assert_close(attention_transfer(scale * student, teacher), plain, **EXACT)
    torch.testing.assert_close(attention_transfer(student, -scale * teacher), plain, **EXACT)


@given(seed=seeds)
def test_attention_is_free_of_rotations_of_channels(seed):
    student, teacher = maps(seed)
    turned = rotated(student, rotation(5, seed))
    torch.testing.assert_close(attention(turned), attention(student), **EXACT)
    torch.testing.assert_close(attention_transfer(turned, teacher), attention_transfer(student, teacher), **EXACT)


@given(seed=seeds)
def test_attention_code_form_is_the_mean_of_squared_norms_and_bounded(seed):
    student, teacher = maps(seed)
    positions = 16
    norms = (attention(student) - attention(teacher)).norm(dim=1)
    loss = attention_transfer(student, teacher)
    torch.testing.assert_close(loss * positions, norms.square().mean(), **EXACT)
    assert 0 <= loss <= 2 / positions
    assert attention_transfer(student, student) == 0


def test_attention_is_the_mean_square_of_the_channels_at_unit_length():
    x = torch.tensor([[1.0, 2.0], [1.0, 0.0]]).reshape(1, 2, 1, 2)  # mean squares 1 and 2
    torch.testing.assert_close(attention(x), torch.tensor([[1.0, 2.0]]) / 5**0.5)


def test_attention_reaches_its_bound_where_two_maps_never_meet():
    here, there = torch.zeros(2, 1, 1, 4, 4)
    here[..., 0, 0] = there[..., 1, 1] = 1
    assert attention_transfer(here, there) == 2 / 16


def test_attention_sums_over_three_depths_by_default():
    student, teacher = network(depth=12, channels=6), network(depth=24, channels=8)
    method = build("attention_transfer", student=student, teacher=teacher, generator=seeded())
    assert method.taps.student == (3, 7, 11)
    assert method.taps.teacher == (7, 15, 23)
    own, taught, labels = both(method.taps, student=student, teacher=teacher)
    found = method(own, taught, labels, generator=seeded())["feature"]
    pairs = zip(method.taps.student, method.taps.teacher, strict=True)
    wanted = 1000 * sum(attention_transfer(own.maps[s], taught.maps[t]) for s, t in pairs)
    torch.testing.assert_close(found, wanted)


RELATIONS = {
    "patch": patch_loss,
    "sample": sample_loss,
    "random": lambda s, t: random_loss(s, t, chosen=torch.arange(0, 48, 3)),
}
every_relation = pytest.mark.parametrize("relation", RELATIONS)


@every_relation
@given(seed=seeds)
def test_relations_are_free_of_rotations_and_of_the_length_of_tokens(relation, seed):
    loss = RELATIONS[relation]
    student, teacher = maps(seed)
    plain = loss(unit_tokens(student), unit_tokens(teacher))
    turned = rotated(student, rotation(5, seed)), rotated(teacher, rotation(8, seed + 1))
    torch.testing.assert_close(loss(*map(unit_tokens, turned)), plain, **EXACT)
    lengths = torch.rand(3, 1, 4, 4, generator=seeded(seed), dtype=torch.float64) + 0.1
    torch.testing.assert_close(loss(unit_tokens(lengths * student), unit_tokens(teacher)), plain, **EXACT)


@every_relation
@given(seed=seeds)
def test_relations_vanish_for_a_rotated_copy_in_more_channels(relation, seed):
    """Widths may differ: what is compared is the geometry of the tokens, and padding leaves it alone."""
    student, _ = maps(seed)
    wider = rotated(F.pad(student, (0, 0, 0, 0, 0, 3)), rotation(8, seed))
    assert RELATIONS[relation](unit_tokens(student), unit_tokens(wider)) < 1e-24


def test_relations_are_between_the_tokens_they_say():
    """Unit tokens along axes: equal to one another, or orthogonal, exactly where each relation looks."""
    aligned, spread = torch.zeros(2, 2, 2, 4)  # [networks, images, tokens, channels]
    aligned[..., 0] = 1
    spread[:, 0, 0] = spread[:, 1, 1] = 1  # tokens of one image differ, images do not
    assert patch_loss(aligned, spread) == 0.5  # the two off-diagonal entries of four
    assert sample_loss(aligned, spread) == 0
    by_image = spread.transpose(0, 1)
    assert patch_loss(aligned, by_image) == 0
    assert sample_loss(aligned, by_image) == 0.5
    assert random_loss(aligned, spread, chosen=torch.tensor([0, 2])) == 0  # token 0 of both images
    assert random_loss(aligned, spread, chosen=torch.tensor([0, 3])) == 0.5


def test_manifold_terms_carry_their_weights():
    method = made("manifold_kd", weight=0.5, student_layers=[-1], teacher_layers=[-1], rows=3)
    own, taught, labels = both(method.taps)
    terms = method(own, taught, labels, generator=seeded(4))
    student, teacher = unit_tokens(own.maps[7]), unit_tokens(taught.maps[9])
    order = torch.randperm(4 * 16, generator=seeded(4))[:3]
    torch.testing.assert_close(terms["patch"], 0.5 * 4 * patch_loss(student, teacher))
    torch.testing.assert_close(terms["sample"], 0.5 * 0.1 * sample_loss(student, teacher))
    torch.testing.assert_close(terms["random"], 0.5 * 0.2 * random_loss(student, teacher, chosen=order))


def test_manifold_relations_of_weight_zero_are_left_out():
    method = made("manifold_kd", sample_weight=0.0, random_weight=0.0)
    terms = method(*both(method.taps), generator=seeded(4))
    assert terms.keys() == {"ce", "kd", "patch"}


def test_manifold_averages_over_layers():
    method = made("manifold_kd", student_layers=[0, 1], teacher_layers=[2, 3])
    own, taught, labels = both(method.taps)
    terms = method(own, taught, labels, generator=seeded(4))
    losses = [patch_loss(unit_tokens(own.maps[s]), unit_tokens(taught.maps[s + 2])) for s in (0, 1)]
    torch.testing.assert_close(terms["patch"], 4 * torch.stack(losses).mean())
