"""``explain`` shows what a verdict stands on; ``what-if`` is the same judge with another question, and says so."""

import re
from dataclasses import replace
from statistics import fmean, stdev

import pytest
import synthetic
from hypothesis import assume, given
from hypothesis import strategies as st

from suite.assess import assess
from suite.errors import SuiteError
from suite.judge import Observed, Sampling, Verdict, judge, mean_interval, pool_blocks
from suite.show.explain import explain, what_if
from suite.show.recorded import entry_of
from suite.show.runs import group_of, runs, seconds_per_seed
from suite.show.whatif import foreseen, what_if_claim


def squeezed(text):
    return " ".join(re.sub(r"[─│]", " ", text).split())


def test_a_verdict_is_explained_to_the_last_number(judged, show):
    text = squeezed(show(explain, judged[:1], width=160))
    for words in (
        "made_up.holds",
        "● seen here (proxy, profile tiny)",
        judged[0].judgement.reason,
        "0.25 bits (On Made-up Numbers, Table 1)",
        "≥ 0.14 bits, because no size is printed",
        "0.298 [0.280, 0.316] bits, 4 seeds",
        "seed 0: 0.2867, seed 1: 0.3, seed 2: 0.3133, seed 3: 0.2933",
        "95 %: Student t on 3 degrees of freedom",
        "null: 0.018 [0.000, 0.036] bits, outside (numbers that mean nothing)",
        judged[0].judgement.flips,
        "takes about 1 min 08 s of computing",
        "seen here, recorded on 2026-01-02 (after the evidence): computed beforehand",
        "python -m suite claims -k made_up --profile tiny",
        "12 cells computed with commit",
        "torch ",
        "ImageNet-1k none at all",
        "images one class none",
    ):
        assert words in text, words


def test_all_runs_are_named_by_their_keys(judged, show):
    text = show(explain, judged[:1], width=160)
    keys = set(runs(judged[0].cells))
    assert len(keys) == 12, "four networks, their four measurements, four controls"
    assert keys <= set(text.split())
    assert "train toy, seeds 0-3" in text


def test_what_criteria_share_is_said_once(judged, show):
    text = show(explain, judged, width=160)
    for key in runs(result for assessment in judged for result in assessment.cells):
        assert text.count(key) == 1
    assert text.count("ImageNet-1k") == 1
    assert text.count("Made-up numbers are large.") == 1


def test_what_is_open_says_what_would_settle_it(judged, show):
    text = squeezed(show(explain, [a for a in judged if a.criterion.key == "open"], width=160))
    assert "would settle about" in text
    assert "of computing" in text


def test_an_exact_quantity_needs_no_run(judged, show):
    text = squeezed(show(explain, judged[-1:], width=120))
    assert "no further one needed: a count cannot be otherwise" in text
    assert "stands on" not in text


def test_missing_evidence_is_explained_by_its_command(evidence, show):
    claim = synthetic.claim(criteria=(synthetic.criterion("gone", "broken", control="broken"),))
    text = squeezed(show(explain, assess([claim], evidence), width=160))
    assert "· not run" in text
    assert "'measure broken, seed 0' is not computed: python -m suite claims -k made_up --profile tiny" in text
    assert "null: not run (numbers that mean nothing)" in text


def test_earlier_values_are_listed(judged, show):
    before = replace(entry_of(judged[0]), date="2025-03-04", verdict="contradicted", estimate=0.1, low=0.09, high=0.11)
    text = squeezed(show(explain, judged[:1], width=160, history={judged[0].name: [before]}))
    assert "2025-03-04 tiny contradicted 0.100 [0.090, 0.110] bits 4" in text
    assert "recorded before" not in show(explain, judged[:1], history={"made_up.other": [before]})


def test_a_seed_costs_its_network_once(judged):
    """One network (60 s) serves the quantity and the control (4 s each)."""
    assert seconds_per_seed(judged[0]) == pytest.approx(68.0)
    assert seconds_per_seed(judged[-1]) == 0.0


def test_a_network_that_was_deleted_is_left_out(tmp_path):
    evidence = synthetic.evidence(tmp_path, ("high", "low"))
    import shutil

    shutil.rmtree(evidence.store.folder(synthetic.network(evidence.profile, 0).key))
    judged = assess([synthetic.claim(criteria=(synthetic.criterion("a", "high"),))], evidence)
    assert judged[0].verdict is Verdict.SEEN_HERE
    assert len(runs(judged[0].cells)) == 11


@pytest.mark.parametrize(
    ("label", "group"), [("a -> b 24, long, seed 12", "a -> b 24, long"), ("a", "a"), ("x, seed 1, y", "x")]
)
def test_runs_that_differ_by_their_seed_share_a_group(label, group):
    assert group_of(label) == group


def verdicts(assessments):
    return {assessment.criterion.key: assessment.verdict for assessment in assessments}


def test_a_wider_region_is_judged_by_the_same_judge(evidence):
    claim = synthetic.claim()
    answer = what_if_claim(claim, evidence, margin=0.13)
    assert verdicts(answer.registered)["holds"] is Verdict.SEEN_HERE
    assert verdicts(answer.changed)["holds"] is Verdict.INCONCLUSIVE, "the control may well reach 0.01"
    assert answer.changed[0].judgement.region.low == pytest.approx(0.01)
    by_hand = judge(
        answer.changed[1].observed,
        answer.changed[1].judgement.region,
        {},
        answer.changed[1].controls,
    )
    assert answer.changed[1].judgement.interval == by_hand.interval


def test_a_narrower_region_can_contradict(evidence):
    claim = synthetic.claim(criteria=(synthetic.criterion("open", "edge"),))
    answer = what_if_claim(claim, evidence, margin=-0.05)
    assert verdicts(answer.changed) == {"open": Verdict.NOT_SEEN_HERE}


def test_more_seeds_settle_what_is_open(evidence):
    claim = synthetic.claim(criteria=(synthetic.criterion("open", "edge"),))
    more = what_if_claim(claim, evidence, seeds=2).registered[0].judgement.more
    settled = what_if_claim(claim, evidence, seeds=4 + 2 * more.likely).changed[0]
    assert settled.verdict is Verdict.NOT_SEEN_HERE
    assert settled.judgement.interval.n == 4 + 2 * more.likely


def test_nothing_foreseen_is_held_to_what_is_registered(evidence):
    expects = synthetic.criterion("holds", "high", expected=synthetic.registered(Verdict.SEEN_HERE))
    answer = what_if_claim(synthetic.claim(criteria=(expects,)), evidence, margin=-0.3)
    assert answer.changed[0].verdict is Verdict.NOT_SEEN_HERE
    assert not answer.changed[0].departs
    assert answer.changed[0].profile.modified == ("every region narrowed by 0.3 at each end",)


def test_the_answer_says_that_it_is_no_verdict(evidence, show):
    def ask(console):
        what_if([synthetic.claim()], evidence, console, margin=0.01, seeds=50)

    text = squeezed(show(ask, width=120))
    assert "NOT the registered rule" in text
    assert "widened by 0.01 at each end and 50 seeds of the present mean and spread" in text
    assert "≥ 0.13 bits" in text


@pytest.mark.parametrize(
    ("options", "words"), [({}, "--margin"), ({"seeds": 1}, "at least 2"), ({"margin": float("nan")}, "nan")]
)
def test_an_impossible_question_is_one_line(evidence, options, words):
    with pytest.raises(SuiteError, match=words):
        what_if_claim(synthetic.claim(), evidence, **options)


def test_a_region_narrowed_to_nothing_is_named(evidence):
    with pytest.raises(SuiteError, match="size"):
        what_if_claim(synthetic.claim(), evidence, margin=-0.1)


@given(st.lists(st.integers(-100, 100), min_size=2, max_size=8), st.integers(2, 40), st.booleans())
def test_what_is_foreseen_has_the_present_mean_and_spread_on_more_degrees_of_freedom(values, n, share):
    assume(len(set(values)) > 1)
    rows = {"a": values, "b": [value * 1.1 + 1 for value in reversed(values)]}
    pooled = pool_blocks({name: dict(enumerate(map(float, row))) for name, row in rows.items()}) if share else None
    observed = Observed(values=tuple(values), sampling=Sampling.SEEDS, pooled=pooled)
    found = foreseen(observed, n)
    assert fmean(found.values) == pytest.approx(fmean(values), abs=1e-9)
    assert stdev(found.values) == pytest.approx(stdev(values), abs=1e-9)
    if pooled is not None:
        assert found.pooled.df == max(1, round(pooled.df * (n - 1) / (len(values) - 1)))
        assert found.pooled.sd == pooled.sd
    interval = mean_interval(found.values)
    assert (interval.n, interval.df) == (n, n - 1)


@pytest.mark.parametrize(
    "observed",
    [
        Observed(values=(1.0,), sampling=Sampling.SEEDS),
        Observed(values=(1.0,), sampling=Sampling.EXACT),
        Observed(values=(0.5,), sampling=Sampling.SINGLE, standard_error=0.1),
        Observed(values=(1.0, float("nan")), sampling=Sampling.SEEDS),
    ],
)
def test_what_seeds_cannot_foretell_stays_as_it_is(observed):
    assert foreseen(observed, 20) is observed
