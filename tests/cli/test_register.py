"""What is expected of verdicts: written as data, told apart by whether the evidence was there, held to the rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from fake_studies import ignore
from fake_studies.claims import PROFILE_TOML, SOUND, claim, criterion, reading

from suite import profile as profiles
from suite.assess import Evidence, assess, tally
from suite.claim import expected
from suite.claim.expected import Entry, changes, current, read, rule_digest, write
from suite.errors import SuiteError
from suite.evidence.store import Store
from suite.judge import Region, Role, Verdict
from suite.register import register, withdraw
from suite.run.execute import execute
from suite.run.plan import plan
from suite.show import describe
from suite.show.terminal import outcome

THEN, NOW = date(2026, 1, 2), date(2026, 2, 3)
PLAIN = claim("plain", criterion("holds", reading("high")), criterion("fails", reading("low")))


@pytest.fixture
def profile(tmp_path, monkeypatch):
    (tmp_path / "toy.toml").write_text(PROFILE_TOML)
    monkeypatch.chdir(tmp_path)
    return profiles.load("toy.toml")


@pytest.fixture
def file(tmp_path):
    return tmp_path / expected.FILE


def judged(profile, store, judged_claim):
    return assess([judged_claim], Evidence(profile, Store(store.root)))


def computed(profile, store, judged_claim):
    for step in plan([judged_claim], profile, store).to_run:
        execute(store, [step.cell], device="cpu", report=ignore)
    return judged(profile, store, judged_claim)


def test_what_is_predicted_before_its_evidence_is_registered_and_held_to(profile, file, tmp_path):
    store = Store(tmp_path / "evidence")
    register(file, judged(profile, store, PLAIN)[:1], today=THEN, expect=Verdict.SEEN_HERE, because="theory")
    held = expected.attach(PLAIN, read(file))
    found = computed(profile, store, held)
    assert found[0].expected.status == "registered"
    assert not found[0].departs
    assert found[1].expected is None
    assert describe.expectation(found[0]) == "seen here, registered on 2026-01-02 (before the evidence): theory"
    assert outcome(found) == (
        "OK: 1 verdict of 2 as expected (1 registered before their evidence, 0 recorded after it)"
    )
    with pytest.raises(SuiteError, match=r"plain.holds has evidence already \(seen here\)"):
        register(file, found, today=NOW, expect=Verdict.NOT_SEEN_HERE, because="hindsight")


def test_what_is_read_off_the_evidence_is_recorded_once(profile, file, tmp_path):
    store = Store(tmp_path / "evidence")
    assert register(file, judged(profile, store, PLAIN), today=THEN) == [], "nothing is there to record"
    found = computed(profile, store, PLAIN)
    added = register(file, found, today=THEN)
    assert [(entry.criterion, entry.verdict, entry.status) for entry in added] == [
        ("plain.holds", Verdict.SEEN_HERE, "recorded"),
        ("plain.fails", Verdict.NOT_SEEN_HERE, "recorded"),
    ]
    assert register(file, found, today=NOW) == []
    assert len(read(file)) == 2
    again = judged(profile, store, expected.attach(PLAIN, read(file)))
    assert "(after the evidence)" in describe.expectation(again[0])
    assert tally(again).ok


@pytest.mark.parametrize(
    "change",
    [
        {"region": Region.at_least(0.15)},
        {"role": Role.PROBE},
        {"positive_controls": ()},
        {"negative_controls": PLAIN.criteria[0].positive_controls},
        {"quantity": replace(PLAIN.criteria[0].quantity, unit="nats")},
    ],
)
def test_a_rule_that_changed_without_a_new_entry_fails_the_session(profile, file, tmp_path, change):
    store = Store(tmp_path / "evidence")
    register(file, computed(profile, store, PLAIN), today=THEN)
    moved = claim("plain", replace(PLAIN.criteria[0], **change), PLAIN.criteria[1])
    assert rule_digest(moved.criteria[0]) != rule_digest(PLAIN.criteria[0])
    found = judged(profile, store, expected.attach(moved, read(file)))
    assert found[0].rule_changed
    assert found[0].departs
    assert not found[1].departs
    why = tally(found).why_not
    register_again = found[0].session.command("register")
    assert why == f"the rule changed without a new entry ({register_again}): plain.holds"
    assert "rule changed since it was recorded" in describe.registered(found[0])
    register(file, found, today=NOW)
    assert tally(judged(profile, store, expected.attach(moved, read(file)))).ok


def test_words_that_change_no_verdict_need_no_new_entry():
    before = PLAIN.criteria[0]
    reworded = replace(before, sentence="Said otherwise.", because="for the same reason", figure="depth:x")
    assert rule_digest(reworded) == rule_digest(before)
    swapped = replace(before, negative_controls=tuple(reversed(before.negative_controls)))
    assert rule_digest(swapped) == rule_digest(before)


def test_the_log_tells_every_changed_and_withdrawn_verdict(file):
    first = Entry("a.b", "desk", Verdict.CONTRADICTED, "as found", THEN)
    write(file, [first, Entry("a.c", "desk", Verdict.SEEN_HERE, "as found", THEN)])
    withdraw(file, "a.b", "desk", today=NOW, because="the measurement was blind")
    kept = read(file)
    assert current(kept)["a.b", "desk"].verdict is None
    assert [str(change) for change in changes(kept)] == [
        "2026-02-03 a.b (desk): contradicted -> withdrawn, because the measurement was blind"
    ]
    with pytest.raises(SuiteError, match=r"nothing is expected of a.b"):
        withdraw(file, "a.b", "desk", today=NOW, because="twice")


def test_an_expectation_of_nothing_that_exists_is_named(file):
    write(file, [Entry("plain.gone", "toy", Verdict.SEEN_HERE, "as found", THEN)])
    with pytest.raises(SuiteError, match=r"a verdict is expected of plain.gone, which plain does not have"):
        expected.attach(PLAIN, read(file))
    withdraw(file, "plain.gone", "toy", today=NOW, because="split in two")
    assert expected.attach(PLAIN, read(file)) is not None


def test_an_error_is_never_written_down(profile, file, tmp_path):
    broken = claim("x", criterion("broken", reading("broken", "raise")))
    found = computed(profile, Store(tmp_path / "evidence"), broken)
    with pytest.raises(SuiteError, match=r"x.broken is in error, which nobody expects"):
        register(file, found, today=NOW)
    changed = computed(profile.with_seeds(3), Store(tmp_path / "other"), SOUND)
    with pytest.raises(SuiteError, match="a profile that was changed"):
        register(file, changed, today=NOW)
    assert not file.exists()


@pytest.mark.parametrize(
    "line", ["nonsense", '{"criterion": "a.b"}', "[]", '{"verdict": "maybe", "since": "2026-01-01"}']
)
def test_a_line_that_is_no_entry_is_named(file, line):
    file.write_text(line + "\n")
    with pytest.raises(SuiteError, match=r"expected.jsonl, line 1: "):
        read(file)


def test_a_diverged_seed_is_counted_apart(profile, tmp_path):
    store = Store(tmp_path / "evidence")
    computed(profile, store, PLAIN)

    def fails(seed, error):
        cell = PLAIN.criteria[0].evidence.subjects[0](profile, seed)
        import shutil

        shutil.rmtree(store.folder(cell.key))
        store.begin(cell).fail(f"Traceback\n{error}", seconds=1.0, device="cpu")

    fails(1, "suite.train.supervised.Diverged: the loss became nan in epoch 3")
    found = judged(profile, store, PLAIN)[0]
    assert found.verdict is Verdict.SEEN_HERE
    assert found.observed.labels == ("seed 0", "seed 2", "seed 3")
    assert found.observed.diverged == ("seed 1",)
    assert describe.size(found) == "3 seeds (1 more diverged)"
    assert "of 3 seeds (1 more diverged) lies inside" in found.judgement.reason
    fails(2, "Diverged: the loss became inf")
    fails(3, "Diverged: the loss became inf")
    found = judged(profile, store, PLAIN)[0]
    assert found.verdict is Verdict.ERROR
    assert "seed 1, seed 2, seed 3 diverged: fewer than 2 seeds trained" in found.judgement.reason
    fails(0, "ValueError: not a Diverged: run")
    assert "seed 0' failed: ValueError" in judged(profile, store, PLAIN)[0].judgement.reason


def test_the_verb_writes_beside_the_claims_and_refuses_nonsense_in_a_line(tmp_path, monkeypatch, capsys):
    from suite.cli import main

    monkeypatch.chdir(tmp_path)
    said = "register", "--profile", "desk"
    assert main([*said, "u_shape.entropy", "--expect", "seen here", "--because", "theory"]) == 2
    assert "there is no folder claims" in capsys.readouterr().err
    (tmp_path / "claims").mkdir()
    assert main([*said, "u_shape.entropy", "--expect", "seen here", "--because", "theory"]) == 0
    assert "u_shape.entropy (desk): seen here, registered" in capsys.readouterr().out
    assert main([*said, "u_shape.entropy", "--withdraw", "--because", "a slip"]) == 0
    assert main(["register", "--log"]) == 0
    assert "seen here -> withdrawn, because a slip" in capsys.readouterr().out
    for wrong in (["u_shape.gone"], ["--expect", "maybe"], ["--expect", "seen here"], ["--withdraw"]):
        assert main([*said, *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
