"""What must be true of every judgement, whatever the evidence."""

import math
from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from suite.judge import (
    DECIDED,
    FAILS,
    HOLDS,
    ControlKind,
    Observed,
    Pooled,
    Question,
    Region,
    Role,
    Sampling,
    Verdict,
    judge,
    judge_family,
    relabel_smoke,
    verdicts,
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
    sampling = draw(st.sampled_from(("none", "seeds", "seeds", "seeds", "labelled", "single", "exact")))
    if sampling == "none":
        return draw(st.sampled_from((None, Observed((), Sampling.SEEDS))))
    if sampling in ("seeds", "labelled"):
        numbers = draw(st.lists(values, max_size=5))
        return Observed(
            numbers,
            Sampling.SEEDS,
            labels=tuple(f"seed {i}" for i in range(len(numbers))) if sampling == "labelled" else (),
            resolution=draw(st.sampled_from((0.0, 0.25))),
            pooled=draw(st.none() | POOLS),
        )
    if sampling == "single":
        error, df = abs(draw(TAME)), draw(st.sampled_from((2.0, math.inf)))
        return Observed((draw(values),), sampling, standard_error=error, error_df=df, covers_runs=draw(st.booleans()))
    return Observed((draw(values),), sampling, numerical_error=draw(st.sampled_from((0.0, 0.25))))


def controls(names="abc", values=TAME):
    return st.dictionaries(st.sampled_from(names), evidence(values), max_size=3)


def ask(observed, region, negative, positive, **options):
    return judge(observed, region, negative, positive, **options)


def numbers_of(observed):
    return () if observed is None else (*observed.values, observed.standard_error or 0.0, observed.numerical_error)


@settings(max_examples=150)
@given(evidence(WILD), regions(), controls(values=WILD), controls("pqr", WILD), st.booleans())
def test_every_evidence_gets_a_verdict_and_no_nan_becomes_a_number(observed, region, negative, positive, proxy):
    judgement = ask(observed, region, negative, positive, proxy=proxy)
    assert judgement.verdict in ANSWERS
    assert len(judgement.reason) > 10
    assert judgement.p is None or 0 <= judgement.p <= 1
    more = judgement.more
    assert more is None or (0 < more.low <= more.likely and (more.high is None or more.high >= more.likely))
    everything = [number for one in (observed, *negative.values(), *positive.values()) for number in numbers_of(one)]
    broken = not all(math.isfinite(number) for number in everything)
    assert (judgement.verdict is Verdict.ERROR) is broken
    if broken:
        assert (judgement.p, judgement.more, judgement.flips) == (None, None, "")
    if not all(math.isfinite(number) for number in numbers_of(observed)):
        assert judgement.interval is None
    if observed is None and not broken:
        assert judgement.verdict is Verdict.NOT_RUN
    if proxy and (observed is None or observed.sampling is not Sampling.EXACT):
        assert judgement.verdict not in (Verdict.REPRODUCED, Verdict.CONTRADICTED)
    assert relabel_smoke(judgement).verdict in (Verdict.SMOKE, Verdict.ERROR, Verdict.NOT_RUN)


@given(evidence(), regions(), controls(), controls("pqr"), st.randoms(use_true_random=False))
def test_order_and_names_mean_nothing(observed, region, negative, positive, shuffler):
    assume(observed is not None)
    values = list(observed.values)
    shuffler.shuffle(values)
    names = tuple(f"run {i}" for i in range(len(values)))
    before = ask(replace(observed, labels=()), region, negative, positive)
    assert ask(replace(observed, values=tuple(values), labels=names), region, negative, positive) == before
    backwards = [dict(reversed(one.items())) for one in (negative, positive)]
    after = ask(observed, region, *backwards)
    forwards = ask(observed, region, negative, positive)
    assert (after.verdict, after.p, after.more) == (forwards.verdict, forwards.p, forwards.more)


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


@given(evidence(), regions(), controls(), controls("pqr"), st.sampled_from((-4.0, -1.0, 0.5, 1024.0)))
def test_units_mean_nothing(observed, region, negative, positive, factor):
    before = ask(observed, region, negative, positive)
    after = ask(
        rescaled(observed, factor),
        region.scaled(factor),
        *({name: rescaled(one, factor) for name, one in side.items()} for side in (negative, positive)),
    )
    assert (after.verdict, after.p, after.more) == (before.verdict, before.p, before.more)
    assert [control.holds for control in after.controls] == [control.holds for control in before.controls]
    if before.interval is not None:
        ends = sorted((factor * before.interval.low, factor * before.interval.high))
        assert [after.interval.low, after.interval.high] == ends


@given(evidence(), regions(), controls(), controls("pqr"), st.integers(0, 64).map(lambda i: i / 16))
def test_a_wider_region_is_never_harder_to_meet(observed, region, negative, positive, margin):
    narrow, wide = (ask(observed, one, negative, positive) for one in (region, region.widened(margin)))
    if narrow.interval is not None and region.contains(narrow.interval.low, narrow.interval.high):
        assert wide.verdict not in FAILS
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
)


@settings(max_examples=300)
@given(evidence(), regions(), controls(values=WILD), controls("pqr", WILD), evidence(WILD), st.booleans())
def test_another_control_never_strengthens(observed, region, negative, positive, another, to_positives):
    assume(negative and positive)
    before = ask(observed, region, negative, positive)
    more = (
        [negative, {"another": another, **positive}] if to_positives else [{"another": another, **negative}, positive]
    )
    after = ask(observed, region, *more)
    if before.verdict in DECIDED:
        assert after.verdict is before.verdict or after.verdict in STRENGTH[:3]
    elif before.verdict in STRENGTH:
        assert after.verdict in STRENGTH
        assert STRENGTH.index(after.verdict) <= STRENGTH.index(before.verdict)
    else:  # not run: controls cannot mend it, only break
        assert after.verdict in (before.verdict, Verdict.ERROR)
    if before.p is not None and after.p is not None:
        assert after.p >= before.p


@settings(max_examples=200)
@given(evidence(), regions(), controls(), controls("pqr"))
def test_only_what_could_have_come_out_otherwise_is_decided(observed, region, negative, positive):
    judgement = ask(observed, region, negative, positive)
    exact = observed is not None and observed.sampling is Sampling.EXACT
    kinds = {kind: [c for c in judgement.controls if c.kind is kind] for kind in ControlKind}
    if judgement.verdict in DECIDED:
        assert all(control.holds == "inside" for control in kinds[ControlKind.POSITIVE])
        assert kinds[ControlKind.POSITIVE] or (exact and kinds[ControlKind.NEGATIVE])
        assert exact or observed.covers_runs or len(observed.values) > 1
    if judgement.verdict in HOLDS:
        assert all(control.holds == "outside" for control in kinds[ControlKind.NEGATIVE])
        assert kinds[ControlKind.NEGATIVE] or exact
        assert region.contains(judgement.interval.low, judgement.interval.high)
        assert observed.sampling is not Sampling.SINGLE
    if judgement.verdict in FAILS:
        assert region.disjoint(judgement.interval.low, judgement.interval.high)
    assert ask(observed, region, {}, {}).verdict not in DECIDED


@given(evidence(), regions(), controls(), controls("pqr"))
def test_a_blind_assay_never_contradicts(observed, region, negative, positive):
    # The claim's own numbers as a positive control: what cannot be told from the claim cannot fail while it holds.
    assert ask(observed, region, negative, {**positive, "itself": observed}).verdict not in FAILS
    # And as a negative control: what cannot be told from it cannot hold while that fails.
    assert ask(observed, region, {**negative, "itself": observed}, positive).verdict not in HOLDS


QUESTIONS = st.builds(
    Question, evidence(), regions(), controls(), controls("pqr"), role=st.sampled_from(Role), proxy=st.booleans()
)


@given(st.dictionaries(st.sampled_from("abcdef"), QUESTIONS, max_size=5))
def test_a_family_only_ever_withholds(items):
    alone = {
        name: judge(q.observed, q.region, q.negative_controls, q.positive_controls, proxy=q.proxy)
        for name, q in items.items()
    }
    family = judge_family(items)
    backwards = judge_family(dict(reversed(items.items())))
    assert verdicts(items) == {name: judgement.verdict for name, judgement in family.items()}
    for name, judgement in family.items():
        assert judgement == backwards[name]
        assert judgement.p == alone[name].p
        if judgement.verdict is Verdict.ERROR:
            assert judgement.p_holm is None
            continue
        assert (judgement.p_holm is None) is (judgement.p is None)
        assert judgement.p is None or judgement.p_holm >= judgement.p
        if judgement.verdict is not alone[name].verdict:
            assert alone[name].verdict in DECIDED
            assert judgement.verdict is Verdict.INCONCLUSIVE
            assert judgement.p_holm > 0.05
            assert judgement.adjusted is not None
            same = [n for n, other in items.items() if other.role is items[name].role and alone[n].p is not None]
            assert len(same) > 1
