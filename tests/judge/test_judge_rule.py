"""Every line of the rule, by example, and the sentences it speaks."""

import math

import numpy as np
import pytest

from suite.judge import (
    Judgement,
    Observed,
    Pooled,
    Position,
    Question,
    Region,
    Sampling,
    Verdict,
    judge,
    judge_family,
    relabel_smoke,
    settle,
)

REGION = Region.at_least(0.14)


def seeds(*values, **options):
    return Observed(values, Sampling.SEEDS, **options)


def exact(value, **options):
    return Observed((value,), Sampling.EXACT, **options)


def single(value, error, **options):
    return Observed((value,), Sampling.SINGLE, standard_error=error, **options)


def images(mean, n=150, **options):
    return Observed(mean + np.linspace(-1, 1, n), Sampling.IMAGES, **options)


INSIDE, OUTSIDE, ACROSS = seeds(0.20, 0.21, 0.22), seeds(0.01, 0.02, 0.03), seeds(0.10, 0.20, 0.15)
INSIDE_LEANING, OUTSIDE_LEANING = seeds(0.10, 0.20, 0.15), seeds(0.10, 0.20, 0.05)
VIEWS = tuple(f"source {i % 100}" for i in range(200))
POOLED = Pooled(0.001, 12, 0.5, fair=True, groups=6)


def ask(observed, controls, region=REGION, **options):
    return judge(observed, region, controls, rng=np.random.default_rng(0), unit="bits", **options)


@pytest.mark.parametrize(
    ("observed", "controls", "verdict", "words"),
    [
        # Several runs that hold: the controls decide.
        (INSIDE, {"c": OUTSIDE}, "reproduced", "the claimed region ≥ 0.14 bits, and control 'c' at 0.02"),
        (INSIDE, {"c": exact(0)}, "reproduced", "control 'c' at 0 bits outside it"),
        (INSIDE, {"c": OUTSIDE, "d": OUTSIDE}, "reproduced", "[-0.004841, 0.04484] bits and control 'd'"),
        (INSIDE, {}, "inconclusive", "no control shows that it could have failed"),
        (INSIDE, {"c": None}, "inconclusive", "control 'c' is not run"),
        (INSIDE, {"c": seeds(note="type this")}, "inconclusive", "control 'c' is not run (type this)"),
        (INSIDE, {"c": OUTSIDE, "d": None}, "inconclusive", "control 'd' is not run"),
        (INSIDE, {"c": INSIDE_LEANING}, "inconclusive", "may well lie inside too; about"),
        (INSIDE, {"c": OUTSIDE_LEANING}, "inconclusive", "is not shown to lie outside; about"),
        (INSIDE, {"c": seeds(0.01)}, "inconclusive", "is not shown to lie outside"),
        (INSIDE, {"c": seeds(0.01, pooled=POOLED)}, "inconclusive", "is not shown to lie outside"),
        (INSIDE, {"c": single(0.01, 0.001)}, "inconclusive", "is not shown to lie outside"),
        (INSIDE, {"c": single(0.01, 0.001, covers_runs=True)}, "reproduced", "control 'c' at 0.01 ["),
        (INSIDE, {"c": INSIDE}, "uninformative", "so does control 'c' at 0.21 [0.1852, 0.2348] bits: the"),
        (INSIDE, {"c": OUTSIDE, "d": INSIDE}, "uninformative", "so does control 'd'"),
        (INSIDE, {"c": None, "d": INSIDE}, "uninformative", "so does control 'd'"),
        (INSIDE, {"c": seeds(math.nan, 1)}, "error", "of control 'c': value 1 of 2 is nan"),
        # Several runs that do not hold: no control matters.
        (OUTSIDE, {}, "contradicted", "The 95 % interval 0.02 [-0.004841, 0.04484] bits of 3 seeds does"),
        (OUTSIDE, {"c": INSIDE}, "contradicted", "does not meet"),
        (OUTSIDE, {"c": None}, "contradicted", "does not meet"),
        (ACROSS, {"c": OUTSIDE}, "inconclusive", "across a bound of the claimed region ≥ 0.14 bits; about"),
        (ACROSS, {"c": INSIDE}, "inconclusive", "0.21 [0.1852, 0.2348] bits lies inside it, so nothing"),
        (ACROSS, {}, "inconclusive", "more seeds would settle it"),
        (seeds(0.1, 0.18), {}, "inconclusive", "not settled by up to 100,000 seeds"),
        (seeds(0.2, 0.2), {"c": OUTSIDE}, "reproduced", "of 2 seeds (all equal, so without width) lies"),
        # One run.
        (seeds(0.2), {}, "consistent", "The single run at 0.2 bits lies inside"),
        (seeds(0.2, pooled=POOLED), {"c": OUTSIDE}, "consistent", "one run never reproduces a claim"),
        (seeds(0.2), {"c": None}, "consistent", "one run never reproduces a claim"),
        (seeds(0.2), {"c": INSIDE}, "uninformative", "so does control 'c'"),
        (seeds(0.2), {"c": seeds(0.3)}, "inconclusive", "control 'c' at 0.3 bits may well lie inside too."),
        (seeds(0.1), {}, "inconclusive", "outside the claimed region ≥ 0.14 bits, but one run alone may be"),
        (seeds(0.1, pooled=POOLED), {}, "inconclusive", "one run alone may be that far off"),
        (single(0.2, 0.01), {"c": OUTSIDE}, "consistent", "one run never reproduces a claim"),
        (single(0.2, 0.001, covers_runs=True), {"c": OUTSIDE}, "consistent", "one run never reproduces"),
        (single(0.1, 0.001), {}, "inconclusive", "one run alone may be that far off"),
        (single(0.1, 0.001, covers_runs=True), {}, "contradicted", "run at 0.1 bits does not meet"),
        (single(0.1, 0.1, covers_runs=True), {}, "inconclusive", "one run alone may be that far off"),
        # Images.
        (images(1), {"c": images(-1)}, "reproduced", "of 150 images lies inside"),
        (images(-1), {}, "contradicted", "of 150 images does not meet"),
        (images(0.15), {}, "inconclusive", "more images would settle it"),
        (images(1, 200, clusters=VIEWS), {"c": images(-1)}, "reproduced", "of 200 images of 100 sources lies inside"),
        (images(0.15, 200, clusters=VIEWS), {}, "inconclusive", "more sources would settle it"),
        (images(1, 40), {"c": images(-1)}, "inconclusive", "of 40 images has no interval to hold"),
        (images(1), {"c": images(-1, 40)}, "inconclusive", "is not shown to lie outside."),
        # Exact values.
        (exact(1), {"c": exact(0)}, "reproduced", "The exact value 1 bits lies inside"),
        (exact(1), {"c": exact(1)}, "uninformative", "The exact value 1 bits lies inside"),
        (exact(1), {}, "inconclusive", "no control"),
        (exact(0), {}, "contradicted", "The exact value 0 bits does not meet"),
        (exact(0.14, numerical_error=0.01), {}, "inconclusive", "[0.13, 0.15] bits reaches across a bound"),
        # No evidence, broken evidence.
        (None, {"c": INSIDE}, "not run", "No evidence yet."),
        (seeds(note="run the desk profile"), {}, "not run", "No evidence yet: run the desk profile."),
        (seeds(0.2, math.inf), {"c": INSIDE}, "error", "Broken evidence: value 2 of 2 is inf."),
        (seeds(failure="out of memory"), {}, "error", "Broken evidence: out of memory."),
        (None, {"c": seeds(failure="gone")}, "error", "Broken evidence of control 'c': gone."),
    ],
)  # fmt: skip
def test_the_rule_line_by_line(observed, controls, verdict, words):
    judgement = ask(observed, controls)
    assert judgement.verdict == verdict
    assert words in judgement.reason
    assert judgement.reason[0].isupper()
    assert judgement.reason.endswith(".")
    assert [control.name for control in judgement.controls] == list(controls)


def test_controls_report_where_they_lie():
    controls = {
        "in": INSIDE,
        "out": OUTSIDE,
        "open": ACROSS,
        "none": None,
        "broken": seeds(math.nan),
    }
    judged = {control.name: control for control in ask(INSIDE, controls).controls}
    assert {name: str(control.holds) for name, control in judged.items()} == {
        "in": "inside",
        "out": "outside",
        "open": "undecided",
        "none": "not run",
        "broken": "error",
    }
    assert judged["none"].interval is None
    assert judged["broken"].interval is None
    assert judged["out"].interval.n == 3


def test_an_identity_may_go_without_control_for_a_reason():
    judgement = ask(exact(1), {}, control_free="a count cannot be otherwise")
    assert judgement.verdict is Verdict.REPRODUCED
    assert judgement.reason.endswith("needs no control: a count cannot be otherwise.")
    assert ask(None, {}, control_free="a count").verdict is Verdict.NOT_RUN
    for observed, controls in ((INSIDE, {}), (exact(1), {"c": exact(0)})):
        with pytest.raises(ValueError, match="control-free"):
            ask(observed, controls, control_free="no wish for one")


@pytest.mark.parametrize("level", [0, 1, 95, math.nan])
def test_a_level_must_be_a_probability(level):
    with pytest.raises(ValueError, match="level"):
        ask(INSIDE, {}, level=level)


def test_a_stricter_level_decides_less():
    assert ask(INSIDE, {"c": OUTSIDE}, level=0.999).verdict is Verdict.INCONCLUSIVE
    assert "The 99.9 % interval" in ask(INSIDE, {"c": OUTSIDE}, level=0.999).reason


def test_p_speaks_of_the_weakest_part():
    alone = ask(OUTSIDE, {"c": None})
    assert alone.p == pytest.approx(0.00231, abs=1e-5)
    assert ask(INSIDE, {"c": OUTSIDE}).p == pytest.approx(0.00673, abs=1e-5)
    assert ask(INSIDE, {"c": OUTSIDE, "d": OUTSIDE_LEANING}).p > 0.3
    for controls in ({}, {"c": None}, {"c": INSIDE}, {"c": OUTSIDE, "d": INSIDE}):
        assert ask(INSIDE, controls).p == 1
    for observed in (seeds(0.2), exact(1), single(0.2, 0.01), None, seeds(math.nan, 1)):
        assert ask(observed, {"c": OUTSIDE}).p is None
    assert ask(INSIDE, {"c": seeds(math.nan)}).p is None
    assert alone.p_holm is None


def test_more_covers_the_claim_and_its_controls():
    claim_alone = ask(ACROSS, {"c": OUTSIDE}).more
    assert claim_alone == settle(ask(ACROSS, {"c": OUTSIDE}).interval, REGION) - 3
    assert claim_alone > 3
    assert ask(ACROSS, {"c": seeds(0.08, 0.19, 0.13)}).more > claim_alone
    assert ask(ACROSS, {"c": exact(0.1, numerical_error=0.1)}).more == claim_alone
    assert ask(ACROSS, {"c": images(0.1)}).more == claim_alone  # images settle nothing by further seeds
    assert ask(ACROSS, {"c": seeds(0.13, 0.15)}).more is None  # the control's estimate lies on the bound
    assert ask(OUTSIDE_LEANING, {"c": seeds(0.13, 0.15)}).more == ask(OUTSIDE_LEANING, {}).more
    assert ask(images(1, 40), {}).more == 60
    for observed, controls in (
        (INSIDE, {"c": None}),
        (INSIDE, {"c": OUTSIDE}),
        (exact(1), {}),
        (seeds(0.1), {}),
        (seeds(0.1, pooled=POOLED), {}),
        (single(0.1, 0.1), {}),
        (single(0.1, 0.1, covers_runs=True), {}),
    ):
        assert ask(observed, controls).more is None


def test_a_family_withholds_what_one_alone_would_decide():
    weak = Question(seeds(0.17, 0.20, 0.21), REGION, {"c": OUTSIDE}, unit="bits")
    lost = Question(seeds(0.05, 0.07, 0.09), REGION, unit="bits")
    rng = np.random.default_rng(0)
    assert judge_family({"a": weak}, rng=rng)["a"].verdict is Verdict.REPRODUCED
    assert judge_family({"a": lost}, rng=rng)["a"].verdict is Verdict.CONTRADICTED
    family = judge_family({"a": weak, "b": lost, "exact": Question(exact(1), REGION), "x": weak}, rng=rng)
    assert list(family) == ["a", "b", "exact", "x"]
    for name, side in (("a", "lies inside"), ("b", "does not meet")):
        judgement = family[name]
        assert judgement.verdict is Verdict.INCONCLUSIVE
        assert judgement.p <= 0.05 < judgement.p_holm
        assert side in judgement.reason
        assert "on its own, but among 3 questions its p-value" in judgement.reason
        assert judgement.more >= 1
        assert judgement.flips.startswith("Decided once its adjusted p-value, now ")
    assert family["exact"].p_holm is None


def test_a_family_lets_the_strong_pass():
    strong = {str(i): Question(INSIDE, REGION, {"c": OUTSIDE}) for i in range(5)}
    assert {j.verdict for j in judge_family(strong, rng=np.random.default_rng(0)).values()} == {Verdict.REPRODUCED}
    assert judge_family({}, rng=np.random.default_rng(0)) == {}


def test_smoke_is_only_ever_smoke():
    for observed in (INSIDE, OUTSIDE, ACROSS, seeds(0.2), exact(1)):
        judgement = relabel_smoke(ask(observed, {"c": OUTSIDE}))
        assert judgement.verdict is Verdict.SMOKE
        assert "says nothing about the claim" in judgement.reason
        assert (judgement.p, judgement.p_holm, judgement.more, judgement.flips) == (None, None, None, "")
    for observed in (None, seeds(math.nan)):
        judgement = ask(observed, {})
        assert relabel_smoke(judgement) is judgement


def test_the_smallest_judgement():
    judgement = Judgement(Verdict.UNVERIFIABLE, "No log was released.", None, REGION)
    assert (judgement.controls, judgement.more, judgement.flips) == ((), None, "")
    assert Position.OUTSIDE == "outside"
