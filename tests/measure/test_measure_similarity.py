"""CKA against its definitions, its invariances, and the likeness of channel spectra."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.measure.similarity import debiased_cka, debiased_cka_table, spectrum_similarity

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(5, 12), st.integers(1, 15), st.integers(1, 15))


def two_sets(seed, size):
    random = np.random.default_rng(seed)
    images, one, two = size
    first = random.normal(size=(images, one)) @ random.normal(size=(one, one))
    return first, 0.5 * first @ random.normal(size=(one, two)) + random.normal(size=(images, two))


def turned(features, seed):
    random = np.random.default_rng(seed)
    return features @ np.linalg.qr(random.normal(size=(features.shape[1],) * 2))[0]


def plain_cka(x, y):
    """The normalised HSIC of centred Gram matrices, as arXiv 1905.00414 defines it."""
    centre = np.eye(len(x)) - 1 / len(x)
    k, m = (centre @ f @ f.T @ centre for f in (x, y))
    return np.trace(k @ m) / math.sqrt(np.trace(k @ k) * np.trace(m @ m))


@given(seeds)
def test_with_many_images_it_nears_the_plain_estimator(seed):
    x, y = two_sets(seed, (400, 3, 2))
    assert debiased_cka(x, y) == pytest.approx(plain_cka(x, y), abs=0.05)


def four_point_hsic(k, m):
    """The U-statistic that the unbiased estimator computes in closed form, term by term."""
    terms = [k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in itertools.permutations(range(len(k)), 4)]
    return np.mean(terms)


def test_debiased_cka_is_the_u_statistic():
    x, y = two_sets(3, (7, 4, 3))
    k, m = x @ x.T, y @ y.T
    expected = four_point_hsic(k, m) / math.sqrt(four_point_hsic(k, k) * four_point_hsic(m, m))
    assert debiased_cka(x, y) == pytest.approx(expected)


def test_a_table_compares_every_layer_with_every_other():
    first = [two_sets(seed, (9, 4, 3))[0] for seed in range(3)]
    second = [two_sets(seed, (9, 2, 5))[1] for seed in range(2)]
    table = debiased_cka_table(first, second)
    assert table == pytest.approx(np.array([[debiased_cka(one, two) for two in second] for one in first]))
    assert table.shape == (3, 2)
    with pytest.raises(ValueError, match="same images"):
        debiased_cka_table(first, [second[0], second[1][:-1]])
    with pytest.raises(ValueError, match="same images"):
        debiased_cka_table([first[0], first[1][:-1]], second)


@given(seed=seeds, scale=st.floats(1e-6, 1e6), offset=st.floats(-100, 100))
def test_cka_ignores_rotation_scale_and_offset_and_is_symmetric(seed, scale, offset):
    x, y = two_sets(seed, (30, 4, 5))
    expected = debiased_cka(x, y)
    assert debiased_cka(scale * turned(x, seed + 1) + offset, y) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert debiased_cka(y, x) == pytest.approx(expected)
    assert debiased_cka(x, turned(x, seed + 2)) == pytest.approx(1)


def test_only_the_debiased_estimator_sees_that_wide_features_are_independent():
    random = np.random.default_rng(0)
    pairs = [(random.normal(size=(40, 400)), random.normal(size=(40, 400))) for _ in range(20)]
    assert min(plain_cka(*pair) for pair in pairs) > 0.8
    debiased = [debiased_cka(*pair) for pair in pairs]
    assert abs(np.mean(debiased)) < 5 * np.std(debiased) / math.sqrt(20)


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (np.zeros((5, 2)), np.zeros((4, 2)), "same images"),
        (np.zeros(4), np.zeros((4, 2)), "same images"),
        (np.full((4, 2), np.nan), np.ones((4, 2)), "NaN"),
        (np.full((9, 2), 7.3), two_sets(0, (9, 4, 3))[0], "equal for all images"),
    ],
)
def test_unusable_features_are_refused(x, y, says):
    with pytest.raises(ValueError, match=says):
        debiased_cka(x, y)


def test_debiased_cka_needs_four_images():
    with pytest.raises(ValueError, match="at least 4"):
        debiased_cka(np.eye(3), np.eye(3))


def curve(channels, shape):
    """A two-sided spectrum whose level depends on the frequency alone."""
    frequency = np.minimum(np.arange(channels), channels - np.arange(channels)) / channels
    return np.exp(shape(frequency))


def test_spectra_of_one_shape_are_alike_at_any_width_and_scale():
    bumps = lambda f: np.sin(9 * f) - 3 * f  # noqa: E731
    assert spectrum_similarity(curve(384, bumps), curve(384, bumps)) == pytest.approx(1)
    assert spectrum_similarity(curve(384, bumps), 7 * curve(768, bumps)) == pytest.approx(1, abs=1e-3)
    assert spectrum_similarity(curve(97, bumps), curve(384, bumps)) == pytest.approx(1, abs=1e-3)
    assert spectrum_similarity(curve(64, bumps), curve(64, lambda f: -bumps(f))) == pytest.approx(-1)


def test_bin_zero_is_left_out():
    one = curve(64, lambda f: np.cos(20 * f))
    other = one.copy()
    other[0] = 1e9
    assert spectrum_similarity(one, other) == pytest.approx(1)


def test_equal_widths_give_the_plain_correlation():
    random = np.random.default_rng(1)
    one, two = (np.exp(random.normal(size=64)) for _ in range(2))
    expected = np.corrcoef(np.log(one[1:33]), np.log(two[1:33]))[0, 1]
    assert spectrum_similarity(one, two) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (np.ones(64), "flat"),
        (np.ones(5), "at least 6 channels"),
        (np.zeros(64), "positive"),
        (np.full(64, np.nan), "positive"),
        (np.ones((8, 8)), "curve"),
    ],
)
def test_curves_without_a_correlation_are_refused(one, says):
    with pytest.raises(ValueError, match=says):
        spectrum_similarity(one, curve(64, np.cos))
