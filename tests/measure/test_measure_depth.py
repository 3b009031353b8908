"""The shape of a profile over depth, against scipy and by hand."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from suite.measure.depth import branch_correlations, minimum_position, u_depth, u_depth_log2

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


@given(profiles)
def test_branch_correlations_are_spearmans(profile):
    bottom = 1 + profile[1:-1].index(min(profile[1:-1]))
    expected = spearman(profile[: bottom + 1]), spearman(profile[bottom:])
    assert branch_correlations(profile) == pytest.approx(expected)


def test_known_shapes():
    assert u_depth([3, 1, 2]) == 1
    assert u_depth([-1, -4, -2]) == 2
    assert u_depth([1, 2, 3]) == -1
    assert u_depth_log2([8, 1, 4]) == 2
    assert minimum_position([3, 2, 1, 5, 6]) == 0.5
    assert minimum_position([1, 1, 1]) == 0
    assert branch_correlations([5, 4, 1, 2, 9]) == pytest.approx((-1, 1))
    assert branch_correlations([1, 2, 3]) == pytest.approx((1, 1))
    assert branch_correlations([2, 2, 2]) == (0, 0)


@pytest.mark.parametrize("measure", [u_depth, u_depth_log2, minimum_position, branch_correlations])
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
    with pytest.raises(ValueError, match="positive"):
        u_depth_log2([1, bad, 2])
