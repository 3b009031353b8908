"""FD, VkD, ScaleKD, TinyMIM and attention transfer: what they must not depend on, and what stays true after a step."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from baseline_nets import STUDENT, TEACHER, both, network, seeded
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dctn, idctn

from baselines import AttentionShape, Network, build, total
from baselines._attention import split_heads
from baselines.attention_rows import row_distance
from baselines.class_attention import aggregate, interpolate, row_divergence
from baselines.fd import smooth_distance
from baselines.scalekd import frequency_distance, spatial_distance, without_mean
from baselines.tinymim import relation_distance, scores
from baselines.vkd import patch_distance, pooled_distance
from suite.train.optim import optimiser

EXACT = {"rtol": 1e-9, "atol": 1e-12}  # float64, sums of some thousand terms of order one
seeds = st.integers(0, 2**31)
DECAYED = SimpleNamespace(rate=0.05, weight_decay=0.05)


def drawn(seed, *shape):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def made(name, *, student=STUDENT, teacher=TEACHER, **options):
    return build(name, student=student, teacher=teacher, options=options, generator=seeded())


def run(method, *batch):
    return method(*batch, generator=seeded(5), progress=0.0)


def steps(method, count):
    """Train the method alone with decayed AdamW, as a trainer does; yields after each step."""
    adam = optimiser(method, DECAYED)
    for seed in range(count):
        own, taught, labels = both(method.taps, seed=seed)
        adam.zero_grad()
        total(run(method, own, taught, labels)).backward()
        adam.step()
        method.after_step()
        yield own


# -------------------------------------------------------------------------------------------------- FD and VkD


@given(seed=seeds, scale=st.floats(0.5, 100), shift=st.floats(-10, 10))
def test_scale_and_shift_of_the_teacher_do_not_count(seed, scale, shift):
    """Up to the epsilon of 1e-5 beside a variance of at least about .1."""
    student, teacher = drawn(seed, 4, 24), drawn(seed + 1, 4, 24)
    for distance in (smooth_distance, pooled_distance):
        plain = distance(student, teacher)
        torch.testing.assert_close(distance(student, scale * teacher + shift), plain, rtol=1e-3, atol=1e-4)
        assert not torch.isclose(distance(2 * student, teacher), plain)  # the student's scale does


@given(seed=seeds, scale=st.floats(0.1, 100), shift=st.floats(-10, 10))
def test_vkds_form_for_patches_is_free_of_scale_on_either_side(seed, scale, shift):
    student, teacher = drawn(seed, 40, 6), drawn(seed + 1, 40, 6)
    plain = patch_distance(student, teacher)
    torch.testing.assert_close(patch_distance(scale * student + shift, teacher), plain, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(patch_distance(student, scale * teacher + shift), plain, rtol=1e-7, atol=1e-9)
    assert patch_distance(scale * teacher + shift, teacher) < 1e-12


def test_fd_is_quadratic_below_2_and_linear_above():
    teacher = torch.tensor([[1.0, -1.0]], dtype=torch.float64)  # whitened to itself, up to the epsilon
    off = torch.tensor([[2.0, 6.0]], dtype=torch.float64)
    wanted = (1.0**2 / 4 + 7.0 - 1.0) / 2
    assert smooth_distance(off, teacher).item() == pytest.approx(wanted, abs=1e-4)


WIDTHS = [(12, 24), (24, 24), (48, 24)]


@pytest.mark.parametrize(("narrow", "wide"), WIDTHS)
def test_vkds_projection_is_orthogonal_after_every_decayed_step(narrow, wide):
    method = made("vkd", student=network(depth=8, channels=narrow), teacher=network(depth=10, channels=wide))
    weight = method.part.projector.weight
    first = weight.detach().clone()
    adam = optimiser(method, DECAYED)
    for seed in range(5):
        own, taught, labels = both(
            method.taps,
            student=network(depth=8, channels=narrow),
            teacher=network(depth=10, channels=wide),
            seed=seed,
        )
        adam.zero_grad()
        total(run(method, own, taught, labels)).backward()
        adam.step()
        method.after_step()
        gram = weight.T @ weight if wide >= narrow else weight @ weight.T
        torch.testing.assert_close(gram, torch.eye(min(narrow, wide)), rtol=0, atol=1e-5)
    assert (weight - first).abs().max() > 0.05  # it moved, and is no longer what it was


def test_without_the_hook_the_projection_would_not_stay_orthogonal():
    method = made("vkd")
    method.part.after_step = lambda: None
    for _ in steps(method, 3):
        pass
    gram = method.part.projector.weight.T @ method.part.projector.weight
    assert (gram - torch.eye(12)).abs().max() > 1e-2


def test_the_released_projection_is_exactly_zero_after_one_decayed_step():
    method = made("vkd_released")
    before = method.part.projector.weight.detach().clone()
    torch.testing.assert_close(before.T @ before, torch.eye(12), rtol=0, atol=1e-5)
    list(steps(method, 1))
    assert (method.part.projector.weight == 0).all()
    (own,) = list(steps(method, 1))
    assert (own.final.grad == 0).all(), "nothing reaches the student"


def test_the_released_projection_lives_where_the_widths_agree():
    wide = network(depth=8, channels=24)
    method = made("vkd_released", student=wide)
    adam = optimiser(method, DECAYED)
    total(run(method, *both(method.taps, student=wide))).backward()
    adam.step()
    weight = method.part.projector.weight
    torch.testing.assert_close(weight.T @ weight, torch.eye(24), rtol=0, atol=1e-5)


def test_vkd_compares_means_of_the_tokens_and_patches_on_demand():
    pooled, patches = made("vkd", weight=1.0), made("vkd", weight=1.0, compare="patches")
    own, taught, labels = both(pooled.taps)
    student = own.final.mean((2, 3)) @ pooled.part.projector.weight.T
    wanted = F.smooth_l1_loss(student, F.layer_norm(taught.final.mean((2, 3)), (24,)))
    torch.testing.assert_close(run(pooled, own, taught, labels)["feature"], wanted)
    rows = own.final.movedim(1, -1).reshape(-1, 12) @ patches.part.projector.weight.T
    others = taught.final.movedim(1, -1).reshape(-1, 24)
    torch.testing.assert_close(run(patches, own, taught, labels)["feature"], patch_distance(rows, others))


# ----------------------------------------------------------------------------------------------------- ScaleKD


@given(seed=seeds, side=st.integers(2, 9))
def test_scalekds_detour_through_a_cosine_transform_subtracts_the_mean(seed, side):
    x = drawn(seed, 2, 3, side, side)
    spectrum = dctn(x.numpy(), axes=(2, 3), norm="ortho")
    spectrum[:, :, 0, 0] = 0
    np.testing.assert_allclose(without_mean(x).numpy(), idctn(spectrum, axes=(2, 3), norm="ortho"), atol=1e-12)


@given(seed=seeds, scale=st.floats(0.1, 10))
def test_scalekd_compares_directions(seed, scale):
    student, teacher = drawn(seed, 2, 6, 3, 3), drawn(seed + 1, 2, 6, 3, 3)
    for distance in (spatial_distance, frequency_distance):
        plain = distance(student, teacher)
        torch.testing.assert_close(distance(scale * student, teacher), plain, **EXACT)
        assert 0 <= plain <= 4 * 9
        assert distance(teacher, teacher) == 0
    shifted = student + drawn(seed + 2, 2, 6, 1, 1)
    torch.testing.assert_close(frequency_distance(shifted, teacher), frequency_distance(student, teacher), **EXACT)
    cosine = F.cosine_similarity(student, teacher, dim=1)
    torch.testing.assert_close(spatial_distance(student, teacher), (2 - 2 * cosine).sum() / 2, **EXACT)


def test_scalekd_needs_heads_that_divide():
    with pytest.raises(ValueError, match="24 channels of the teacher cannot be split into 7 heads: choose"):
        made("scalekd", heads=7)


def test_scalekd_projects_to_the_teachers_grid_and_width():
    method = made("scalekd", student=network(depth=8, channels=12, height=6, width=6))
    x = torch.randn(2, 12, 6, 6, generator=seeded())
    assert method.part.spatial(x).shape == (2, 24, 4, 4)


# ------------------------------------------------------------------------------------- TinyMIM and attention


@given(seed=seeds)
def test_tinymims_rows_sum_to_one_and_rotations_do_not_count(seed):
    q, k = drawn(seed, 2, 2, 4, 9, 6)
    relation = scores(q, k).softmax(-1)
    torch.testing.assert_close(relation.sum(-1), torch.ones(2, 4, 9, dtype=torch.float64), **EXACT)
    turn = torch.linalg.qr(drawn(seed + 1, 6, 6)).Q
    torch.testing.assert_close(scores(q @ turn, k @ turn), scores(q, k), **EXACT)
    assert relation_distance(scores(q, k), scores(q, k)).abs() < 1e-12
    assert relation_distance(scores(q, q), scores(q, k)) > 0
    shifts = drawn(seed + 2, 2, 4, 9, 1)
    torch.testing.assert_close(
        relation_distance(scores(q, q) + shifts, scores(k, k)), relation_distance(scores(q, q), scores(k, k)), **EXACT
    )


@given(seed=seeds)
def test_splitting_heads_anew_keeps_every_channel_of_every_token_in_its_window(seed):
    shape = AttentionShape(heads=3, width=4, tokens=5, prefix=0, windows=2)
    x = drawn(seed, 2, 6, 5, 4)
    again = split_heads(x, shape, 2)
    assert again.shape == (2, 4, 5, 6)
    back = split_heads(again, AttentionShape(heads=2, width=6, tokens=5, prefix=0, windows=2), 3)
    assert torch.equal(back, x)
    window, token = x.reshape(2, 2, 3, 5, 4)[1, 1, :, 3].flatten(), again.reshape(2, 2, 2, 5, 6)[1, 1, :, 3].flatten()
    assert torch.equal(window, token)


def test_tinymim_compares_patches_alone_where_one_network_has_a_class_token():
    method = made("tinymim", weight=1.0)
    own, taught, labels = both(method.taps)
    q, k = (split_heads(own.attention[kind, 7], STUDENT.attention[7], 4)[:, :, 1:] for kind in ("queries", "keys"))
    wanted = relation_distance(scores(q, k), scores(taught.attention["queries", 9], taught.attention["keys", 9]))
    torch.testing.assert_close(run(method, own, taught, labels)["query_key"], wanted)
    alike = network(depth=8, channels=24, heads=4)
    whole = made("tinymim", student=alike, teacher=alike)
    assert whole.part.pairs[0].own_dropped == 0


def test_tinymim_takes_an_intermediate_block_of_the_teacher():
    assert ("values", 6) in made("tinymim", teacher_layers=[6]).taps.teacher_attention


@pytest.mark.parametrize("name", ["tinymim", "attention_rows"])
def test_networks_without_attention_are_refused(name):
    bare = Network(depth=10, maps=TEACHER.maps, final=TEACHER.final, classes=TEACHER.classes, pooled=24)
    with pytest.raises(ValueError, match="no self-attention: choose"):
        made(name, teacher=bare)
    with pytest.raises(ValueError, match="choose"):
        made(name, student=bare)


def test_tinymim_needs_channels_that_split_into_the_teachers_heads():
    with pytest.raises(ValueError, match="12 channels of the student cannot be split into the teacher's 8 heads"):
        made("tinymim", teacher=network(depth=10, channels=24, heads=8))


@given(seed=seeds)
def test_attention_rows_are_least_at_the_teachers_and_there_their_entropy(seed):
    student, teacher = drawn(seed, 2, 2, 4, 9, 9)
    rows = teacher.softmax(-1)
    entropy = -(rows * rows.log()).sum(-1).mean()
    torch.testing.assert_close(row_distance(teacher, teacher), entropy, **EXACT)
    assert row_distance(student, teacher) > entropy


@given(seed=seeds)
def test_attention_rows_of_unequal_heads_are_averaged(seed):
    student, teacher = drawn(seed, 2, 3, 9, 9), drawn(seed + 1, 2, 4, 9, 9)
    own, rows = student.softmax(-1).mean(1), teacher.softmax(-1).mean(1)
    torch.testing.assert_close(row_distance(student, teacher), -(rows * own.log()).sum(-1).mean(), **EXACT)


def test_attention_rows_pair_every_block_with_one_as_deep():
    method = made("attention_rows")
    assert [pair.student for pair in method.part.pairs] == list(range(8))
    assert [pair.teacher for pair in method.part.pairs] == [1, 2, 3, 4, 6, 7, 8, 9]
    with pytest.raises(ValueError, match="choose rows"):
        made("attention_rows", compare="queries")
    alike = network(depth=8, channels=24, heads=4)
    queries = made("attention_rows", student=alike, teacher=alike, compare="queries")
    own, taught, labels = both(queries.taps, student=alike, teacher=alike)
    wanted = 3 * sum(F.mse_loss(own.attention["queries", i], taught.attention["queries", i]) for i in range(8))
    torch.testing.assert_close(run(queries, own, taught, labels)["attention"], wanted)


@given(seed=seeds)
def test_class_attention_is_a_divergence_between_distributions(seed):
    own, taught = (drawn(seed + n, 2, 3, 17).softmax(-1) for n in (0, 1))
    assert row_divergence(own, own).abs() < 1e-12
    assert row_divergence(own, taught) > 0
    one = aggregate(taught.log(), temperature=10.0)
    assert one.shape == (2, 1, 17)
    torch.testing.assert_close(one.sum(-1), torch.ones(2, 1, dtype=torch.float64), **EXACT)


@given(seed=seeds)
def test_resized_attention_keeps_its_sum_and_its_class_entry(seed):
    rows = drawn(seed, 2, 3, 17).softmax(-1)
    resized = interpolate(rows, (4, 4), (6, 5))
    assert resized.shape == (2, 3, 31)
    assert torch.equal(resized[..., 0], rows[..., 0])
    torch.testing.assert_close(resized.sum(-1), torch.ones(2, 3, dtype=torch.float64), **EXACT)
    torch.testing.assert_close(interpolate(rows, (4, 4), (4, 4)), rows, **EXACT)


def test_class_attention_reads_the_last_class_attention_of_each_network():
    taps = made("class_attention").taps
    assert taps.student_attention == (("class_scores", 7),)
    assert taps.teacher_attention == (("class_scores", 1),)
    with pytest.raises(ValueError, match="choose the form aggregated"):
        made("class_attention", form="interpolated")
    with pytest.raises(ValueError, match="choose the form interpolated"):
        made("class_attention", teacher=network(depth=4, channels=24, height=5, width=5, heads=3))
    made("class_attention", teacher=network(depth=4, channels=24, height=5, width=5, heads=3), form="interpolated")
    bare = Network(depth=10, maps=TEACHER.maps, final=TEACHER.final, classes=TEACHER.classes, pooled=24)
    with pytest.raises(ValueError, match="choose ViT or CaiT"):
        made("class_attention", teacher=bare)
