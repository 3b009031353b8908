"""The log of reproductions: an entry says what its bundle gave, anybody's file is checked, nothing in it is markup."""

from __future__ import annotations

import json

import pytest
import synthetic as made

from suite.assess import Evidence, assess
from suite.errors import SuiteError
from suite.evidence.bundles.pack import pack
from suite.evidence.store import Store
from suite.judge import Verdict
from suite.show import badge, reproductions
from suite.show.page import shared
from suite.show.reproductions import COLUMNS, Packed, as_markdown, entry, read, table, write


@pytest.fixture
def assessments(tmp_path):
    store = Store(tmp_path / "evidence")
    made.fill(store, ("high", "low"))
    return assess([made.claim()], Evidence(made.PROFILE, store))


@pytest.fixture
def one(tmp_path, assessments):
    store = Store(tmp_path / "evidence")
    packed = pack(tmp_path / "tiny.zip", store, store.keys(), [made.PROFILE], "python -m suite claims --profile tiny")
    bundle = Packed("tiny.zip", packed.sha256, "https://example.org/tiny.zip")
    return entry(assessments, packed.manifest, bundle, who="A | B")


def test_an_entry_is_read_back_as_it_was_written(tmp_path, one, assessments):
    write(tmp_path / "log" / "one.json", one)
    assert read(tmp_path / "log") == [one]
    assert read(tmp_path / "nowhere") == []
    measured = {name: found.verdict for name, found in one.findings.items()}
    judged = {each.name: each.verdict for each in assessments if each.cells and each.verdict is not Verdict.NOT_RUN}
    assert measured == judged
    assert Verdict.SEEN_HERE in measured.values()
    interval = next(each for each in assessments if each.verdict is Verdict.SEEN_HERE).judgement.interval
    assert interval.estimate in {found.estimate for found in one.findings.values()}


def test_a_row_says_who_when_where_and_what_is_not_as_expected_here(one):
    row = dict(zip(COLUMNS, table([one], [made.claim()])[0], strict=True))
    assert row["who"] == "A | B"
    assert row["profile"] == "tiny, seeds 0-3"
    assert row["when"] == one.computed.isoformat()
    assert row["verdicts"].startswith("1 seen here")
    expected = {
        f"made_up.{each.key}": each.expected["tiny"].verdict
        for each in made.claim().criteria
        if "tiny" in each.expected and f"made_up.{each.key}" in one.findings
    }
    other = {name for name, word in expected.items() if one.findings[name].verdict is not word}
    assert row[COLUMNS[-1]].startswith(f"{len(expected) - len(other)} of {len(expected)} the same")
    assert all(f"{name}: {one.findings[name].verdict}, not {expected[name]}" in row[COLUMNS[-1]] for name in other)
    lines = as_markdown(table([one], [])).splitlines()
    assert lines[2].startswith("| A \\| B | ")
    assert as_markdown([]).count("\n") == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"who": ""}, "who"),
        ({"who": "two\nlines"}, "who"),
        ({"judged": "yesterday"}, "judged"),
        ({"more": 1}, "more"),
        ({"bundle": {"name": "x", "sha256": "0"}}, "sha256"),
        ({"bundle": {"name": "x", "sha256": "0" * 64, "address": "javascript:alert(1)"}}, "address"),
        ({"findings": {"a.b": {"verdict": "true"}}}, "true"),
        ({"findings": {"a.b": {"verdict": "seen here", "low": "0"}}}, "low"),
        (None, "is no entry of the log"),
    ],
)
def test_a_file_that_is_no_entry_is_one_line(tmp_path, one, change, words):
    write(tmp_path / "one.json", one)
    data = json.loads((tmp_path / "one.json").read_text())
    (tmp_path / "one.json").write_text(json.dumps(data | change) if change else "{")
    with pytest.raises(SuiteError, match=words) as fault:
        read(tmp_path)
    assert "one.json is no entry of the log" in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "one.json").write_text("[" * 20)
    monkeypatch.setattr(reproductions, "_LARGEST", 10)
    with pytest.raises(SuiteError, match="larger than"):
        read(tmp_path)


def test_the_section_of_the_page_escapes_what_others_wrote(one):
    row = ("<script>alert(1)</script>", *table([one], [])[0][1:])
    section = shared.log([row])
    assert "<script>" not in section
    assert "&lt;script&gt;" in section
    assert shared.log([]) is None


def test_the_badge_counts_what_papers_assert(assessments):
    title, words = badge.words(assessments)
    assert title == "1 finding"
    assert words == "1 reproduced, 1 seen here, 1 not seen here, 2 open"
    picture = badge.svg(assessments)
    assert f'aria-label="{title}: {words}"' in picture
    assert badge.words([]) == ("0 findings", "nothing judged")
