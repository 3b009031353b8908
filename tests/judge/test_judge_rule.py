"""Every line of the rule, by example, and the sentences it speaks."""

import math

import pytest

from suite.judge import (
    ControlKind,
    Judgement,
    Observed,
    Pooled,
    Position,
    Question,
    Region,
    Role,
    Sampling,
    Verdict,
    foresee,
    judge,
    judge_family,
    relabel_smoke,
    verdicts,
)

REGION = Region.at_least(0.14)


def seeds(*values, **options):
    return Observed(values, Sampling.SEEDS, **options)


def labelled(*values, **options):
    return seeds(*values, labels=tuple(f"seed {i}" for i in range(len(values))), **options)


def exact(value, **options):
    return Observed((value,), Sampling.EXACT, **options)


def single(value, error, **options):
    return Observed((value,), Sampling.SINGLE, standard_error=error, **options)


INSIDE, OUTSIDE, ACROSS = seeds(0.20, 0.21, 0.22), seeds(0.01, 0.02, 0.03), seeds(0.10, 0.20, 0.15)
OUTSIDE_LEANING = seeds(0.10, 0.20, 0.05)
POOLED = Pooled(0.001, 12, 0.5, fair=True, groups=6)
IN, OUT = {"p": INSIDE}, {"c": OUTSIDE}


def ask(observed, negative, positive, region=REGION, **options):
    return judge(observed, region, negative, positive, unit="bits", **options)


@pytest.mark.parametrize(
    ("observed", "negative", "positive", "verdict", "words"),
    [
        # Several runs that hold: controls of both kinds decide.
        (INSIDE, OUT, IN, "reproduced", "region ≥ 0.14 bits, as does positive control 'p' at 0.21"),
        (INSIDE, {"c": exact(0)}, IN, "reproduced", "and negative control 'c' at 0 bits lies outside it"),
        (INSIDE, OUT | {"d": OUTSIDE}, IN, "reproduced", "[-0.004841, 0.04484] bits and negative control 'd'"),
        (INSIDE, {}, IN, "inconclusive", "no negative control is there: nothing shows that it could have failed"),
        (INSIDE, OUT, {}, "inconclusive", "no positive control is there: nothing shows that it could be seen"),
        (INSIDE, {"c": None}, IN, "inconclusive", "negative control 'c' is not run"),
        (INSIDE, {"c": seeds(note="type this")}, IN, "inconclusive", "control 'c' is not run (type this)"),
        (INSIDE, OUT, {"p": None}, "inconclusive", "positive control 'p' is not run: nothing shows that it could be"),
        (INSIDE, OUT, {"p": ACROSS}, "inconclusive", "not shown to lie inside: nothing shows that it could be seen"),
        (INSIDE, OUT | {"d": None}, IN, "inconclusive", "negative control 'd' is not run"),
        (INSIDE, {"c": ACROSS}, IN, "inconclusive", "may well lie inside too; about"),
        (INSIDE, {"c": OUTSIDE_LEANING}, IN, "inconclusive", "is not shown to lie outside; about"),
        (INSIDE, {"c": seeds(0.01)}, IN, "inconclusive", "has no interval: one run does not show its noise"),
        (INSIDE, {"c": seeds(0.01, pooled=POOLED)}, IN, "inconclusive", "is not shown to lie outside"),
        (INSIDE, {"c": single(0.01, 0.001)}, IN, "inconclusive", "is not shown to lie outside"),
        (INSIDE, {"c": single(0.01, 0.001, covers_runs=True)}, IN, "reproduced", "control 'c' at 0.01 ["),
        (INSIDE, {"c": INSIDE}, IN, "uninformative", "0.2348] bits: the measurement could not have failed"),
        (INSIDE, OUT | {"d": INSIDE}, IN, "uninformative", "so does negative control 'd'"),
        (INSIDE, {"c": None, "d": INSIDE}, {}, "uninformative", "so does negative control 'd'"),
        (INSIDE, OUT, {"p": OUTSIDE}, "uninformative", "outside it lies positive control 'p' at 0.02"),
        (INSIDE, {"c": seeds(math.nan, 1)}, IN, "error", "of negative control 'c': value 1 of 2 is nan"),
        (INSIDE, OUT, {"p": seeds(failure="gone")}, "error", "of positive control 'p': gone"),
        # Several runs that do not hold: only positive controls matter.
        (OUTSIDE, {}, IN, "contradicted", "3 seeds does not meet the claimed region ≥ 0.14 bits, which positive"),
        (OUTSIDE, {"c": INSIDE}, IN, "contradicted", "reaches: it could have been seen"),
        (OUTSIDE, {"c": None}, IN, "contradicted", "does not meet"),
        (OUTSIDE, OUT, {}, "inconclusive", "but no positive control is there: nothing shows that it could be seen"),
        (OUTSIDE, OUT, {"p": None}, "inconclusive", "positive control 'p' is not run: nothing shows that it could"),
        (OUTSIDE, OUT, {"p": ACROSS}, "inconclusive", "not shown to lie inside: nothing shows that it could be seen"),
        (OUTSIDE, OUT, {"p": OUTSIDE}, "uninformative", "by construction: the measurement could not have succeeded"),
        (OUTSIDE, OUT, {"p": INSIDE, "q": OUTSIDE}, "uninformative", "outside it lies positive control 'q' at 0.02"),
        (OUTSIDE, {"c": seeds(failure="gone")}, IN, "error", "of negative control 'c': gone"),  # B9: crashes count
        (ACROSS, OUT, IN, "inconclusive", "across a bound of the claimed region ≥ 0.14 bits; about"),
        (ACROSS, OUT, {"p": OUTSIDE}, "uninformative", "is not decided against the claimed region"),
        (ACROSS, {"c": INSIDE}, IN, "inconclusive", "0.21 [0.1852, 0.2348] bits, so nothing can be shown to hold"),
        (ACROSS, {}, {}, "inconclusive", "would settle it; no positive control is there"),
        (seeds(0.1, 0.18), {}, IN, "inconclusive", "not settled by up to 100,000 seeds"),
        # B6: equal numbers show no noise.
        (seeds(0.2, 0.2), OUT, IN, "inconclusive", "all 2 values are equal, which shows no noise: state the step of"),
        (seeds(0.2, 0.2, resolution=0.01), OUT, IN, "reproduced", "of 2 seeds lies inside"),
        # One run.
        (seeds(0.2), {}, {}, "consistent", "The single run at 0.2 bits lies inside"),
        (seeds(0.2, pooled=POOLED), OUT, IN, "consistent", "one run never reproduces a claim"),
        (seeds(0.2), {"c": None}, {"p": None}, "consistent", "one run never reproduces a claim"),
        (seeds(0.2), {"c": INSIDE}, IN, "uninformative", "so does negative control 'c'"),
        (seeds(0.2), OUT, {"p": OUTSIDE}, "uninformative", "could not have succeeded"),
        (seeds(0.2), {"c": seeds(0.3)}, IN, "inconclusive", "control 'c' at 0.3 bits has no interval: one run"),
        (seeds(0.2), OUT, {"p": seeds(0.1)}, "inconclusive", "positive control 'p' at 0.1 bits has no interval"),
        (seeds(0.1), {}, IN, "inconclusive", "outside the claimed region ≥ 0.14 bits, but one run alone may be"),
        (seeds(0.1, pooled=POOLED), {}, IN, "inconclusive", "one run alone may be that far off"),
        (single(0.2, 0.01), OUT, IN, "consistent", "one run never reproduces a claim"),
        (single(0.2, 0.06), {"c": exact(0.1)}, IN, "consistent", "noise alone would put 25% of runs there"),
        (single(0.2, 0.001, covers_runs=True), OUT, IN, "consistent", "one run never reproduces"),
        (single(0.1, 0.001), {}, IN, "inconclusive", "one run alone may be that far off"),
        (single(0.1, 0.001, covers_runs=True), {}, IN, "contradicted", "run at 0.1 bits does not meet"),
        (single(0.1, 0.1, covers_runs=True), {}, IN, "inconclusive", "one run alone may be that far off"),
        # B3: an error known on two degrees of freedom is held to Student's law.
        (single(0.1, 0.015, covers_runs=True, error_df=2), {}, IN, "inconclusive", "one run alone may be that far off"),
        (single(0.1, 0.015, covers_runs=True), {}, IN, "contradicted", "does not meet"),
        # Exact values: no noise can hide them, so a control of one kind is enough.
        (exact(1), {"c": exact(0)}, {}, "reproduced", "The exact value 1 bits lies inside"),
        (exact(1), {}, {"p": exact(1)}, "reproduced", "The exact value 1 bits lies inside"),
        (exact(1), {"c": exact(1)}, {}, "uninformative", "The exact value 1 bits lies inside"),
        (exact(1), {}, {}, "inconclusive", "no positive control"),
        (exact(0), {}, {}, "inconclusive", "no positive control"),
        (exact(0), {"c": exact(0)}, {}, "contradicted", "The exact value 0 bits does not meet"),
        (exact(0.14, numerical_error=0.01), {}, IN, "inconclusive", "[0.13, 0.15] bits reaches across a bound"),
        # B5: rounding of floating-point arithmetic decides nothing.
        (exact(0.1 + 0.2 - 0.16), {"c": exact(0)}, {}, "reproduced", "lies inside"),
        # No evidence, broken evidence.
        (None, {"c": INSIDE}, IN, "not run", "No evidence yet."),
        (seeds(note="run the desk profile"), {}, {}, "not run", "No evidence yet: run the desk profile."),
        (seeds(0.2, math.inf), {"c": INSIDE}, IN, "error", "Broken evidence: value 2 of 2 is inf."),
        (seeds(failure="out of memory"), {}, {}, "error", "Broken evidence: out of memory."),
        (None, {"c": seeds(failure="gone")}, IN, "error", "Broken evidence of negative control 'c': gone."),
    ],
)  # fmt: skip
def test_the_rule_line_by_line(observed, negative, positive, verdict, words):
    judgement = ask(observed, negative, positive)
    assert judgement.verdict == verdict
    assert words in judgement.reason
    assert judgement.reason[0].isupper()
    assert judgement.reason.endswith(".")
    assert [control.name for control in judgement.controls] == [*negative, *positive]
    at_proxy = ask(observed, negative, positive, proxy=True).verdict
    is_exact = observed is not None and observed.sampling is Sampling.EXACT
    other = {"reproduced": "seen here", "contradicted": "not seen here"}
    assert at_proxy == (verdict if is_exact else other.get(verdict, verdict))


def test_controls_report_their_kind_and_where_they_lie():
    controls = {"in": INSIDE, "out": OUTSIDE, "open": ACROSS, "none": None, "broken": seeds(math.nan)}
    found = ask(INSIDE, controls, {"must": INSIDE, "fails": OUTSIDE}).controls
    judged = {control.name: control for control in found}
    assert {name: str(control.holds) for name, control in judged.items()} == {
        "in": "inside",
        "out": "outside",
        "open": "undecided",
        "none": "not run",
        "broken": "error",
        "must": "inside",
        "fails": "outside",
    }
    assert [name for name, control in judged.items() if control.as_it_should] == ["out", "must"]
    assert [name for name, control in judged.items() if control.kind is ControlKind.POSITIVE] == ["must", "fails"]
    assert judged["none"].interval is None
    assert judged["broken"].interval is None
    assert judged["out"].interval.n == 3


def test_a_claim_is_contrasted_run_by_run_with_controls_of_its_design():
    claim = labelled(10.0, 12.0, 11.0)
    near = labelled(9.0, 10.9, 10.1)
    judgement = ask(claim, {"c": near, "other seeds": seeds(0.3, 0.4, 0.5)}, IN)
    assert judgement.verdict is Verdict.UNINFORMATIVE
    assert judgement.controls[0].contrast.estimate == pytest.approx(1.0)
    assert "(though run by run it differs by 1 [0.7516, 1.248] bits from 'c')" in judgement.reason
    assert judgement.controls[1].contrast is None
    # A run that diverged on one side leaves the others paired; another set of seeds does not.
    lost = labelled(9.0, 10.9, diverged=("seed 2",))
    assert ask(claim, {"c": lost}, IN).controls[0].contrast.n == 2
    assert ask(claim, {"c": labelled(9.0, 10.9)}, IN).controls[0].contrast is None
    assert ask(claim, {"c": claim}, IN).controls[0].contrast is None, "no difference has no spread"


def test_a_contrast_that_reaches_0_withholds_what_both_intervals_would_decide():
    # Noise shared with other methods narrows both intervals; the runs themselves are not apart.
    claim = labelled(0.199, 0.2, 0.201, pooled=POOLED)
    control = labelled(0.1975, 0.1965, 0.1955, pooled=POOLED)
    judgement = ask(claim, {"c": control}, {"p": seeds(0.3, 0.31, 0.32)}, Region.at_least(0.198))
    assert judgement.controls[0].holds == "outside"
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "the paired difference to negative control 'c', 0.0035 [-0.001468, 0.008468] bits, rea" in judgement.reason
    assert judgement.p > 0.05


def test_an_identity_may_go_without_controls_for_a_reason():
    judgement = ask(exact(1), {}, {}, control_free="a count cannot be otherwise")
    assert judgement.verdict is Verdict.REPRODUCED
    assert judgement.reason.endswith("it needs no further control: a count cannot be otherwise.")
    assert ask(exact(0), {}, {}, control_free="a count", proxy=True).verdict is Verdict.CONTRADICTED
    assert ask(exact(0), {"c": exact(5)}, {}, control_free="a count").verdict is Verdict.CONTRADICTED
    assert ask(None, {}, {}, control_free="a count").verdict is Verdict.NOT_RUN
    with pytest.raises(ValueError, match="only an exact quantity"):
        ask(INSIDE, {}, {}, control_free="no wish for one")


@pytest.mark.parametrize("level", [0, 1, 95, math.nan])
def test_a_level_must_be_a_probability(level):
    with pytest.raises(ValueError, match="level"):
        ask(INSIDE, {}, IN, level=level)


def test_a_stricter_level_decides_less():
    assert ask(INSIDE, OUT, IN, level=0.999).verdict is Verdict.INCONCLUSIVE
    assert "The 99.9 % interval" in ask(INSIDE, OUT, IN, level=0.999).reason


def test_p_speaks_of_the_weakest_part_positive_controls_included():
    alone = ask(OUTSIDE, {"c": None}, IN)
    assert alone.p == pytest.approx(0.00673, abs=1e-5)
    assert ask(OUTSIDE, {}, {"p": exact(1)}).p == pytest.approx(0.00231, abs=1e-5)
    assert ask(INSIDE, OUT, IN).p == pytest.approx(0.00673, abs=1e-5)
    assert ask(INSIDE, OUT | {"d": OUTSIDE_LEANING}, IN).p > 0.3
    assert ask(INSIDE, OUT, {"p": ACROSS}).p > 0.3
    for negative, positive in (({}, IN), (OUT, {}), ({"c": None}, IN), ({"c": INSIDE}, IN), (OUT, {"p": None})):
        assert ask(INSIDE, negative, positive).p == 1
    for observed in (seeds(0.2), exact(1), single(0.2, 0.01), None, seeds(math.nan, 1)):
        assert ask(observed, OUT, IN).p is None
    assert ask(single(0.2, 0.01, covers_runs=True), OUT, IN).p < 0.05
    assert ask(INSIDE, {"c": seeds(math.nan)}, IN).p is None
    assert alone.p_holm is None


def test_more_covers_the_claim_and_its_controls():
    claim_alone = ask(ACROSS, OUT, IN)
    assert claim_alone.more == foresee(claim_alone.interval, REGION)
    assert claim_alone.more.likely > 3
    assert ask(ACROSS, {"c": seeds(0.08, 0.19, 0.13)}, IN).more.likely > claim_alone.more.likely
    assert ask(INSIDE, OUT, {"p": ACROSS}).more == claim_alone.more
    assert ask(OUTSIDE, {"c": ACROSS}, {"p": ACROSS}).more == claim_alone.more, "a negative control plays no part here"
    for observed, negative in (
        (INSIDE, {"c": None}),
        (INSIDE, OUT),
        (exact(1), {}),
        (seeds(0.1), {}),
        (seeds(0.1, pooled=POOLED), {}),
        (single(0.1, 0.1), {}),
        (single(0.1, 0.1, covers_runs=True), {}),
    ):
        assert ask(observed, negative, IN).more is None


def test_a_family_withholds_what_one_alone_would_decide():
    weak = Question(seeds(0.17, 0.20, 0.21), REGION, OUT, IN, unit="bits")
    lost = Question(seeds(0.05, 0.07, 0.09), REGION, {}, IN, unit="bits")
    assert judge_family({"a": weak})["a"].verdict is Verdict.REPRODUCED
    assert judge_family({"a": lost})["a"].verdict is Verdict.CONTRADICTED
    items = {"a": weak, "b": lost, "exact": Question(exact(1), REGION), "x": weak}
    family = judge_family(items)
    assert list(family) == ["a", "b", "exact", "x"]
    for name, side in (("a", "lies inside"), ("b", "does not meet")):
        judgement = family[name]
        assert judgement.verdict is Verdict.INCONCLUSIVE
        assert judgement.p <= 0.05 < judgement.p_holm
        assert side in judgement.reason
        assert "on its own, but among 3 asserted questions" in judgement.reason
        assert judgement.more.likely >= 1
        assert judgement.flips.startswith("Decided once its adjusted p-value, now ")
        # The interval at the family's level shows why: it does reach the bound.
        assert judgement.adjusted.level == pytest.approx(1 - 0.05 / 3)
        assert not REGION.contains(judgement.adjusted.low, judgement.adjusted.high)
        assert not REGION.disjoint(judgement.adjusted.low, judgement.adjusted.high)
    assert "(at the family's level 0.07 [" in family["b"].reason
    assert family["exact"].p_holm is None
    assert family["exact"].adjusted is None
    assert verdicts(items) == {name: judgement.verdict for name, judgement in family.items()}


def test_the_weakest_part_of_what_is_withheld_is_named():
    shaky = Question(seeds(0.01, 0.02, 0.03), REGION, {}, {"p": seeds(0.17, 0.20, 0.21)})
    family = judge_family({"a": shaky, "b": shaky, "c": shaky})
    assert "positive control 'p', its weakest part, has a p-value of 0.04" in family["a"].reason


def test_probes_are_a_family_of_their_own():
    weak = Question(seeds(0.17, 0.20, 0.21), REGION, OUT, IN)
    probes = {f"probe {i}": Question(seeds(0.10, 0.20, 0.15), REGION, OUT, IN, role=Role.PROBE) for i in range(9)}
    family = judge_family(probes | {"a": weak})
    assert family["a"].verdict is Verdict.REPRODUCED
    assert family["a"].p_holm == family["a"].p
    assert judge_family({name: Question(weak.observed, REGION, OUT, IN) for name in "abc"})["a"].p_holm > 0.05


def test_deciding_single_runs_share_the_error_rate_of_their_family():
    # B2: twenty runs at z = -2, each "outside" alone, are not twenty contradictions.
    each = Question(single(-2.0, 1.0, covers_runs=True), Region.at_least(0), {}, {"p": exact(5)})
    assert judge_family({"a": each})["a"].verdict is Verdict.CONTRADICTED
    family = judge_family({str(i): each for i in range(20)})
    assert {judgement.verdict for judgement in family.values()} == {Verdict.INCONCLUSIVE}
    assert family["0"].p_holm == pytest.approx(20 * 0.0455, abs=0.01)


def test_a_value_on_its_bound_is_the_same_alone_and_in_a_family():
    # B4: the p-value of a closed region at its own bound.
    for observed in (exact(0.5), single(0.5, 0.0, covers_runs=True)):
        question = Question(observed, Region.at_least(0.5), {"c": exact(0)}, {"p": exact(0.5)})
        alone = judge_family({"a": question})["a"]
        beside = judge_family({"a": question, "b": Question(INSIDE, REGION, OUT, IN)})["a"]
        assert alone.verdict is beside.verdict
        assert alone.verdict in (Verdict.REPRODUCED, Verdict.CONSISTENT)


def test_a_family_lets_the_strong_pass():
    strong = {str(i): Question(INSIDE, REGION, OUT, IN) for i in range(5)}
    assert {j.verdict for j in judge_family(strong).values()} == {Verdict.REPRODUCED}
    assert judge_family({}) == {}


def test_smoke_is_only_ever_smoke():
    for observed in (INSIDE, OUTSIDE, ACROSS, seeds(0.2), exact(1)):
        judgement = relabel_smoke(ask(observed, OUT, IN))
        assert judgement.verdict is Verdict.SMOKE
        assert "says nothing about the claim" in judgement.reason
        assert (judgement.p, judgement.p_holm, judgement.more, judgement.flips) == (None, None, None, "")
    for observed in (None, seeds(math.nan)):
        judgement = ask(observed, {}, {})
        assert relabel_smoke(judgement) is judgement


def test_the_smallest_judgement():
    judgement = Judgement(Verdict.UNVERIFIABLE, "No log was released.", None, REGION)
    assert (judgement.controls, judgement.more, judgement.flips) == ((), None, "")
    assert Position.OUTSIDE == "outside"
