"""Regions: what they hold, how they move, how they read."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.judge import Region

FINITE = st.floats(-1e6, 1e6)
REGIONS = st.one_of(
    FINITE.map(Region.at_least),
    FINITE.map(Region.at_most),
    st.tuples(FINITE, FINITE).map(lambda ends: Region(*sorted(ends))),
)


@pytest.mark.parametrize(
    ("region", "low", "high", "inside", "outside"),
    [
        (Region.at_least(1), 1, 2, True, False),
        (Region.at_least(1), 0.9, 2, False, False),
        (Region.at_least(1), 0.1, 0.9, False, True),
        (Region.at_most(1), 0, 1, True, False),
        (Region.at_most(1), 1.1, 2, False, True),
        (Region.between(1, 2), 1, 2, True, False),
        (Region.between(1, 2), 0, 1, False, False),
        (Region.between(1, 2), 0, 3, False, False),
        (Region.around(0, 0.5), -0.5, 0.5, True, False),
        (Region.around(0, 0.5), 0.6, 0.7, False, True),
        (Region.equal(12, 0), 12, 12, True, False),
        (Region.equal(12, 0), 13, 13, False, True),
        (Region.at_least(1), -math.inf, math.inf, False, False),
    ],
)
def test_an_interval_is_inside_outside_or_across(region, low, high, inside, outside):
    assert region.contains(low, high) is inside
    assert region.disjoint(low, high) is outside


@pytest.mark.parametrize(
    "ends",
    [
        {},
        {"low": math.nan},
        {"high": math.nan},
        {"low": 2, "high": 1},
        {"low": math.inf},
        {"high": -math.inf},
        {"low": math.inf, "high": math.inf},
    ],
)
def test_a_region_that_is_none_is_refused(ends):
    with pytest.raises(ValueError, match="region"):
        Region(**ends)


def test_constructors_refuse_senseless_margins():
    for margin in (0, -1, math.nan):
        with pytest.raises(ValueError, match="margin"):
            Region.around(0, margin)
    for tolerance in (-1, math.nan):
        with pytest.raises(ValueError, match="tolerance"):
            Region.equal(0, tolerance)


@given(REGIONS, FINITE)
def test_distance_is_positive_inside_negative_outside_and_reaches_a_boundary(region, value):
    distance = region.distance(value)
    assert math.isfinite(distance)
    if abs(distance) > 1e-9 * max(1.0, *map(abs, region.boundaries)):  # nearer, rounding may decide
        assert (distance >= 0) is region.contains(value, value)
    nearest = min(abs(value - boundary) for boundary in region.boundaries)
    assert abs(distance) == nearest


@given(REGIONS, FINITE, st.sampled_from((-4.0, -1.0, 0.5, 8.0)), st.integers(-1000, 1000))
def test_scaling_moves_region_and_value_together(region, value, factor, shift):
    value, shift = round(value), float(shift)
    region = Region(*(round(end) if math.isfinite(end) else end for end in (region.low, region.high)))
    moved = region.scaled(factor, shift)
    assert moved.contains(*[factor * value + shift] * 2) is region.contains(value, value)
    assert moved.scaled(1 / factor, -shift / factor) == region


def test_scaling_refuses_what_destroys_the_region():
    for factor, shift in ((0, 0), (math.nan, 0), (math.inf, 0), (1, math.nan), (1, math.inf)):
        with pytest.raises(ValueError, match="rescale"):
            Region.at_least(1).scaled(factor, shift)


@given(REGIONS, st.floats(0, 1e3), FINITE)
def test_widening_loses_no_value(region, margin, value):
    if region.contains(value, value):
        assert region.widened(margin).contains(value, value)


def test_widening_moves_finite_ends_only_and_narrowing_may_leave_nothing():
    assert Region.at_least(1).widened(0.5) == Region.at_least(0.5)
    assert Region.between(1, 3).widened(-1) == Region.equal(2, 0)
    for margin in (-1.5, math.inf, -math.inf, math.nan):
        with pytest.raises(ValueError, match="region"):
            Region.between(1, 3).widened(margin)


def test_boundaries_are_the_finite_ends_each_once():
    assert Region.at_least(1).boundaries == (1,)
    assert Region.at_most(1).boundaries == (1,)
    assert Region.between(1, 2).boundaries == (1, 2)
    assert Region.equal(3, 0).boundaries == (3,)


@pytest.mark.parametrize(
    ("region", "text"),
    [
        (Region.at_least(0.14), "≥ 0.14 bits"),
        (Region.at_most(-3), "≤ -3 bits"),
        (Region.equal(5_717_416, 0), "= 5,717,416 bits"),
        (Region.between(0.1, 0.3), "0.1 to 0.3 bits"),
        (Region.equal(0.123456, 1e-9), "0.1235 ± 1e-09 bits"),
    ],
)
def test_regions_read_well(region, text):
    assert region.describe("bits") == text
    assert region.describe() == text.removesuffix(" bits")


def test_rounding_of_floating_point_arithmetic_does_not_move_a_value_across_a_bound():
    # B5: 77.1 - 77.0 is 0.09999999999999432.
    assert Region.at_least(0.1).contains(77.1 - 77.0, 77.1 - 77.0)
    assert not Region.at_least(0.1).disjoint(77.1 - 77.0, 77.1 - 77.0)
    assert Region.at_most(0.3).contains(0.1 + 0.2, 0.1 + 0.2)
    assert Region.at_least(0).contains(0.3 - (0.1 + 0.2), 1)
    assert Region.at_least(0.1).disjoint(0.0999, 0.0999)
    assert not Region.equal(5_717_416, 0).contains(5_717_417, 5_717_417)
