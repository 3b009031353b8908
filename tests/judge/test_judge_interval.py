"""Intervals of means, of paired differences and of images, against independent formulas."""

import itertools
import math
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from suite.judge import Pooled, bootstrap_interval, mean_interval, paired_differences, sign_flip_p
from suite.judge.bootstrap import Bootstrap
from suite.judge.interval import Bounds, StudentT

SAMPLES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12)


@given(SAMPLES, st.sampled_from((0.5, 0.9, 0.95, 0.99)))
def test_student_t_agrees_with_scipy(values, level):
    interval = mean_interval(values, level=level)
    assert interval.estimate == pytest.approx(np.mean(values), abs=1e-9)  # rounding at magnitude 1e3
    if np.ptp(values) > 1e-6:
        low, high = stats.t.interval(level, len(values) - 1, np.mean(values), stats.sem(values))
        assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-6, abs=1e-9)
        p = stats.ttest_1samp(values, 1.5).pvalue
        assert StudentT.of(values).p(1.5) == pytest.approx(p, rel=1e-5, abs=1e-9)


@given(SAMPLES, st.sampled_from((0.8, 0.95)))
def test_the_p_value_of_an_end_is_alpha(values, level):
    estimated = StudentT.of(values)
    interval = estimated.interval(level)
    if interval.sd > 1e-6:
        assert estimated.p(interval.low) == pytest.approx(1 - level, rel=1e-5)
        assert estimated.p(interval.high) == pytest.approx(1 - level, rel=1e-5)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=5),
    st.floats(allow_nan=False),
)
def test_no_magnitude_breaks_an_interval(values, boundary):
    estimated = StudentT.of(values)
    interval = estimated.interval(0.95)
    assert min(values) <= interval.estimate <= max(values)
    assert interval.low <= interval.estimate <= interval.high
    assert 0 <= estimated.p(boundary) <= 1


def test_equal_values_give_no_width_and_say_so():
    interval = mean_interval([0.1, 0.1, 0.1])
    assert (interval.low, interval.estimate, interval.high, interval.sd) == (0.1, 0.1, 0.1, 0)
    assert "degenerate: all 3 values are equal" in interval.method
    assert StudentT.of([0.1] * 3).p(0.1) == 1
    assert StudentT.of([0.1] * 3).p(0.2) == 0


def test_the_resolution_keeps_equal_values_from_looking_certain():
    interval = mean_interval([0.1, 0.1, 0.1], resolution=0.01)
    assert interval.sd == pytest.approx(0.01 / math.sqrt(12))
    assert interval.high > 0.105
    assert "rounding to steps of 0.01" in interval.method
    assert mean_interval([0.1, 0.2, 0.4], resolution=0.01).sd == mean_interval([0.1, 0.2, 0.4]).sd


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
        ([1], {}, "one value"),
        ([1, 2], {"level": 1.0}, "level"),
        ([1, 2], {"level": 0.0}, "level"),
        ([1, 2], {"level": math.nan}, "level"),
    ],
)
def test_intervals_refuse_what_has_none(values, options, complaint, rng):
    with pytest.raises(ValueError, match=complaint):
        mean_interval(values, **options)
    if complaint != "one value":
        with pytest.raises(ValueError, match=complaint):
            bootstrap_interval(values * 100, rng, **options)


def test_bounds_are_certain_inside_and_silent_outside():
    bounds = Bounds(1, 0.5, 1.5, 1, "exact")
    assert [bounds.p(boundary) for boundary in (0.4, 0.5, 1, 1.5, 1.6)] == [0, 1, 1, 1, 0]
    assert not Bounds.none(1, 1, "none").interval(0.95).bounded


def test_intervals_read_well():
    assert mean_interval([0.2, 0.3, 0.4]).describe("bits") == "0.3 [0.05159, 0.5484] bits"
    assert Bounds.none(0.25, 1, "none").interval(0.95).describe() == "0.25"
    assert Bounds.none(-math.inf, 1, "none").interval(0.95).describe() == "-∞"
    assert Bounds.none(math.inf, 1, "none").interval(0.95).describe() == "∞"


def test_pairing_uses_common_blocks_and_reports_the_rest():
    pairs = paired_differences({"b": 3.0, "a": 1.0, "c": 9.0}, {"a": 0.5, "b": 1.0, "d": 0.0})
    assert pairs.labels == ("a", "b")
    assert pairs.differences == (0.5, 2.0)
    assert pairs.dropped == ("c", "d")
    with pytest.raises(ValueError, match="no block"):
        paired_differences({"a": 1.0}, {"b": 1.0})


@pytest.mark.parametrize("n", range(1, 8))
def test_sign_flips_reach_the_smallest_p_value_that_n_allows(n):
    assert sign_flip_p([1.0 + i for i in range(n)]) == pytest.approx(2 / 2**n)
    assert sign_flip_p([0.0] * n) == 1


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=8))
def test_sign_flips_agree_with_enumeration_by_hand(values):
    sums = [sum(map(operator.mul, values, signs)) for signs in itertools.product((1, -1), repeat=len(values))]
    expected = sum(abs(total) >= abs(sum(values)) for total in sums) / len(sums)
    assert sign_flip_p([value / 7 for value in values]) == pytest.approx(expected)


def test_many_differences_are_flipped_at_random(rng):
    values = rng.normal(0.5, 1, 20)
    drawn = sign_flip_p(values, rng=rng)
    assert drawn == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.03)  # 20,000 draws, another law
    assert sign_flip_p([1.0] * 20, rng=rng) > 0
    with pytest.raises(ValueError, match="rng"):
        sign_flip_p(values)
    for broken in ([], [math.nan]):
        with pytest.raises(ValueError, match="finite"):
            sign_flip_p(broken)


def test_the_bootstrap_of_many_images_is_close_to_normal(rng):
    values = rng.normal(2, 3, 400)
    interval = bootstrap_interval(values, rng)
    half = 1.96 * values.std(ddof=1) / 20
    assert (interval.low, interval.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.06 * half)
    assert interval.sd == pytest.approx(values.std(), rel=0.05)  # 4,000 replicates know it to 1 %
    assert (interval.n, interval.df) == (400, 399)


def test_the_bootstrap_depends_neither_on_order_nor_on_names(rng):
    values = list(rng.normal(size=240))
    sources = [f"s{i // 2}" for i in range(240)]
    order = rng.permutation(240)
    for clusters in ((), sources):
        shuffled = [clusters[i] for i in order] if clusters else ()
        first = bootstrap_interval(values, np.random.default_rng(1), clusters=clusters)
        second = bootstrap_interval([values[i] for i in order], np.random.default_rng(1), clusters=shuffled)
        assert first == second
    assert first.n == 120
    assert "120 sources of 240 images" in first.method


def test_unequal_sources_weigh_by_their_images(rng):
    values = [1.0] * 300 + [0.0] * 100
    sources = [f"a{i % 60}" for i in range(300)] + [f"b{i % 60}" for i in range(100)]
    assert bootstrap_interval(values, rng, clusters=sources).estimate == pytest.approx(0.75)


def test_replicates_and_interval_agree_on_what_is_decided(rng):
    estimated = Bootstrap.of(list(rng.normal(size=150)), rng)
    for level in (0.8, 0.95):
        interval = estimated.interval(level)
        for end in (interval.low, interval.high):
            assert estimated.p(end) == pytest.approx(1 - level, abs=2e-3)  # one replicate counts 5e-4
    assert estimated.p(1e9) == pytest.approx(2 / 4001)
    assert estimated.p(-1e9) == pytest.approx(2 / 4001)
    assert estimated.p(estimated.value) == 1


@pytest.mark.parametrize("value", [0.0, 0.1, 1e308])
def test_equal_images_give_no_width_and_say_so(value, rng):
    interval = bootstrap_interval([value] * 100, rng)
    assert (interval.low, interval.estimate, interval.high, interval.sd) == (value, value, value, 0)
    assert "degenerate" in interval.method


def test_no_magnitude_breaks_the_bootstrap(rng):
    interval = bootstrap_interval([1e308, 1.7e308] * 60, rng, clusters=[str(i % 110) for i in range(120)])
    assert 1e308 <= interval.low < interval.high <= 1.7e308


def test_few_images_are_not_resampled(rng):
    with pytest.raises(ValueError, match="at least 100"):
        bootstrap_interval(range(99), rng)
    with pytest.raises(ValueError, match="at least 100"):
        bootstrap_interval(range(500), rng, clusters=[str(i % 50) for i in range(500)])


def test_replicates_of_unequal_sources_scatter_around_the_estimate(rng):
    values = [1.0] * 300 + [0.0] * 100
    sources = [f"a{i % 60}" for i in range(300)] + [f"b{i % 60}" for i in range(100)]
    estimated = Bootstrap.of(values, rng, clusters=sources)
    assert estimated.replicates.mean() == pytest.approx(0.75, abs=0.01)  # its spread is 0.04, drawn 4,000 times
    assert estimated.replicates.max() <= 1


def test_many_images_are_resampled_in_portions(rng):
    estimated = Bootstrap.of(list(rng.normal(10, 1, 3_000)), rng)  # 4,000 replicates of 3,000: four portions
    assert estimated.replicates.shape == (4_000,)
    assert estimated.replicates.min() > 9.8
    assert estimated.replicates.max() < 10.2
    assert len(np.unique(estimated.replicates)) > 3_900  # drawn anew in every portion, ties by rounding apart


def test_replicates_that_tie_with_a_bound_count_against_a_decision():
    estimated = Bootstrap(0.5, np.array([0.0, 0.0, 0.25, 0.5, 0.5, 0.75, 1.0]), 100, "by hand")
    assert estimated.p(0.0) == 2 * (2 + 1) / 8
    assert estimated.p(1.0) == 2 * (1 + 1) / 8
    assert estimated.p(-0.1) == estimated.p(1.1) == 2 / 8
    assert estimated.p(0.25) == 1
    assert estimated.p(0.5) == 1
