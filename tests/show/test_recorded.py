"""The log of recorded values grows at its end, by what changed, and never hides damage."""

import json

import pytest
import synthetic

from suite.assess import Evidence, assess
from suite.errors import SuiteError
from suite.show.recorded import Entry, history, periods, record


@pytest.fixture
def log(tmp_path):
    return tmp_path / "claims" / "recorded.jsonl"


def test_what_was_measured_is_recorded_once(log, judged):
    assert history(log) == {}
    assert record(log, judged) == 5
    text = log.read_text()
    assert record(log, judged) == 0
    assert log.read_text() == text
    found = history(log)
    assert set(found) == {assessment.name for assessment in judged}
    entry = found["made_up.holds"][0]
    assert (entry.verdict, entry.profile, entry.n) == ("seen here", "tiny", 4)
    assert entry.estimate == pytest.approx(0.298333, abs=1e-6)
    assert entry.low < entry.estimate < entry.high
    assert found["made_up.size"][0].estimate == synthetic.PARAMETERS
    assert set(json.loads(text.splitlines()[0])) == {
        "date", "commit", "machine", "profile", "name", "verdict", "estimate", "low", "high", "n"
    }  # fmt: skip


def test_a_change_is_appended_and_earlier_lines_stay(log, judged, evidence, monkeypatch):
    record(log, judged)
    before = log.read_text()
    changed = synthetic.claim(criteria=(synthetic.criterion("holds", "higher"), *synthetic.claim().criteria[1:]))
    assert record(log, assess([changed], evidence)) == 1
    assert log.read_text().startswith(before)
    assert [entry.estimate for entry in history(log)["made_up.holds"]] == pytest.approx([0.298333, 0.308333], abs=1e-6)
    assert record(log, judged) == 1, "back to the first value is a change, too"
    assert len(history(log)["made_up.holds"]) == 3


def test_noise_in_the_last_bits_is_no_change(log, judged, evidence, monkeypatch):
    record(log, judged)
    nudged = synthetic.PerSeed(
        (synthetic.measured("high"),), lambda result: float(result.arrays["value"]) * (1 + 1e-12)
    )
    criteria = (synthetic.criterion("holds", "high", evidence=nudged), *synthetic.claim().criteria[1:])
    assert record(log, assess([synthetic.claim(criteria=criteria)], evidence)) == 0


def test_what_was_not_measured_is_not_recorded(log, tmp_path):
    evidence = synthetic.evidence(tmp_path / "evidence", ("low",))
    synthetic.fail(evidence.store, "high", 0)
    claim = synthetic.claim(criteria=(synthetic.criterion("gone", "broken"), synthetic.criterion("bad", "high")))
    assert record(log, assess([claim], evidence)) == 0
    assert not log.exists()


def test_a_changed_profile_is_refused(log, evidence):
    changed = Evidence(evidence.profile.with_seeds(3), evidence.store)
    with pytest.raises(SuiteError, match="3 seeds"):
        record(log, assess([synthetic.claim()], changed))
    assert not log.exists()


GOOD = {"date": "2026-01-02", "commit": "c", "machine": "m", "profile": "desk", "name": "a.b", "verdict": "reproduced"}
GOOD |= {"estimate": 1.0, "low": 0.5, "high": 1.5, "n": 3}


@pytest.mark.parametrize(
    "line",
    [
        "",
        '{"date": "2026-01',
        "[]",
        json.dumps(GOOD | {"estimate": "1.0"}),
        json.dumps(GOOD | {"estimate": 1.0}).replace("1.0", "NaN", 1),
        json.dumps(GOOD | {"verdict": "verified"}),
        json.dumps(GOOD | {"date": "last week"}),
        json.dumps(GOOD | {"more": 1}),
        json.dumps({name: value for name, value in GOOD.items() if name != "n"}),
    ],
)
def test_damage_is_named_by_its_line_and_nothing_is_added(log, judged, line):
    log.parent.mkdir()
    log.write_text(f"{json.dumps(GOOD)}\n{line}\n{json.dumps(GOOD)}\n")
    before = log.read_text()
    with pytest.raises(SuiteError, match=r"recorded\.jsonl, line 2 "):
        history(log)
    with pytest.raises(SuiteError, match="line 2"):
        record(log, judged)
    assert log.read_text() == before


def test_a_line_left_open_is_closed_before_the_next(log, judged):
    log.parent.mkdir()
    log.write_text(json.dumps(GOOD))
    assert record(log, judged) == 5
    assert len(history(log)) == 6


def test_profiles_have_values_of_their_own(log, judged, evidence):
    from dataclasses import replace

    record(log, judged)
    other = Evidence(replace(evidence.profile, name="other"), evidence.store)
    assert record(log, assess([synthetic.claim()], other)) == 5
    assert [entry.profile for entry in history(log)["made_up.holds"]] == ["tiny", "other"]


def entry(date, verdict, estimate, profile="desk", commit="c0ffee"):
    return Entry(date, commit, "m", profile, "a.b", verdict, estimate, 0.0, 1.0, 6)


def test_unchanged_repeats_are_one_period_and_changes_are_kept_in_order():
    found = periods(
        [
            entry("2026-01-01", "inconclusive", 0.5, commit="aaaa" * 10),
            entry("2026-01-02", "reproduced", 0.5, profile="frozen"),
            entry("2026-01-03", "inconclusive", 0.5, commit="bbbb" * 10),
            entry("2026-01-03", "inconclusive", 0.6),
            entry("2026-01-04", "inconclusive", 0.5),
            entry("2026-01-04", "inconclusive", 0.5),
        ]
    )
    assert [(one.dates, one.first.profile, one.first.estimate, one.commits) for one in found] == [
        ("2026-01-01 to 2026-01-03, 2 times", "desk", 0.5, "aaaaaaaaaaaa to bbbbbbbbbbbb"),
        ("2026-01-03", "desk", 0.6, "c0ffee"),
        ("2026-01-04, 2 times", "desk", 0.5, "c0ffee"),
        ("2026-01-02", "frozen", 0.5, "c0ffee"),
    ]
    assert periods([]) == []
