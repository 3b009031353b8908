"""The summary's rows: counts by column and role, a sentence with its numbers, refused when its verdicts change."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from suite.claim import Finding, Lies, Role, Sentence
from suite.errors import SuiteError
from suite.judge import Verdict
from suite.show.findings import Departed, as_markdown, column_of, fill, in_words, row, text

TRUE = Sentence("desk", "It rises by {a.up:+.1f} bits, unlike {a.up/null:.2f}.", {"a.up": Verdict.REPRODUCED})
FINDING = Finding("f", "Rise", "Something rises.", (TRUE,))


@dataclass
class Made:
    """As much of an assessment as a row looks at."""

    name: str
    verdict: Verdict
    profile: SimpleNamespace
    claim: SimpleNamespace
    criterion: SimpleNamespace
    judgement: SimpleNamespace


def lying(estimate, margin=0.1):
    return SimpleNamespace(estimate=estimate, low=estimate - margin, high=estimate + margin)


def made(name, verdict, *, profile="desk", finding="f", role=Role.ASSERTED, estimate=-1.26):
    null = SimpleNamespace(name="null", interval=lying(0.5), contrast=lying(estimate - 0.5))
    empty = SimpleNamespace(name="empty", interval=None, contrast=None)
    return Made(
        f"a.{name}",
        verdict,
        SimpleNamespace(name=profile),
        SimpleNamespace(finding=finding),
        SimpleNamespace(role=role),
        SimpleNamespace(interval=lying(estimate), controls=(null, empty)),
    )


UP = made("up", Verdict.REPRODUCED)


def test_numbers_are_filled_in():
    assert fill(TRUE, [UP]) == "It rises by −1.3 bits, unlike 0.50."


def test_counts_are_by_column_and_role_best_word_first():
    found = row(
        FINDING,
        [
            made("one", Verdict.CONTRADICTED),
            UP,
            made("probe", Verdict.INCONCLUSIVE, role=Role.PROBE),
            made("there", Verdict.REPRODUCED, profile="frozen-first-class"),
            made("other", Verdict.ERROR, finding="g"),
            made("tiny", Verdict.SMOKE, profile="smoke"),
        ],
    )
    assert found.cell("desk") == "1 reproduced, 1 contradicted"
    assert found.cell("frozen") == "1 reproduced"
    assert found.cell("released") == "–"
    assert in_words(found.probes["desk"]) == "1 inconclusive"


@pytest.mark.parametrize(
    ("profile", "column"), [("desk-long", "desk-long"), ("full-swin-tiny", "full"), ("smoke", ""), ("mine", "")]
)
def test_profiles_have_their_column(profile, column):
    assert column_of(profile) == column


def test_a_sentence_whose_verdict_changed_is_refused():
    changed = [replace(UP, verdict=Verdict.INCONCLUSIVE)]
    with pytest.raises(Departed, match=r"a\.up is inconclusive, not reproduced"):
        row(FINDING, changed, strict=True)
    assert row(FINDING, changed).sentence == (
        "Something rises. Verdicts have changed: a.up is inconclusive, not reproduced."
    )


def test_without_evidence_the_finding_itself_is_told():
    assert row(FINDING, [], strict=True).sentence == "Something rises."
    with pytest.raises(Departed, match=r"a\.up is not judged"):
        fill(TRUE, [])


def test_the_first_sentence_that_its_verdicts_bear_out_is_told():
    stronger = Sentence("full", "Seen at full scale.", {"a.up": Verdict.REPRODUCED})
    finding = replace(FINDING, sentences=(stronger, TRUE))
    full = made("up", Verdict.REPRODUCED, profile="full")
    assert row(finding, [UP]).sentence.startswith("It rises")
    assert row(finding, [UP, full]).sentence == "Seen at full scale."
    assert row(finding, [UP, replace(full, verdict=Verdict.INCONCLUSIVE)]).sentence.startswith("It rises")


@pytest.mark.parametrize(
    ("quoted", "fault"),
    [("{a.down:.1f}", "verdict is not named"), ("{a.up/nothing}", "no number"), ("{a.up/empty}", "no number")],
)
def test_only_numbers_that_are_there_can_be_quoted(quoted, fault):
    with pytest.raises(SuiteError, match=fault):
        fill(replace(TRUE, text=quoted), [UP])


def test_a_number_without_a_format_has_four_digits():
    assert fill(replace(TRUE, text="{a.up}"), [made("up", Verdict.REPRODUCED, estimate=5_717_416)]) == "5,717,416"


def test_rows_are_plain_text_of_any_width():
    shown = text([row(FINDING, [UP])], width=40)
    assert shown.splitlines() == ["Rise", "  desk: 1 reproduced", "  It rises by −1.3 bits, unlike 0.50."]
    assert max(map(len, text([row(FINDING, [UP])], width=24).splitlines())) <= 24
    assert "nothing judged yet" in text([row(FINDING, [])])


def test_the_table_shows_the_columns_that_have_counts():
    table = as_markdown([row(FINDING, [UP, made("there", Verdict.INCONCLUSIVE, profile="frozen")])])
    assert table.splitlines() == [
        "| finding | desk | frozen | what was found |",
        "| --- | --- | --- | --- |",
        "| **Rise** | 1 reproduced | 1 inconclusive | It rises by −1.3 bits, unlike 0.50. |",
    ]


RISES = Sentence(
    "desk", "desk: it is {a.up:.1f}, {a.up-null:.1f} above chance.", shows={"a.up-null": Lies.ABOVE, "a.up": Lies.ABOVE}
)
FALLS = Sentence("desk", "desk: it falls by {a.up:.2f}.", shows={"a.up": Lies.BELOW})
OPEN = Sentence("desk", "desk: {a.up:+.2f}, open.", shows={"a.up": Lies.AROUND})


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        (2.0, "desk: it is 2.0, 1.5 above chance."),
        (-1.26, "desk: it falls by −1.26."),
        (0.05, "desk: +0.05, open."),
        (0.3, ""),
    ],
)
def test_a_remark_is_said_only_where_its_intervals_lie_as_it_says(estimate, said):
    finding = replace(FINDING, sentences=(), remarks=((RISES, FALLS, OPEN),))
    up = made("up", Verdict.UNINFORMATIVE, estimate=estimate)
    assert row(finding, [up], strict=True).sentence == f"Something rises. {said}".strip()
    assert row(finding, [replace(up, profile=SimpleNamespace(name="full"))]).sentence == "Something rises."


def test_of_every_group_one_remark_is_said():
    finding = replace(FINDING, sentences=(), remarks=((FALLS, replace(FALLS, text="Again.")), (FALLS,)))
    assert row(finding, [UP]).sentence == "Something rises. desk: it falls by −1.26. desk: it falls by −1.26."


def test_a_place_that_is_none_is_a_fault():
    with pytest.raises(SuiteError, match="is no number of a criterion"):
        fill(replace(OPEN, shows={"up": Lies.ABOVE}), [UP])
    assert row(
        replace(FINDING, remarks=((replace(OPEN, shows={"a.up/empty": Lies.AROUND}),),)), [UP]
    ).sentence.endswith("0.50.")
