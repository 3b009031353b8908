"""SpectralKD's loss is a re-weighted squared error: the identity, its bounds and its symmetries."""

import pytest
import torch
import torch.nn.functional as F
from baseline_nets import STUDENT, TEACHER, both, network, seeded
from hypothesis import given
from hypothesis import strategies as st

from baselines import build
from baselines._pairs import pool_channels
from baselines.spectral_kd import generic_weight, spatial_alignment, spectral_alignment

seeds = st.integers(0, 2**31)
# float64: a transform of at most 20 x 20 values loses a few of its 16 digits.
EXACT = {"rtol": 1e-12, "atol": 1e-13}
BOTH_FORMS = pytest.mark.parametrize("alignment", [spectral_alignment, spatial_alignment])


@st.composite
def maps(draw, *, equal_width=False):
    """Student [B, C_s, H, W] and teacher [B, C_t, H, W], C_t ≥ C_s, with structure along either axis."""
    images, narrow = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    wide = narrow if equal_width else draw(st.integers(narrow, 14))
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 16))
    generator = seeded(draw(seeds))

    def one(channels):
        x = torch.randn(images, channels, height, width, generator=generator, dtype=torch.float64)
        flat_rows, flat_columns = draw(st.booleans()), draw(st.booleans())
        x = x.mean(-1, keepdim=True).expand_as(x) if flat_rows else x
        return x.mean(-2, keepdim=True).expand_as(x) if flat_columns else x

    return one(narrow), one(wide)


@given(pair=maps())
def test_the_spatial_form_is_the_published_one(pair):
    student, teacher = pair
    torch.testing.assert_close(spatial_alignment(student, teacher), spectral_alignment(student, teacher), **EXACT)


@given(pair=maps())
def test_so_are_its_gradients(pair):
    gradients = []
    for alignment in (spatial_alignment, spectral_alignment):
        leaf = pair[0].clone().requires_grad_()
        gradients += torch.autograd.grad(alignment(leaf, pair[1]), leaf)
    torch.testing.assert_close(*gradients, **EXACT)


@given(pair=maps())
def test_parseval_against_the_energies_of_columns(pair):
    """L = (‖D‖² + E_0 + [W even]·E_{W/2}) / (4·B·C·H·(⌊W/2⌋ + 1)), the energies by a 1-D transform."""
    student, teacher = pair
    images, channels, height, width = student.shape
    difference = student - pool_channels(teacher, channels)
    energy = torch.fft.rfft(difference, norm="ortho").abs().square().sum((0, 1, 2))
    doubled = energy[0] + (energy[-1] if width % 2 == 0 else 0)
    wanted = (difference.square().sum() + doubled) / (4 * images * channels * height * (width // 2 + 1))
    torch.testing.assert_close(spatial_alignment(student, teacher), wanted, **EXACT)


@given(pair=maps())
def test_ratio_to_the_squared_error_lies_between_the_generic_weight_and_twice_it(pair):
    student, teacher = pair
    error = F.mse_loss(student, pool_channels(teacher, student.shape[1]))
    weight = generic_weight(student.shape[-1])
    loss = spatial_alignment(student, teacher)
    assert weight * error * (1 - 1e-12) <= loss <= 2 * weight * error * (1 + 1e-12)


def test_bounds_of_the_published_grids():
    assert generic_weight(7) == generic_weight(14) == 0.4375


@BOTH_FORMS
@pytest.mark.parametrize("width", [7, 8, 14])
@pytest.mark.parametrize("frequency", range(8))
def test_single_frequencies_meet_the_bounds(alignment, width, frequency):
    """A wave along the rows counts once, a constant or alternating one twice."""
    if frequency > width // 2:
        return
    wave = torch.cos(2 * torch.pi * frequency * torch.arange(width, dtype=torch.float64) / width)
    difference = wave.expand(2, 3, 5, width)
    loss = alignment(difference, torch.zeros_like(difference))
    doubled = frequency in (0, width / 2)
    wanted = (2 if doubled else 1) * generic_weight(width) * difference.square().mean()
    torch.testing.assert_close(loss, wanted)


@BOTH_FORMS
@given(pair=maps())
def test_zero_if_and_only_if_equal(alignment, pair):
    student, teacher = pair
    assert alignment(pool_channels(teacher, student.shape[1]), teacher) < 1e-25
    moved = pool_channels(teacher, student.shape[1]).clone()
    moved[0, 0, 0, 0] += 1
    assert alignment(moved, teacher) > 0


@BOTH_FORMS
@given(pair=maps(equal_width=True), seed=seeds)
def test_joint_order_of_channels_is_free_at_equal_width(alignment, pair, seed):
    student, teacher = pair
    order = torch.randperm(student.shape[1], generator=seeded(seed))
    torch.testing.assert_close(alignment(student[:, order], teacher[:, order]), alignment(student, teacher), **EXACT)


@BOTH_FORMS
@given(seed=seeds)
def test_order_of_the_teachers_channels_matters_once_they_are_pooled(alignment, seed):
    """Neighbours that are averaged are neighbours by accident; moving one map to another pair changes L."""
    generator = seeded(seed)
    student = torch.randn(2, 4, 6, 6, generator=generator)
    teacher = torch.randn(2, 8, 6, 6, generator=generator)
    rolled = alignment(student, teacher.roll(1, 1))
    assert (rolled / alignment(student, teacher) - 1).abs() > 1e-4


@given(seed=seeds, narrow=st.integers(1, 8), factor=st.integers(1, 4))
def test_pooling_averages_neighbours(seed, narrow, factor):
    x = torch.randn(2, narrow * factor, 3, 4, generator=seeded(seed), dtype=torch.float64)
    pooled = pool_channels(x, narrow)
    wanted = torch.stack([x[:, factor * c : factor * (c + 1)].mean(1) for c in range(narrow)], 1)
    torch.testing.assert_close(pooled, wanted, **EXACT)
    torch.testing.assert_close(pooled, F.adaptive_avg_pool3d(x, (narrow, None, None)), **EXACT)


def test_pooling_pairs_of_white_channels_loses_half_their_energy():
    x = torch.randn(8, 384, 14, 14, generator=seeded())
    kept = pool_channels(x, 192).square().mean() / x.square().mean()
    assert kept == pytest.approx(0.5, abs=0.01)  # 150,000 pooled positions: a standard error of .002


def feature(name, student=STUDENT, teacher=TEACHER, **options):
    method = build(name, student=student, teacher=teacher, options=options, generator=seeded())
    own, taught, labels = both(method.taps, student=student, teacher=teacher)
    return method(own, taught, labels, generator=seeded())["feature"].detach(), own, taught


def test_the_method_averages_over_its_pairs():
    loss, own, taught = feature("spectral_kd", weight=0.5, student_layers=[0, -2, -1], teacher_layers=[0, 3, -1])
    assert own.maps.keys() == {0, 6, 7}
    assert taught.maps.keys() == {0, 3, 9}
    pairs = [(0, 0), (6, 3), (7, 9)]
    losses = torch.stack([spectral_alignment(own.maps[s], taught.maps[t]) for s, t in pairs])
    torch.testing.assert_close(loss, 0.5 * losses.mean().detach())


def test_default_layers_are_the_published_ones_at_the_published_depths():
    method = build(
        "spectral_kd",
        student=network(depth=12, channels=192),
        teacher=network(depth=24, channels=384),
        generator=seeded(),
    )
    assert method.taps.student == method.published["student_layers"]
    assert method.taps.teacher == method.published["teacher_layers"]


def test_plain_error_on_the_spectral_scale():
    """Where a difference varies only vertically the two differ by the factor 2, else by less."""
    plain, own, taught = feature("feature_mse", weight=1.0)
    scaled, _, _ = feature("feature_mse", weight=1.0, spectral_scale=True)
    pooled = pool_channels(taught.maps[9], 12)
    torch.testing.assert_close(plain, F.mse_loss(own.maps[7], pooled).detach())
    torch.testing.assert_close(scaled, generic_weight(4) * plain)
    spectral, _, _ = feature("spectral_kd", weight=1.0, student_layers=[-1], teacher_layers=[-1])
    assert scaled < spectral < 2 * scaled


@pytest.mark.parametrize("name", ["spectral_kd", "feature_mse"])
def test_a_student_wider_than_its_teacher_is_sent_elsewhere(name):
    with pytest.raises(ValueError, match="choose a wider teacher, or a method with a projection"):
        feature(name, student=network(depth=8, channels=25))
