"""Evidence: what may be stated, what is broken, and which interval it earns."""

import math

import numpy as np
import pytest

from suite.judge import Observed, Pooled, Sampling, with_n
from suite.judge.bootstrap import Bootstrap
from suite.judge.estimate import estimate
from suite.judge.interval import Bounds, StudentT

SHARED = Pooled(sd=0.2, df=10, p_value=0.5, fair=True, groups=6)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"values": (1, 2), "sampling": "seeds", "labels": ("a",)}, "labels"),
        ({"values": (1, 2), "sampling": "seeds", "labels": ("a", "a")}, "labels"),
        ({"values": (1, 2), "sampling": "images", "clusters": ("a",)}, "cluster"),
        ({"values": (1, 2), "sampling": "seeds", "clusters": ("a", "a")}, "clusters belongs"),
        ({"values": (1,), "sampling": "seeds", "standard_error": 0.1}, "standard_error belongs"),
        ({"values": (1,), "sampling": "seeds", "covers_runs": True}, "covers_runs belongs"),
        ({"values": (1,), "sampling": "seeds", "numerical_error": 0.1}, "numerical_error belongs"),
        ({"values": (1,), "sampling": "exact", "resolution": 0.1}, "resolution belongs"),
        ({"values": (1,), "sampling": "exact", "pooled": SHARED}, "pooled belongs"),
        ({"values": (1, 2), "sampling": "exact"}, "one value"),
        ({"values": (1, 2), "sampling": "single", "standard_error": 0.1}, "one value"),
        ({"values": (1,), "sampling": "single"}, "standard error"),
        ({"values": (1,), "sampling": "single", "standard_error": -0.1}, "0 or more"),
        ({"values": (1,), "sampling": "exact", "numerical_error": -0.1}, "0 or more"),
        ({"values": (1,), "sampling": "seeds", "resolution": -0.1}, "0 or more"),
        ({"values": (1,), "sampling": "guesses"}, "guesses"),
    ],
)
def test_statements_that_make_no_sense_are_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        Observed(**arguments)


def test_broken_evidence_says_what_is_broken():
    assert Observed((1, 2), Sampling.SEEDS).broken == ""
    assert Observed((1, math.nan), Sampling.SEEDS, labels=("s1", "s2")).broken == "value 2 of 2 (s2) is nan"
    assert Observed((math.inf,), Sampling.IMAGES).broken == "value 1 of 1 is inf"
    assert "not finite" in Observed((1,), Sampling.SINGLE, standard_error=math.nan).broken
    assert "not finite" in Observed((1,), Sampling.EXACT, numerical_error=math.inf).broken
    assert "not finite" in Observed((1,), Sampling.SEEDS, resolution=math.nan).broken
    assert Observed((), Sampling.SEEDS, failure="out of memory").broken == "out of memory"


def test_values_may_come_as_an_array_and_are_kept_as_floats():
    observed = Observed(np.array([1, 2]), "seeds")
    assert observed.values == (1.0, 2.0)
    assert type(observed.values[0]) is float
    assert observed.sampling is Sampling.SEEDS


def test_evidence_counts_itself():
    assert Observed((1,), Sampling.SEEDS).size == "1 seed"
    assert Observed((1, 2), Sampling.SEEDS).size == "2 seeds"
    assert Observed((1, 2, 3), Sampling.IMAGES, clusters=("a", "b", "a")).size == "3 images of 2 sources"


@pytest.mark.parametrize(
    ("observed", "kind", "bounded"),
    [
        (Observed((1, 2, 3), Sampling.SEEDS), StudentT, True),
        (Observed((1,), Sampling.SEEDS), Bounds, False),
        (Observed((1,), Sampling.SEEDS, pooled=SHARED), StudentT, True),
        (Observed((1,), Sampling.SEEDS, pooled=Pooled(0.2, 10, 0.01, fair=False, groups=6)), Bounds, False),
        (Observed((1,), Sampling.EXACT), Bounds, True),
        (Observed((1,), Sampling.SINGLE, standard_error=0.1), StudentT, True),
        (Observed(range(100), Sampling.IMAGES), Bootstrap, True),
        (Observed(range(99), Sampling.IMAGES), Bounds, False),
        (Observed(range(200), Sampling.IMAGES, clusters=[str(i % 99) for i in range(200)]), Bounds, False),
        (Observed(range(200), Sampling.IMAGES, clusters=[str(i % 100) for i in range(200)]), Bootstrap, True),
    ],
)
def test_every_sampling_earns_its_own_interval(observed, kind, bounded, rng):
    estimated = estimate(observed, rng)
    assert isinstance(estimated, kind)
    assert estimated.interval(0.95).bounded is bounded
    assert estimated.value == pytest.approx(np.mean(observed.values), rel=1e-12)  # rounding of a sum


def test_a_stated_error_is_normal_and_an_exact_value_has_its_rounding(rng):
    single = estimate(Observed((1,), Sampling.SINGLE, standard_error=0.1), rng).interval(0.95)
    assert (single.high - single.low) / 2 == pytest.approx(0.1 * 1.959964, rel=1e-6)
    exact = estimate(Observed((1,), Sampling.EXACT, numerical_error=0.25), rng).interval(0.95)
    assert (exact.low, exact.high) == (0.75, 1.25)


def test_nothing_is_estimated_from_nothing(rng):
    for values in ((), (math.nan,)):
        with pytest.raises(ValueError, match="nothing to estimate"):
            estimate(Observed(values, Sampling.SEEDS), rng)


def test_what_if_there_were_more_seeds(rng):
    observed = Observed((1, 2, 3), Sampling.SEEDS)
    present = estimate(observed, rng).interval(0.95)
    same, twelve = (with_n(observed, n, rng=rng) for n in (3, 12))
    assert (same.low, same.high) == (present.low, present.high)
    assert (twelve.estimate, twelve.sd, twelve.df) == (present.estimate, present.sd, 11)
    assert twelve.high - twelve.low < (present.high - present.low) / 2
    pooled = with_n(Observed((1, 1.1, 1.2), Sampling.SEEDS, pooled=SHARED), 6, rng=rng)
    assert (pooled.df, pooled.sd) == (25, 0.2)  # 10 degrees of freedom from 3 blocks are 5 per further block
    assert with_n(Observed((1,), Sampling.SEEDS, pooled=SHARED), 6, rng=rng).df == 10
    assert with_n(Observed((1,), Sampling.EXACT), 6, rng=rng).low == 1
    assert not with_n(Observed((1,), Sampling.SEEDS), 6, rng=rng).bounded


def test_what_if_refuses_what_cannot_be_foreseen(rng):
    with pytest.raises(ValueError, match="n = 1"):
        with_n(Observed((1, 2), Sampling.SEEDS), 1, rng=rng)
    with pytest.raises(ValueError, match="repeated"):
        with_n(Observed((1,), Sampling.SINGLE, standard_error=0.1), 3, rng=rng)
    with pytest.raises(ValueError, match="level"):
        with_n(Observed((1, 2), Sampling.SEEDS), 3, rng=rng, level=1)
