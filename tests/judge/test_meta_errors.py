"""Synthetic studies of known truth: how often the rule says what is false, and how often it says what is true.

A word for "holds" is false where the truth lies outside the region, one for "fails" where it lies inside. Truths are
put on the bound, where errors are most frequent. Each rate is held against what an independent simulation of the same
law found (40,000 studies a number), within the noise of this one.
"""

import math

import numpy as np
import pytest

from suite.judge import FAILS, HOLDS, Observed, Question, Region, Role, Sampling, Verdict, verdicts

REGION = Region.at_least(0)
FAR = {"negative": Observed((-99.0,), Sampling.EXACT)}
SHARP = {"positive": Observed((99.0,), Sampling.EXACT)}
SIZES = (3, 6, 12, 20)


def normal(rng, shape):
    return rng.normal(0, 1, shape)


def skewed(rng, shape):
    """Lognormal, less its mean."""
    return np.exp(rng.normal(0, 1, shape)) - math.exp(0.5)


def heavy(rng, shape):
    return rng.standard_t(3, shape)


def diverging(rng, shape):
    """One run in ten ends five standard deviations lower; its share is part of the mean."""
    return rng.normal(0, 1, shape) - 5 * (rng.random(shape) < 0.1) + 0.5


LAWS = {law.__name__: law for law in (normal, skewed, heavy, diverging)}


def question(values, positives=SHARP, **options):
    return Question(Observed(values, Sampling.SEEDS), REGION, FAR, positives, **options)


def words(samples, positives=None):
    """The verdict on each sample, asked alone."""
    positives = positives or [SHARP] * len(samples)
    return [verdicts({"": question(s, p)})[""] for s, p in zip(samples.tolist(), positives, strict=True)]


def rate(found, wanted):
    return np.mean([word in wanted for word in found])


# law, seeds: false "holds", false "fails", of a truth on the bound
TABLE = {
    ("normal", 3): (0.025, 0.025),
    ("normal", 6): (0.025, 0.025),
    ("normal", 12): (0.026, 0.026),
    ("normal", 20): (0.025, 0.025),
    ("skewed", 3): (0.003, 0.159),
    ("skewed", 6): (0.001, 0.175),
    ("skewed", 12): (0.001, 0.151),
    ("skewed", 20): (0.001, 0.130),
    ("heavy", 3): (0.018, 0.020),
    ("heavy", 6): (0.019, 0.019),
    ("heavy", 12): (0.020, 0.020),
    ("heavy", 20): (0.021, 0.022),
    ("diverging", 3): (0.056, 0.005),
    ("diverging", 6): (0.090, 0.002),
    ("diverging", 12): (0.100, 0.005),
    ("diverging", 20): (0.078, 0.007),
}
STUDIES = 1_200


@pytest.mark.parametrize(("law", "n"), TABLE)
def test_a_truth_on_the_bound_is_called_either_way_as_rarely_as_the_law_allows(law, n):
    found = words(LAWS[law](np.random.default_rng(n), (STUDIES, n)))
    for wanted, known in zip((HOLDS, FAILS), TABLE[law, n], strict=True):
        assert rate(found, wanted) == pytest.approx(known, abs=4 * math.sqrt(max(known, 0.01) / STUDIES))


@pytest.mark.parametrize("n", [3, 6])
def test_even_a_narrow_region_is_rarely_failed_when_true(n):
    # Both sides may err here, so the rate is at its worst: just below 5 %.
    samples = np.random.default_rng(n).normal(0, 1, (STUDIES, n)).tolist()
    narrow, inside = Region.around(0, 0.1), {"positive": Observed((0.0,), Sampling.EXACT)}
    found = [verdicts({"": Question(Observed(s, Sampling.SEEDS), narrow, FAR, inside)})[""] for s in samples]
    assert rate(found, FAILS) < 0.065  # noise 0.006


# members, seeds: false "holds" anywhere, false "fails" anywhere, with all truths on the bound
FAMILIES = {(1, 6): (0.025, 0.025), (5, 6): (0.025, 0.024), (11, 3): (0.024, 0.025), (11, 6): (0.026, 0.024),
            (5, 12): (0.024, 0.025), (11, 20): (0.025, 0.025)}  # fmt: skip


@pytest.mark.parametrize(("members", "n"), FAMILIES)
def test_a_family_says_anything_false_as_rarely_as_one_question(members, n):
    rng, families = np.random.default_rng(members * n), 700
    false = {"holds": 0, "fails": 0}
    for samples in rng.normal(0, 1, (families, members, n)).tolist():
        found = verdicts({str(i): question(values) for i, values in enumerate(samples)}).values()
        false["holds"] += any(word in HOLDS for word in found)
        false["fails"] += any(word in FAILS for word in found)
    for wanted, known in zip(("holds", "fails"), FAMILIES[members, n], strict=True):
        assert false[wanted] / families == pytest.approx(known, abs=0.024)  # four times the noise


def test_without_the_family_rule_eleven_questions_would_err_too_often():
    samples = np.random.default_rng(3).normal(0, 1, (200, 11, 6))
    found = [any(word in HOLDS for word in words(family)) for family in samples]
    assert np.mean(found) > 0.15  # 1 - 0.975^11 is 24 %


def test_probes_cost_what_is_asserted_nothing():
    rng = np.random.default_rng(4)
    found = []
    for sample in rng.normal(2, 1, (300, 6)).tolist():
        probes = {f"probe {i}": question(rng.normal(0, 1, 6), role=Role.PROBE) for i in range(10)}
        items = {"claim": question(sample)}
        assert verdicts(items | probes)["claim"] is verdicts(items)["claim"]
        found.append(verdicts(items | probes)["claim"])
    assert rate(found, HOLDS) > 0.94  # as alone: 0.97


# members, distance of the positive control inside the bound: "fails" of a claim two sd outside, six seeds
SHARPNESS = {
    (1, -2): 0.000,  # a blind assay
    (1, 0): 0.025,
    (1, 1): 0.484,
    (1, 2): 0.944,
    (1, 5): 0.973,  # a sharp one
    (11, -2): 0.000,
    (11, 2): 0.330,
    (11, 5): 0.564,
}


@pytest.mark.parametrize(("members", "distance"), SHARPNESS)
def test_a_claim_fails_only_as_far_as_the_assay_could_have_shown_it(members, distance):
    rng, studies = np.random.default_rng(7), 500
    found = []
    for _ in range(studies):
        positive = {"positive": Observed(rng.normal(distance, 1, 6), Sampling.SEEDS)}
        items = {"claim": question(rng.normal(-2, 1, 6), positive)}
        items |= {str(i): question(rng.normal(0, 1, 6)) for i in range(members - 1)}
        found.append(verdicts(items)["claim"])
    known = SHARPNESS[members, distance]
    assert rate(found, FAILS) == pytest.approx(known, abs=4 * math.sqrt(max(known * (1 - known), 0.002) / studies))
    if distance == -2:
        assert rate(found, {Verdict.UNINFORMATIVE}) > 0.95


@pytest.mark.parametrize("truth", [0.0, 0.5])
def test_a_claim_whose_negative_control_also_holds_is_rarely_said_to_hold(truth):
    rng, n = np.random.default_rng(5), 6
    found = []
    for claim, control in zip(rng.normal(5, 1, (800, n)), rng.normal(truth, 1, (800, n)), strict=True):
        negative = {"negative": Observed(control, Sampling.SEEDS)}
        found.append(verdicts({"": Question(Observed(claim, Sampling.SEEDS), REGION, negative, SHARP)})[""])
    assert rate(found, HOLDS) < 0.05
    assert rate(found, FAILS) == 0
