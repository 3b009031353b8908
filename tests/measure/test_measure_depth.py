"""The shape of a profile over depth, against scipy and by hand."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from suite.measure.depth import branches, doublings, minimum_position, u_depth, u_depth_log2

numbers = st.floats(-100, 100).map(lambda number: round(number, 3))
profiles = st.lists(numbers, min_size=3, max_size=24)


@given(profiles)
def test_u_depth_is_positive_if_and_only_if_both_ends_rise_above_an_interior_layer(profile):
    bottom = min(profile[1:-1])
    assert (u_depth(profile) > 0) == (profile[0] > bottom and profile[-1] > bottom)
    assert u_depth(profile) == min(profile[0] - bottom, profile[-1] - bottom)
    assert u_depth(profile[::-1]) == u_depth(profile)


@given(profiles, st.floats(0.01, 100))
def test_u_depth_in_doublings_is_the_smaller_ratio_and_has_no_unit(profile, unit):
    positive = np.exp(np.array(profile) / 20)
    ratio = min(positive[0], positive[-1]) / positive[1:-1].min()
    assert u_depth_log2(positive) == pytest.approx(math.log2(ratio), abs=1e-9)
    assert u_depth_log2(unit * positive) == pytest.approx(u_depth_log2(positive), abs=1e-9)


@given(profiles)
def test_minimum_position(profile):
    position = minimum_position(profile)
    assert 0 <= position <= 1
    assert profile[round(position * (len(profile) - 1))] == min(profile)


def spearman(branch):
    if len(set(branch)) == 1:
        return 0
    return scipy.stats.spearmanr(range(len(branch)), branch).statistic


def best_two_lines(profile):
    """By brute force: every allowed knot, and the line through free heights at first, knot and last layer."""
    layers = len(profile)
    least = min(3, (layers + 1) // 2)
    x = np.arange(layers)
    fits = []
    for knot in range(least - 1, layers - least + 1):
        hats = np.stack([np.interp(x, [0, knot, layers - 1], row) for row in np.eye(3)], axis=1)
        heights, *_ = np.linalg.lstsq(hats, np.array(profile), rcond=None)
        fits.append((np.square(hats @ heights - profile).sum(), knot, heights))
    return fits


@given(profiles)
def test_the_two_lines_fit_best(profile):
    found = branches(profile)
    knot = round(found.turning * (len(profile) - 1))
    fits = best_two_lines(profile)
    error, _, heights = next(fit for fit in fits if fit[1] == knot)
    spread = np.square(np.array(profile) - np.mean(profile)).sum()
    assert error <= min(fit[0] for fit in fits) + 1e-9 * (1 + spread)
    assert found.fall == pytest.approx(heights[0] - heights[1], abs=1e-7)
    assert found.rise == pytest.approx(heights[2] - heights[1], abs=1e-7)
    assert (found.falling, found.rising) == pytest.approx((spearman(profile[: knot + 1]), spearman(profile[knot:])))
    assert found.depth == min(found.fall, found.rise)
    assert found.agreement == min(-found.falling, found.rising)


@given(profiles, st.floats(0.01, 100), st.floats(-50, 50))
def test_the_lines_follow_the_unit(profile, unit, offset):
    """Where two knots fit nearly as well either may be taken; where one is clearly best it stays."""
    errors = sorted(fit[0] for fit in best_two_lines(profile))
    if len(errors) > 1 and errors[1] - errors[0] < 1e-3 * errors[-1]:
        return
    found, scaled = branches(profile), branches(unit * np.array(profile) + offset)
    assert scaled.turning == found.turning
    assert scaled.depth == pytest.approx(unit * found.depth, abs=1e-6 * unit)


def test_a_zigzag_has_a_minimum_but_no_branches():
    zigzag = [3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]
    assert u_depth(zigzag) == 2
    assert branches(zigzag).depth < 1
    assert branches(zigzag).agreement < 0.7
    for monotone in ([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]):
        assert branches(monotone).depth < 0
        assert branches(monotone).agreement < 0


@given(st.integers(5, 24), st.floats(0.1, 3), st.floats(0.1, 3), st.data())
def test_a_clean_u_is_found_where_it_is(layers, down, up, data):
    bottom = data.draw(st.integers(2, layers - 3))
    x = np.arange(layers) - bottom
    found = branches(np.where(x < 0, -down * x, up * x))
    assert found.turning == pytest.approx(bottom / (layers - 1))
    assert (found.fall, found.rise) == pytest.approx((down * bottom, up * (layers - 1 - bottom)))
    assert found.agreement == pytest.approx(1)


def test_known_shapes():
    assert u_depth([3, 1, 2]) == 1
    assert u_depth([-1, -4, -2]) == 2
    assert u_depth([1, 2, 3]) == -1
    assert u_depth_log2([8, 1, 4]) == 2
    assert minimum_position([3, 2, 1, 5, 6]) == 0.5
    assert minimum_position([1, 1, 1]) == 0
    assert branches([2, 1, 3]).depth == pytest.approx(1)
    assert branches([2, 2, 2]).agreement == 0
    assert doublings([1, 2, 8]).tolist() == [0, 1, 3]


@pytest.mark.parametrize("measure", [u_depth, u_depth_log2, doublings, minimum_position, branches])
@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ([1, 2], "at least 3 layers"),
        ([[1, 2, 3]], "at least 3 layers"),
        ([1, math.nan, 2], "NaN or infinite at layer 1"),
        ([1, 2, math.inf], "NaN or infinite at layer 2"),
    ],
)
def test_unusable_profiles_are_refused(measure, profile, says):
    with pytest.raises(ValueError, match=says):
        measure(profile)


@pytest.mark.parametrize("bad", [0, -1])
def test_doublings_need_positive_values(bad):
    for measure in (u_depth_log2, doublings):
        with pytest.raises(ValueError, match="positive"):
            measure([1, bad, 2])
