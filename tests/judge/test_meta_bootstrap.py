"""Synthetic images of known truth: the bootstrap covers it in about 95 % of all experiments, views or not."""

import numpy as np
import pytest

from suite.judge import Observed, Region, Sampling, Verdict, bootstrap_interval, judge


def holds(interval, truth):
    return interval.low <= truth <= interval.high


LAWS = {
    "normal": (lambda rng, n: rng.normal(0.3, 1, n), 0.3),
    "better or worse per image": (lambda rng, n: rng.choice([-1.0, 0.0, 1.0], n, p=[0.05, 0.85, 0.1]), 0.05),
    "skewed": (lambda rng, n: rng.gamma(2, 1, n), 2.0),
}


@pytest.mark.parametrize(("law", "n"), [*((law, 200) for law in LAWS), ("skewed", 500)])
def test_the_bootstrap_covers_over_many_images(law, n):
    draw, truth = LAWS[law]
    rng = np.random.default_rng(n)
    shares = [holds(bootstrap_interval(draw(rng, n), rng, replicates=600), truth) for _ in range(1_000)]
    assert 0.925 <= np.mean(shares) <= 0.97  # noise 0.007, and 600 replicates cost 0.003


def test_the_bootstrap_covers_over_views_of_the_same_sources():
    rng = np.random.default_rng(0)
    sources = [f"source {i // 4}" for i in range(480)]
    whole, torn = [], []
    for _ in range(800):
        values = np.repeat(rng.normal(0, 1, 120), 4) + rng.normal(0, 0.5, 480)
        whole.append(holds(bootstrap_interval(values, rng, clusters=sources, replicates=600), 0))
        torn.append(holds(bootstrap_interval(values, rng, replicates=600), 0))
    assert 0.92 <= np.mean(whole) <= 0.97  # noise 0.008
    assert np.mean(torn) < 0.8


def test_images_on_the_bound_are_rarely_called_either_way():
    rng = np.random.default_rng(2)
    region, control = Region.at_least(0), Observed((-99.0,), Sampling.EXACT)
    words = [
        judge(Observed(rng.normal(0, 1, 150), Sampling.IMAGES), region, {"c": control}, rng=rng).verdict
        for _ in range(500)
    ]
    for word in (Verdict.REPRODUCED, Verdict.CONTRADICTED):
        assert 0.005 < np.mean([found is word for found in words]) < 0.05  # 2.5 %, noise 0.7 %
