"""One screen: nine findings fit in 40 lines, nothing is cut, nothing is styled, and what departs is said."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.claim import Finding, Role
from suite.judge import Verdict
from suite.session import Session
from suite.show.findings import Row
from suite.show.screen import COMFORTABLE, LINES, NARROWEST, screen

WORDS = st.lists(st.sampled_from(["late", "alignment", "harms", "by", "0.3", "points"]), min_size=1, max_size=40)


def made(sentence, counts=None):
    return Row(Finding("f", "Late alignment", "It harms."), counts or {}, {}, sentence)


def assessment(verdict, *, profile="desk", departs=False, name="a.b", changed=False):
    expected = SimpleNamespace(verdict=Verdict.REPRODUCED) if departs else None
    return SimpleNamespace(
        name=name,
        verdict=verdict,
        departs=departs,
        rule_changed=changed,
        session=Session(profile=profile, evidence="here"),
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
        (
            [assessment(Verdict.INCONCLUSIVE, departs=True)],
            "Session: FAILED: 1 not as expected: a.b (inconclusive, not reproduced).",
        ),
        ([assessment(Verdict.REPRODUCED, departs=True, changed=True)], "Session: FAILED: 1 with a changed rule: a.b."),
        ([assessment(Verdict.ERROR)], "Session: FAILED: 1 in error: a.b."),
        ([assessment(Verdict.NOT_RUN)], "Session: FAILED: nothing was measured."),
        ([], "Session: FAILED: nothing was measured."),
    ],
)
def test_how_the_session_ended_is_said(assessments, said):
    assert said in " ".join(screen([], assessments, width=100).split())


def test_what_departs_is_named_with_what_explains_it_and_the_rest_is_counted():
    many = [assessment(Verdict.INCONCLUSIVE, departs=True, name=f"a.c{n}") for n in range(40)]
    text = " ".join(screen([], many, width=100).split())
    assert "a.c2 (inconclusive, not reproduced) and 37 more: judge --details." in text
    assert "Session: FAILED: 40 not as expected: a.c0 " in text
    assert "a.c3 " not in text
    assert "Why: python -m suite explain a.c0 --profile desk --evidence here" in text


def test_much_that_departs_and_many_profiles_still_fit_on_one_screen():
    counts = {
        profile: dict.fromkeys((Verdict.SEEN_HERE, Verdict.INCONCLUSIVE, Verdict.UNINFORMATIVE), 12)
        for profile in ("released", "desk", "desk-long", "desk-wide", "frozen", "full")
    }
    long = "a-rather-long-name-of-a-claim.and-of-its-criterion"
    judged = [
        assessment(verdict, profile=profile, departs=departs, changed=changed, name=f"{long}-{verdict}")
        for profile in counts
        for verdict in Verdict
        for departs in (True, False)
        for changed in (True, False)
    ]
    shown = [made("word " * 150, counts)] * 9
    text = screen(shown, judged, width=COMFORTABLE, hints=["next: this", "or: that"], notes=["note " * 200])
    lines = text.splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COMFORTABLE
    assert sum(line.startswith("Late alignment") for line in lines) == 9
    assert "…" in text


def test_lines_that_are_left_go_to_sentences_that_were_cut():
    long = "word " * 75 + "end."
    text = screen([made(long)] * 9, [assessment(Verdict.REPRODUCED)], width=COMFORTABLE)
    lines = text.splitlines()
    assert len(lines) == LINES
    assert text.count("end.") + text.count("…") == 9
    assert text.index("end.") < text.index("…")


def test_counts_of_every_column_are_summed_up():
    mixed = [assessment(Verdict.REPRODUCED), assessment(Verdict.ERROR, profile="frozen-first-class")]
    text = screen([], mixed, width=100)
    assert "desk: 1 criterion (1 reproduced); frozen: 1 criterion (1 error)" in text
    assert screen([], [], width=100).splitlines()[1] == "Nothing was judged."
