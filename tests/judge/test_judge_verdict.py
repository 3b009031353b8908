"""The verdict words: one for many, and the expected against the actual."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.judge import WORST_FIRST, Verdict, counts, departs, overall

WORDS = st.sampled_from(list(Verdict))


def test_the_order_knows_every_word_once():
    assert sorted(WORST_FIRST) == sorted(Verdict)
    assert Verdict.NOT_RUN == "not run"


def test_a_claim_is_reproduced_only_if_all_of_it_is():
    for other in set(Verdict) - {Verdict.REPRODUCED}:
        assert overall([Verdict.REPRODUCED, other, Verdict.REPRODUCED]) is other
    assert overall([Verdict.REPRODUCED] * 3) is Verdict.REPRODUCED


def test_one_contradiction_contradicts_and_no_error_hides():
    for other in set(Verdict) - {Verdict.ERROR}:
        assert overall([other, Verdict.CONTRADICTED]) is Verdict.CONTRADICTED
    for other in Verdict:
        assert overall([other, Verdict.ERROR]) is Verdict.ERROR


def test_nothing_measured_is_not_run():
    assert overall([]) is Verdict.NOT_RUN


@given(st.lists(WORDS, min_size=1, max_size=5), WORDS)
def test_another_criterion_never_improves_the_word(words, another):
    assert WORST_FIRST.index(overall([*words, another])) <= WORST_FIRST.index(overall(words))
    assert overall(reversed(words)) is overall(words)


@pytest.mark.parametrize(("expected", "actual"), list(itertools.product(Verdict, Verdict)))
def test_every_difference_departs_and_an_error_always(expected, actual):
    assert departs(expected, actual) is (expected is not actual or actual is Verdict.ERROR)


def test_verdicts_are_counted_best_first():
    words = [Verdict.ERROR, Verdict.NOT_SEEN_HERE, Verdict.SEEN_HERE, Verdict.NOT_SEEN_HERE]
    assert counts(words) == "1 seen here, 2 not seen here, 1 error"
    assert counts([]) == "none"
