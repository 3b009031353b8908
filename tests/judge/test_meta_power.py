"""The promise "n more seeds would settle it", tested on synthetic runs of the very truth it assumes."""

import math

import numpy as np
import pytest

from suite.judge import Interval, Observed, Region, Sampling, Verdict, judge, settle
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
        words = [judge(Observed(s, Sampling.SEEDS), region, FAR, rng=rng).verdict for s in samples]
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


def test_the_promise_holds_for_images():
    region = Region(0, 50)
    total = settle(present(0.15, 150), region)
    rng = np.random.default_rng(0)
    words = [
        judge(Observed(rng.normal(0.15, 1, total), Sampling.IMAGES), region, FAR, rng=rng).verdict for _ in range(300)
    ]
    assert np.mean([word is Verdict.REPRODUCED for word in words]) == pytest.approx(0.8, abs=0.06)  # noise 0.023
