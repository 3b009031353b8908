"""Numbers show as many digits as their interval justifies."""

import math
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from suite.judge import Interval
from suite.show.numbers import aligned, finite, interval_text, number, plural, ranges


def interval(estimate, half_width):
    return Interval(estimate, estimate - half_width, estimate + half_width, 4, 0.95, 1.0, 3.0, "t")


@pytest.mark.parametrize(
    ("estimate", "half_width", "text"),
    [
        (0.2152, 0.0211, "0.215 [0.194, 0.236]"),
        (83.94, 1.26, "83.9 [82.7, 85.2]"),
        (5_717_416, 1234.5, "5,717,400 [5,716,200, 5,718,700]"),
        (-0.0004, 0.02, "0.000 [-0.020, 0.020]"),
        (1.5e-7, 2.1e-8, "1.50e-07 [1.29e-07, 1.71e-07]"),
        (2e16, 1.5e14, "2.000e+16 [1.985e+16, 2.015e+16]"),
        (12.0, 30.0, "12 [-18, 42]"),
    ],
)
def test_digits_follow_the_width(estimate, half_width, text):
    assert interval_text(interval(estimate, half_width)) == text


def test_without_width_the_number_stands_alone():
    assert interval_text(interval(5_717_416, 0.0), "parameters") == "5,717,416 parameters"
    assert interval_text(interval(0.123456, math.inf), "bits") == "0.1235 bits"
    assert interval_text(None, "bits") == "-"


@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-6, 1e5),
)
def test_what_is_written_is_within_a_hundredth_of_the_half_width_times_five(estimate, half_width):
    """Two digits of the half-width: the rounding of each number is at most 5 % of it."""
    ends = (estimate, estimate - half_width, estimate + half_width)
    for value, text in zip(ends, aligned(ends, half_width), strict=True):
        assert abs(float(text.replace(",", "")) - value) <= 0.0501 * half_width + 1e-9 * abs(value)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e5))
def test_the_three_numbers_end_at_the_same_digit(estimate, half_width):
    ends = (estimate, estimate - half_width, estimate + half_width)
    assume(max(map(abs, ends)) >= 1e-4)
    decimals = {len(text.partition(".")[2]) for text in aligned(ends, half_width)}
    assert len(decimals) == 1


@given(st.floats(-1e300, 1e300))
def test_a_bare_number_keeps_four_digits(value):
    text = number(value).replace(",", "")
    assert float(text) == pytest.approx(value, rel=5.001e-4)
    if abs(value) < 1e15 and value == int(value):
        assert re.fullmatch(r"-?\d+", text)


def test_infinities_and_nan_are_written_and_kept_from_json():
    assert [number(math.inf), number(-math.inf), number(math.nan)] == ["∞", "-∞", "not a number"]
    assert [finite(value) for value in (math.inf, math.nan, None, 1.5)] == [None, None, None, 1.5]


@given(st.frozensets(st.integers(0, 30)))
def test_ranges_hold_exactly_the_given_numbers(values):
    text = ranges(values)
    found = set()
    for part in text.split(", ") if text else ():
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    assert found == values


def test_neighbours_are_joined():
    assert ranges([5, 2, 1, 0]) == "0-2, 5"


def test_counts_are_english():
    assert [plural(1, "seed"), plural(2_000, "seed")] == ["1 seed", "2,000 seeds"]
