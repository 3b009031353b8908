"""The strip of any numbers, names that must not overlap, signs that change."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("matplotlib")

from suite.judge import Interval, Region
from suite.show.figures.curves import crossings
from suite.show.figures.export import svg
from suite.show.figures.judged import Judged, Row
from suite.show.figures.plots import draw
from suite.show.figures.series import spread


def axes_of(figure, label: str):
    return next((axes for axes in figure.axes if axes.get_label() == label), None)


def strip_of(**changes) -> Judged:
    interval = Interval(0.2, 0.1, 0.3, 3, 0.95, 0.1, 2.0, "made up")
    options = {
        "quantity": "q",
        "unit": "",
        "region": Region.at_least(0.15),
        "rows": (Row("measured", "3 seeds", interval),),
    }
    return Judged(**(options | changes))


@settings(max_examples=20)
@given(
    estimate=st.floats(-1e6, 1e6),
    half=st.floats(0, 1e6),
    bound=st.floats(-1e6, 1e6),
    printed=st.lists(st.floats(-1e6, 1e6), max_size=2),
    open_end=st.booleans(),
)
def test_any_numbers_fit_on_the_axis(estimate, half, bound, printed, open_end):
    ends = (-np.inf, np.inf) if open_end else (estimate - half, estimate + half)
    row = Row("measured", "3 seeds", Interval(estimate, *ends, 3, 0.95, None, None, "made up"))
    what = strip_of(rows=(row,), region=Region.at_least(bound), published=tuple((value, "x") for value in printed))
    figure = draw(None, what)
    left, right = axes_of(figure, "strip").get_xlim()
    assert all(left <= value <= right for value in what.numbers())
    assert all(word not in svg(figure).lower() for word in (">nan", "inf<"))


def test_far_apart_numbers_get_a_logarithmic_axis():
    tiny = Interval(0.0, 0.0, 0.0, 1, 0.95, None, None, "exact")
    large = Interval(0.1, 0.1, 0.1, 1, 0.95, None, None, "exact")
    rows = (Row("measured", "", tiny), Row("control", "", large, control=True))
    figure = draw(None, strip_of(rows=rows, region=Region.at_most(1e-12)))
    strip = axes_of(figure, "strip")
    assert strip.get_xscale() == "symlog"
    place = strip.transData.transform([(0, 0), (1e-12, 0), (0.1, 0)])[:, 0]
    assert place[1] - place[0] > 5
    assert place[2] - place[1] > 50


@given(
    heights=st.lists(st.floats(-100, 100), min_size=1, max_size=8),
    size=st.floats(0.1, 5),
)
def test_spread_things_do_not_overlap(heights, size):
    places = spread(heights, [size] * len(heights), -1000, 1000)
    ordered = sorted(places)
    assert all(b - a >= size * (1 - 1e-6) for a, b in pairwise(ordered))
    if all(abs(a - b) >= size for i, a in enumerate(heights) for b in heights[:i]):
        assert places == pytest.approx(heights)  # nothing moves without need
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    assert sorted(range(len(heights)), key=lambda i: places[i]) == order


@given(st.lists(st.floats(-5, 5).filter(lambda value: abs(value) > 1e-3), min_size=2, max_size=10))
def test_crossings_are_where_the_sign_changes(values):
    y = np.array(values)
    x = np.arange(float(len(y)))
    found = crossings(x, y)
    assert len(found) == int(np.sum(np.sign(y[:-1]) != np.sign(y[1:])))
    assert np.allclose(np.interp(found, x, y), 0, atol=1e-9)
