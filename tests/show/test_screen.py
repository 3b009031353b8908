"""One screen: nine findings fit in 40 lines, nothing is cut, nothing is styled, and what departs is said."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.claim import Finding, Role
from suite.judge import Verdict
from suite.show.findings import Row
from suite.show.screen import NARROWEST, screen

WORDS = st.lists(st.sampled_from(["late", "alignment", "harms", "by", "0.3", "points"]), min_size=1, max_size=40)


def made(sentence, counts=None):
    return Row(Finding("f", "Late alignment", "It harms."), counts or {}, {}, sentence)


def assessment(verdict, *, profile="desk", departs=False):
    expected = SimpleNamespace(verdict=Verdict.REPRODUCED) if departs else None
    return SimpleNamespace(
        name="a.b",
        verdict=verdict,
        departs=departs,
        rule_changed=False,
        expected=expected,
        profile=SimpleNamespace(name=profile),
        criterion=SimpleNamespace(role=Role.ASSERTED),
    )


def test_nine_findings_fit_on_one_screen():
    counts = {"released": {Verdict.CONSISTENT: 2, Verdict.CONTRADICTED: 1}, "desk": {Verdict.INCONCLUSIVE: 4}}
    shown = [made("word " * 34, counts)] * 9
    text = screen(shown, [assessment(Verdict.CONSISTENT)] * 9, width=100, hints=["next: this", "or: that"])
    assert len(text.splitlines()) <= 40


@given(WORDS, st.integers(0, 200))
def test_nothing_is_cut_and_no_line_is_too_long(words, width):
    text = screen([made(" ".join(words))], [assessment(Verdict.SMOKE)], width=width)
    assert " ".join(words) in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= max(width, NARROWEST)
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("assessments", "said"),
    [
        ([assessment(Verdict.REPRODUCED)], "Session: as expected."),
        ([assessment(Verdict.INCONCLUSIVE, departs=True)], "not as expected: a.b (inconclusive, not reproduced)"),
        ([assessment(Verdict.ERROR)], "in error: a.b"),
        ([assessment(Verdict.NOT_RUN)], "nothing was measured"),
    ],
)
def test_how_the_session_ended_is_said(assessments, said):
    text = " ".join(screen([], assessments, width=100).split())
    assert said.replace("expected:", "registered:") in text or said in text


def test_counts_of_every_column_are_summed_up():
    mixed = [assessment(Verdict.REPRODUCED), assessment(Verdict.ERROR, profile="frozen-first-class")]
    text = screen([], mixed, width=100)
    assert "desk: 1 criterion (1 reproduced); frozen: 1 criterion (1 error)" in text
    assert screen([], [], width=100).splitlines()[1] == "Nothing was judged."
