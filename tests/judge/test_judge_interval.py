"""Intervals of means, against independent formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from suite.judge import Pooled, mean_interval
from suite.judge.interval import Bounds, NoSpread, StudentT

SAMPLES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12)


@given(SAMPLES, st.sampled_from((0.5, 0.9, 0.95, 0.99)))
def test_student_t_agrees_with_scipy(values, level):
    if np.ptp(values) > 1e-6:
        interval = mean_interval(values, level=level)
        assert interval.estimate == pytest.approx(np.mean(values), abs=1e-9)  # rounding at magnitude 1e3
        low, high = stats.t.interval(level, len(values) - 1, np.mean(values), stats.sem(values))
        assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-6, abs=1e-9)
        p = stats.ttest_1samp(values, 1.5).pvalue
        assert StudentT.of(values).p(1.5) == pytest.approx(p, rel=1e-5, abs=1e-9)


@given(SAMPLES, st.sampled_from((0.8, 0.95)), st.sampled_from((0.0, 0.5)))
def test_the_p_value_of_an_end_is_alpha(values, level, resolution):
    if np.ptp(values) > 1e-6:
        estimated = StudentT.of(values, resolution=resolution)
        interval = estimated.interval(level)
        assert estimated.p(interval.low) == pytest.approx(1 - level, rel=1e-5)
        assert estimated.p(interval.high) == pytest.approx(1 - level, rel=1e-5)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=5),
    st.floats(allow_nan=False),
)
def test_no_magnitude_breaks_an_interval(values, boundary):
    try:
        estimated = StudentT.of(values)
    except NoSpread:
        assert np.ptp(values) <= 1e-12 * max(map(abs, values))
        return
    interval = estimated.interval(0.95)
    assert min(values) <= interval.estimate <= max(values)
    assert interval.low <= interval.estimate <= interval.high
    assert 0 <= estimated.p(boundary) <= 1


@pytest.mark.parametrize("values", [[0.1] * 3, [0.0] * 6, [77.1 - 77.0, 77.2 - 77.1, 77.3 - 77.2]])
def test_equal_values_show_no_noise_and_are_refused_without_a_scale(values):
    # B6; the third sample differs by the rounding of floating-point arithmetic alone (B5).
    with pytest.raises(NoSpread, match="state the step of their scale"):
        StudentT.of(values)
    assert StudentT.of(values, resolution=0.01).p(values[0] + 0.02) < 0.05


@pytest.mark.parametrize("n", [3, 6, 12, 20])
def test_rounding_that_all_seeds_share_does_not_shrink_with_their_number(n):
    # B1: six zeros on a scale of whole steps are known to half a step, and so are twenty.
    interval = mean_interval([0.0] * n, resolution=1)
    assert interval.high == pytest.approx(1.96 / math.sqrt(12), abs=1e-3)
    assert interval.high > 0.5
    assert "rounding to steps of 1 that all values share" in interval.method
    own = mean_interval([0.1, 0.2, 0.4])
    rounded = mean_interval([0.1, 0.2, 0.4], resolution=0.001)
    assert rounded.high - own.high < 1e-5, "small beside the noise between seeds, it hardly counts"
    assert rounded.sd == own.sd


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2, 0.5])
@pytest.mark.parametrize("n", [6, 12, 20])
def test_a_rounded_truth_is_covered_at_every_number_of_seeds(n, noise):
    # Coverage was .271 to .847 where the rounding was divided by sqrt(n).
    rng = np.random.default_rng(n)
    truths = rng.uniform(0, 1, 1_500)
    samples = np.round(rng.normal(truths[:, None], noise, (1_500, n))).tolist()
    intervals = [mean_interval(values, resolution=1.0) for values in samples]
    covered = [one.low <= truth <= one.high for one, truth in zip(intervals, truths, strict=True)]
    assert np.mean(covered) >= 0.94  # noise 0.006


def test_a_fair_pool_narrows_and_an_unfair_one_is_named():
    values = [0.9, 1.0, 1.1]
    fair = Pooled(0.1, 12, 0.5, fair=True, groups=6)
    assert mean_interval(values, pooled=fair).df == 12
    assert "pooled over 6 methods" in mean_interval(values, pooled=fair).method
    unfair = Pooled(0.1, 12, 0.01, fair=False, groups=6)
    assert mean_interval(values, pooled=unfair).df == 2
    assert "own variance" in mean_interval(values, pooled=unfair).method
    assert mean_interval([1.0], pooled=fair).high == pytest.approx(1 + 0.1 * stats.t.ppf(0.975, 12))


@pytest.mark.parametrize(
    ("values", "options", "complaint"),
    [
        ([], {}, "no values"),
        ([1, math.nan], {}, "finite"),
        ([1, math.inf], {}, "finite"),
        ([1], {}, "one run"),
        ([1, 2], {"level": 1.0}, "level"),
        ([1, 2], {"level": 0.0}, "level"),
        ([1, 2], {"level": math.nan}, "level"),
    ],
)
def test_intervals_refuse_what_has_none(values, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        mean_interval(values, **options)


def test_bounds_are_certain_inside_and_silent_outside():
    bounds = Bounds(1, 0.5, 1.5, 1, "exact")
    assert [bounds.p(boundary) for boundary in (0.4, 0.5, 1, 1.5, 1.6)] == [0, 1, 1, 1, 0]
    assert not Bounds.none(1, 1, "none").interval(0.95).bounded


def test_intervals_read_well():
    assert mean_interval([0.2, 0.3, 0.4]).describe("bits") == "0.3 [0.05159, 0.5484] bits"
    assert Bounds.none(0.25, 1, "none").interval(0.95).describe() == "0.25"
    assert Bounds.none(-math.inf, 1, "none").interval(0.95).describe() == "-∞"
    assert Bounds.none(math.inf, 1, "none").interval(0.95).describe() == "∞"
