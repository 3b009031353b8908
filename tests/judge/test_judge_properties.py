"""What must be true of every judgement, whatever the evidence."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from suite.judge import (
    Observed,
    Pooled,
    Question,
    Region,
    Sampling,
    Verdict,
    judge,
    judge_family,
    relabel_smoke,
)

TAME = st.integers(-64, 64).map(lambda i: i / 16)  # few distinct values, so that ties and bounds are hit
WILD = st.one_of(TAME, st.floats())
POOLS = st.builds(Pooled, st.sampled_from((0.0, 0.1, 1.0)), st.integers(1, 20), st.just(0.5), st.booleans(), st.just(5))
ANSWERS = set(Verdict) - {Verdict.SMOKE, Verdict.UNVERIFIABLE}


def regions(values=TAME):
    return st.one_of(
        values.map(Region.at_least),
        values.map(Region.at_most),
        st.tuples(values, values).map(lambda ends: Region(*sorted(ends))),
    )


@st.composite
def evidence(draw, values=TAME):
    sampling = draw(st.sampled_from(("none", "seeds", "seeds", "seeds", "single", "exact", "images")))
    if sampling == "none":
        return draw(st.sampled_from((None, Observed((), Sampling.SEEDS))))
    if sampling == "seeds":
        return Observed(
            draw(st.lists(values, max_size=5)),
            sampling,
            resolution=draw(st.sampled_from((0.0, 0.25))),
            pooled=draw(st.none() | POOLS),
        )
    if sampling == "single":
        return Observed((draw(values),), sampling, standard_error=abs(draw(TAME)), covers_runs=draw(st.booleans()))
    if sampling == "exact":
        return Observed((draw(values),), sampling, numerical_error=draw(st.sampled_from((0.0, 0.25))))
    few = draw(st.lists(values, min_size=1, max_size=4))
    return Observed(few * draw(st.sampled_from((3, 30, 100))), sampling)


def controls(values=TAME):
    return st.dictionaries(st.sampled_from("abc"), evidence(values), max_size=3)


def ask(observed, region, given_controls, **options):
    return judge(observed, region, given_controls, rng=np.random.default_rng(7), **options)


def numbers_of(observed):
    return () if observed is None else (*observed.values, observed.standard_error or 0.0, observed.numerical_error)


@settings(max_examples=150)
@given(evidence(WILD), regions(), controls(WILD))
def test_every_evidence_gets_a_verdict_and_no_nan_becomes_a_number(observed, region, given_controls):
    judgement = ask(observed, region, given_controls)
    assert judgement.verdict in ANSWERS
    assert len(judgement.reason) > 10
    assert judgement.p is None or 0 <= judgement.p <= 1
    assert judgement.more is None or judgement.more > 0
    everything = [number for one in (observed, *given_controls.values()) for number in numbers_of(one)]
    broken = not all(math.isfinite(number) for number in everything)
    assert (judgement.verdict is Verdict.ERROR) is broken
    if broken:
        assert (judgement.p, judgement.more, judgement.flips) == (None, None, "")
    if not all(math.isfinite(number) for number in numbers_of(observed)):
        assert judgement.interval is None
    if observed is None and not broken:
        assert judgement.verdict is Verdict.NOT_RUN
    assert relabel_smoke(judgement).verdict in (Verdict.SMOKE, Verdict.ERROR, Verdict.NOT_RUN)


@given(evidence(), regions(), controls(), st.randoms(use_true_random=False))
def test_order_and_names_of_runs_mean_nothing(observed, region, given_controls, shuffler):
    assume(observed is not None)
    values = list(observed.values)
    shuffler.shuffle(values)
    other = replace(observed, values=tuple(values), labels=tuple(f"run {i}" for i in range(len(values))))
    assert ask(other, region, given_controls) == ask(observed, region, given_controls)
    backwards = dict(reversed(given_controls.items()))
    assert ask(observed, region, backwards).verdict is ask(observed, region, given_controls).verdict


def rescaled(observed, factor, shift=0.0):
    if observed is None:
        return None
    size = abs(factor)
    return replace(
        observed,
        values=tuple(factor * value + shift for value in observed.values),
        standard_error=None if observed.standard_error is None else size * observed.standard_error,
        numerical_error=size * observed.numerical_error,
        resolution=size * observed.resolution,
        pooled=None if observed.pooled is None else replace(observed.pooled, sd=size * observed.pooled.sd),
    )


@given(evidence(), regions(), controls(), st.sampled_from((-4.0, -1.0, 0.5, 1024.0)))
def test_units_mean_nothing(observed, region, given_controls, factor):
    # Resampling draws from the sorted values, so a sign change draws others: there the interval agrees
    # up to the noise of the draws only, and is left out.
    everything = [one for one in (observed, *given_controls.values()) if one is not None]
    assume(factor > 0 or all(one.sampling is not Sampling.IMAGES for one in everything))
    before = ask(observed, region, given_controls)
    after = ask(
        rescaled(observed, factor),
        region.scaled(factor),
        {name: rescaled(control, factor) for name, control in given_controls.items()},
    )
    assert (after.verdict, after.p, after.more) == (before.verdict, before.p, before.more)
    assert [control.holds for control in after.controls] == [control.holds for control in before.controls]
    if before.interval is not None:
        ends = sorted((factor * before.interval.low, factor * before.interval.high))
        assert [after.interval.low, after.interval.high] == ends


@given(evidence(), regions(), controls(), st.sampled_from((-3.7, 0.3)), st.integers(-8, 8))
def test_units_with_rounding_mean_nothing_off_the_bounds(observed, region, given_controls, factor, shift):
    everything = [one for one in (observed, *given_controls.values()) if one is not None]
    assume(all(one.sampling is Sampling.SEEDS for one in everything))
    before = ask(observed, region, given_controls)
    intervals = [before.interval, *(control.interval for control in before.controls)]
    ends = [end for interval in intervals if interval for end in (interval.low, interval.high, interval.estimate)]
    assume(all(abs(end - bound) > 1e-9 for end in ends for bound in region.boundaries))
    after = ask(
        rescaled(observed, factor, shift),
        region.scaled(factor, shift),
        {name: rescaled(control, factor, shift) for name, control in given_controls.items()},
    )
    assert after.verdict is before.verdict


@given(evidence(), regions(), controls(), st.integers(0, 64).map(lambda i: i / 16))
def test_a_wider_region_is_never_harder_to_meet(observed, region, given_controls, margin):
    narrow, wide = (ask(observed, one, given_controls) for one in (region, region.widened(margin)))
    if narrow.verdict in (Verdict.REPRODUCED, Verdict.CONSISTENT, Verdict.UNINFORMATIVE):
        assert wide.verdict is not Verdict.CONTRADICTED
    if wide.verdict is Verdict.CONTRADICTED:
        assert narrow.verdict is Verdict.CONTRADICTED
    if narrow.interval is not None and region.contains(narrow.interval.low, narrow.interval.high):
        assert wide.verdict is not Verdict.CONTRADICTED
        assert wide.region.contains(wide.interval.low, wide.interval.high)
    for before, after in zip(narrow.controls, wide.controls, strict=True):
        if before.holds == "inside":
            assert after.holds == "inside"
        if after.holds == "outside":
            assert before.holds == "outside"


STRENGTH = (
    Verdict.ERROR,
    Verdict.UNINFORMATIVE,
    Verdict.INCONCLUSIVE,
    Verdict.CONSISTENT,
    Verdict.REPRODUCED,
)


@settings(max_examples=150)
@given(evidence(), regions(), controls(WILD), evidence(WILD))
def test_another_control_never_strengthens(observed, region, given_controls, another):
    assume(given_controls)
    before = ask(observed, region, given_controls)
    after = ask(observed, region, {"another": another, **given_controls})
    if before.verdict in STRENGTH:
        assert STRENGTH.index(after.verdict) <= STRENGTH.index(before.verdict)
    else:  # contradicted or not run: controls cannot mend it, only break
        assert after.verdict in (before.verdict, Verdict.ERROR)
    if before.p is not None and after.p is not None:
        assert after.p >= before.p


@given(evidence(), regions(), controls())
def test_without_a_control_shown_outside_nothing_is_reproduced(observed, region, given_controls):
    judgement = ask(observed, region, given_controls)
    if judgement.verdict is Verdict.REPRODUCED:
        assert judgement.controls
        assert all(control.holds == "outside" for control in judgement.controls)
        assert region.contains(judgement.interval.low, judgement.interval.high)
        assert observed.sampling is not Sampling.SINGLE
        assert observed.sampling is not Sampling.SEEDS or len(observed.values) > 1
    assert ask(observed, region, {}).verdict is not Verdict.REPRODUCED


QUESTIONS = st.builds(Question, evidence(), regions(), controls())


@given(st.dictionaries(st.sampled_from("abcdef"), QUESTIONS, max_size=5))
def test_a_family_only_ever_withholds(items):
    alone = {name: judge(q.observed, q.region, q.controls, rng=np.random.default_rng(7)) for name, q in items.items()}
    family = judge_family(items, rng=np.random.default_rng(7))
    backwards = judge_family(dict(reversed(items.items())), rng=np.random.default_rng(7))
    members = sum(judgement.p is not None for judgement in alone.values())
    for name, judgement in family.items():
        assert judgement == backwards[name]
        assert judgement.p == alone[name].p
        assert (judgement.p_holm is None) is (judgement.p is None)
        assert judgement.p is None or judgement.p_holm >= judgement.p
        if judgement.verdict is not alone[name].verdict:
            assert alone[name].verdict in (Verdict.REPRODUCED, Verdict.CONTRADICTED)
            assert judgement.verdict is Verdict.INCONCLUSIVE
            assert members > 1
            assert judgement.p_holm > 0.05
