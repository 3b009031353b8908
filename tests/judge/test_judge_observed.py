"""Evidence: what may be stated, what is broken, and which interval it earns."""

import math

import numpy as np
import pytest

from suite.judge import Observed, Pooled, Sampling
from suite.judge.estimate import estimate
from suite.judge.interval import Bounds, StudentT

SHARED = Pooled(sd=0.2, df=10, p_value=0.5, fair=True, groups=6)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"values": (1, 2), "sampling": "seeds", "labels": ("a",)}, "labels"),
        ({"values": (1, 2), "sampling": "seeds", "labels": ("a", "a")}, "labels"),
        ({"values": (1,), "sampling": "seeds", "error_df": 2}, "error_df belongs"),
        ({"values": (1,), "sampling": "single", "standard_error": 0.1, "error_df": 0}, "error_df 0 must be 1"),
        ({"values": (1,), "sampling": "exact", "diverged": ("seed 1",)}, "diverged belongs"),
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
        ({"values": (1,) * 30, "sampling": "halves"}, "30 halves need the quantity of all images"),
        ({"values": (1,) * 28, "sampling": "halves", "whole": 1.0}, "two for each group"),
        ({"values": (1,) * 31, "sampling": "halves", "whole": 1.0}, "two for each group"),
        ({"values": (1,), "sampling": "guesses"}, "guesses"),
    ],
)
def test_statements_that_make_no_sense_are_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        Observed(**arguments)


def test_broken_evidence_says_what_is_broken():
    assert Observed((1, 2), Sampling.SEEDS).broken == ""
    assert Observed((1, math.nan), Sampling.SEEDS, labels=("s1", "s2")).broken == "value 2 of 2 (s2) is nan"
    assert Observed((math.inf,), Sampling.SEEDS).broken == "value 1 of 1 is inf"
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
    assert Observed((1, 2), Sampling.SEEDS, diverged=("seed 4",)).size == "2 seeds (1 more diverged)"


@pytest.mark.parametrize(
    ("observed", "kind", "bounded"),
    [
        (Observed((1, 2, 3), Sampling.SEEDS), StudentT, True),
        (Observed((1,), Sampling.SEEDS), Bounds, False),
        (Observed((1,), Sampling.SEEDS, pooled=SHARED), StudentT, True),
        (Observed((1,), Sampling.SEEDS, pooled=Pooled(0.2, 10, 0.01, fair=False, groups=6)), Bounds, False),
        (Observed((1,), Sampling.EXACT), Bounds, True),
        (Observed((1,), Sampling.SINGLE, standard_error=0.1), StudentT, True),
        (Observed((1, 1), Sampling.SEEDS), Bounds, False),
        (Observed((1, 1), Sampling.SEEDS, resolution=0.1), StudentT, True),
        (Observed((1,), Sampling.HALVES), Bounds, False),
        (Observed((1,) * 30, Sampling.HALVES, whole=1), Bounds, False),
        (Observed((1,) * 30, Sampling.HALVES, whole=1, resolution=0.1), StudentT, True),
    ],
)
def test_every_sampling_earns_its_own_interval(observed, kind, bounded):
    estimated = estimate(observed)
    assert isinstance(estimated, kind)
    assert estimated.interval(0.95).bounded is bounded
    assert estimated.value == pytest.approx(np.mean(observed.values), rel=1e-12)  # rounding of a sum


def test_a_stated_error_is_normal_and_an_exact_value_has_its_rounding():
    single = estimate(Observed((1,), Sampling.SINGLE, standard_error=0.1)).interval(0.95)
    assert (single.high - single.low) / 2 == pytest.approx(0.1 * 1.959964, rel=1e-6)
    few = estimate(Observed((1,), Sampling.SINGLE, standard_error=0.1, error_df=2)).interval(0.95)
    assert (few.high - few.low) / 2 == pytest.approx(0.1 * 4.302653, rel=1e-6)  # B3: known from three pairs
    exact = estimate(Observed((1,), Sampling.EXACT, numerical_error=0.25)).interval(0.95)
    assert (exact.low, exact.high) == (0.75, 1.25)


def test_nothing_is_estimated_from_nothing():
    for values in ((), (math.nan,)):
        with pytest.raises(ValueError, match="nothing to estimate"):
            estimate(Observed(values, Sampling.SEEDS))
