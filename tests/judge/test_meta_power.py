"""The promise "n more seeds would settle it", tested on synthetic runs of the very truth it assumes."""

import math

import numpy as np
import pytest

from suite.judge import (
    Interval,
    Observed,
    Question,
    Region,
    Sampling,
    Verdict,
    foresee,
    judge,
    mean_interval,
    settle,
    telescope,
    verdicts,
)
from suite.judge.interval import StudentT

FAR = {"control": Observed((99.0,), Sampling.EXACT)}
STUDIES = 2_000  # noise of a rate of 80 %: 0.9 %


def present(value, n, df=None):
    """Evidence of a first look with spread 1."""
    return Interval(value, -math.inf, math.inf, n, 0.95, 1.0, n - 1 if df is None else df, "by hand")


@pytest.mark.parametrize(
    ("value", "region"),
    [
        (1.6, Region(0, 50)),
        (0.9, Region(0, 50)),
        (-0.9, Region(0, 50)),
        (0.5, Region(0, 50)),
        (0.1, Region.around(0, 1)),
        (1.7, Region.around(0, 1)),
        (0.0, Region.around(0, 0.6)),
    ],
)
def test_the_promised_number_settles_four_in_five(value, region):
    total = settle(present(value, 3), region)
    word = Verdict.REPRODUCED if region.contains(value, value) else Verdict.CONTRADICTED

    def share(n):
        rng = np.random.default_rng(n)
        samples = rng.normal(value, 1, (STUDIES, n)).tolist()
        sure = {"p": Observed((region.boundaries[0],), Sampling.EXACT)}
        words = [verdicts({"": Question(Observed(s, Sampling.SEEDS), region, FAR, sure)})[""] for s in samples]
        return np.mean([found is word for found in words])

    assert share(total) >= 0.8 - 0.03
    assert share(total - 1) <= 0.8 + 0.03
    assert share(total) <= 0.93  # a whole seed is a large step where few suffice


def test_the_promise_holds_for_shared_noise():
    # Six methods: five degrees of freedom per block beyond the first.
    value, region = 0.9, Region.at_least(0)
    total = settle(present(value, 3, df=10), region)
    rng = np.random.default_rng(0)
    df = 5 * (total - 1)
    spreads = np.sqrt(rng.chisquare(df, STUDIES) / df)
    means = rng.normal(value, 1 / math.sqrt(total), STUDIES)
    intervals = [
        StudentT(mean, spread, df, total, "").interval(0.95)
        for mean, spread in zip(means.tolist(), spreads.tolist(), strict=True)
    ]
    share = np.mean([region.contains(interval.low, interval.high) for interval in intervals])
    assert 0.775 <= share <= 0.9
    assert total < settle(present(value, 3), region)


@pytest.mark.parametrize("distance", [0.5, 0.8, 1.2])
def test_the_range_of_a_promise_holds_what_is_truly_needed(distance):
    # Six seeds say little of the distance to a bound in units of their spread: the range says how little.
    region, n, rng = Region.at_least(0), 6, np.random.default_rng(int(10 * distance))
    needed = settle(present(distance, n), region)
    needed = max(needed, n + 1)
    held = 0
    for values in rng.normal(distance, 1, (400, n)).tolist():
        interval = mean_interval(values)
        outlook = foresee(interval, region)
        if outlook is None:
            held += 1  # "not settled by any number": the estimate happens to lie on the bound
            continue
        low, high = n + outlook.low, math.inf if outlook.high is None else n + outlook.high
        held += low <= needed <= high
    assert held / 400 >= 0.75  # nominal 0.8, on whole seeds; noise 0.02


@pytest.mark.parametrize(
    ("values", "region"),
    [((0.14, 0.42, 0.91), Region.between(0.2, 0.5)), ((0.77, -1.25, 1.64), Region.between(-0.7, 0.7))],
)
def test_a_range_whose_near_end_is_out_of_reach_begins_at_the_likely_number(values, region):
    outlook = foresee(mean_interval(values), region)
    assert outlook is not None
    assert outlook.low == outlook.likely


def test_seeds_that_agree_promise_one_number():
    agreed = mean_interval([1.2] * 3, resolution=0.1)
    outlook = foresee(agreed, Region.at_least(1.1))
    assert outlook is not None
    assert outlook.low == outlook.likely == outlook.high, "without spread the distance in units of it is no guess"


@pytest.mark.parametrize("value", [0.4, 0.8, -0.6])
def test_a_known_spread_promises_what_many_degrees_of_freedom_do(value):
    known, estimated = (foresee(present(value, 6, df=df), Region.at_least(0)) for df in (math.inf, 1e7))
    assert known == estimated


def test_numbers_near_the_largest_there_are_promise_nothing():
    zeros, wild = (Observed((0.0, value), Sampling.SEEDS) for value in (0.0, -1.5580658946718675e308))
    with np.errstate(all="raise"):
        assert judge(zeros, Region.at_least(0), {"a": None}, {"p": wild}).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("error", "power"), [(0.17, 1 / 3), (0.22, 1 / 3), (2.0, 0.8)])
def test_a_study_finds_the_effect_of_its_telescope_as_often_as_is_said(error, power):
    """A two-sided z test at 5 %, of 20,000 studies: the noise of a rate is .4 %."""
    drawn = np.random.default_rng(0).normal(telescope(error, power=power), error, size=20_000)
    assert np.mean(np.abs(drawn) > 1.959964 * error) == pytest.approx(power, abs=0.015)


def test_one_run_on_50000_images_could_see_no_less_than_a_quarter_of_a_point():
    assert telescope(0.17) == pytest.approx(0.26, abs=0.005)
