"""From cells to verdicts: what is missing, broken, impossible or only smoke is said, and nothing of it counts."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from fake_studies import ignore
from fake_studies.claims import EXACT, FAULTY, IMPOSSIBLE, PROFILE_TOML, SOUND, cells, claim, criterion, reading

from suite import profile as profiles
from suite.assess import ClaimWord, Evidence, assess, claim_word, tally
from suite.claim import PerSeed
from suite.evidence.released import Original
from suite.evidence.store import Store
from suite.judge import Role, Verdict
from suite.run.costs import estimate
from suite.run.execute import execute
from suite.run.plan import CachePolicy, measured_costs, plan
from suite.session import Session


@pytest.fixture
def profile(tmp_path, monkeypatch):
    (tmp_path / "toy.toml").write_text(PROFILE_TOML)
    monkeypatch.chdir(tmp_path)
    return profiles.load("toy.toml")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "evidence")


def computed(store, profile, *claims):
    """Everything the claims ask for, computed here."""
    for step in plan(claims, profile, store).to_run:
        execute(store, [step.cell], device="cpu", report=ignore)
    return judged(store, profile, *claims)


ASKED = Session(profile="toy.toml")


def judged(store, profile, *claims, session=ASKED):
    return {found.name: found for found in assess(claims, Evidence(profile, Store(store.root), session=session))}


def test_sound_evidence_is_judged_and_held_to_what_is_registered(store, profile):
    found = computed(store, profile, SOUND)
    assert [a.verdict for a in found.values()] == [Verdict.SEEN_HERE, Verdict.NOT_SEEN_HERE]
    assert not any(a.departs for a in found.values())
    assert tally(list(found.values())).ok
    assert claim_word(list(found.values())) == ClaimWord(None, "asserted: 1 seen here, 1 not seen here")
    published = [replace(a, profile=replace(a.profile, scope="published")) for a in found.values()]
    assert claim_word(published) == ClaimWord(Verdict.NOT_SEEN_HERE, "not seen here")
    probed = [replace(a, criterion=replace(a.criterion, role=Role.PROBE)) for a in published[1:]]
    assert claim_word([published[0], *probed]) == ClaimWord(Verdict.SEEN_HERE, "seen here; probes: 1 not seen here")
    assert claim_word(probed) == ClaimWord(None, "asserted: none; probes: 1 not seen here")
    assert {result.key for result in found["sound.holds"].cells} == set(store.keys())


def test_what_was_not_computed_is_not_run_and_says_the_exact_command(store, profile):
    found = judged(store, profile, SOUND)["sound.holds"]
    assert found.verdict is Verdict.NOT_RUN
    command = "python -m suite claims -k sound --profile toy.toml"
    assert found.judgement.reason == f"cell 'high, seed 0' is not computed: {command}"
    assert found.command == command
    assert found.departs, "a finding that vanishes must not go unseen"
    assert tally([found]).why_not == ("nothing was measured; not as expected: sound.holds (not run, not seen here)")


def test_the_command_repeats_every_option_that_was_given(store, profile):
    asked = Session(
        profile="toy.toml",
        released=("my clones",),
        images="my images",
        weights=("cait=cait.safetensors",),
        seeds=2,
        device="cpu",
    )
    found = judged(store, profile.with_seeds(2), SOUND, session=asked)["sound.holds"]
    assert found.command == (
        "python -m suite claims -k sound --profile toy.toml --released 'my clones' "
        "--images 'my images' --weights cait=cait.safetensors --seeds 2 --device cpu"
    )
    assert found.judgement.reason.endswith(found.command)


def test_one_seed_missing_is_missing_evidence_never_three_seeds(store, profile):
    computed(store, profile.with_seeds(3), SOUND)
    found = judged(store, profile, SOUND)["sound.holds"]
    assert found.verdict is Verdict.NOT_RUN
    assert "cell 'high, seed 3' is not computed" in found.judgement.reason


def test_a_control_that_is_missing_leaves_it_open_and_says_the_command(store, profile):
    wanting = claim("wanting", criterion("holds", reading("high"), control=reading("other")))
    computed(store, profile, SOUND)
    found = judged(store, profile, wanting)["wanting.holds"]
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.judgement.reason.endswith(
        "control 'null': cell 'other, seed 0' is not computed: python -m suite claims -k wanting --profile toy.toml"
    )


def test_faults_are_errors_each_alone_and_never_numbers(store, profile):
    found = computed(store, profile, FAULTY)
    reasons = {name.partition(".")[2]: a.judgement.reason for name, a in found.items() if a.verdict is Verdict.ERROR}
    assert set(reasons) == {"broken", "nan", "crooked", "lacking"}
    assert "FakeFault: it broke and the reason spans lines" in reasons["broken"]
    assert "(seed 0) is nan" in reasons["nan"]
    assert "TypeError: unsupported operand" in reasons["crooked"]
    assert "toy.toml: networks: cait lacks the key 'recipe': add it to the profile" in reasons["lacking"]
    assert found["faulty.holds"].verdict is Verdict.SEEN_HERE
    for name in reasons:
        assert found[f"faulty.{name}"].judgement.interval is None
    assert not tally(list(found.values())).ok
    assert "in error: faulty.broken, faulty.nan, faulty.crooked, faulty.lacking" in tally(list(found.values())).why_not


def test_a_damaged_cell_is_an_error(store, profile):
    found = computed(store, profile, SOUND)
    folder = found["sound.holds"].cells[0].folder
    os.truncate(folder / "arrays.npz", 5)
    after = judged(store, profile, SOUND)
    assert after["sound.holds"].verdict is Verdict.ERROR
    assert "arrays.npz has 5 of" in after["sound.holds"].judgement.reason
    assert after["sound.fails"].verdict is Verdict.NOT_SEEN_HERE


def test_what_a_profile_cannot_supply_is_said_without_a_command_that_would_not_help(store, profile):
    found = computed(store, profile, IMPOSSIBLE)
    assert found["impossible.network"].verdict is Verdict.NOT_RUN
    assert found["impossible.network"].judgement.reason == "profile toy has no network for 'swin'"
    assert found["impossible.never"].verdict is Verdict.UNVERIFIABLE
    assert found["impossible.never"].judgement.reason == "the weights were never released"
    assert tally(list(found.values())).why_not == "nothing was measured"


def test_a_released_file_is_taken_from_the_first_folder_that_has_it_else_from_its_figures(store, profile, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    log = Original("https://example.org", "c" * 40, "log.txt", 1, "", Path.read_text, lambda: "embedded")
    released = replace(profile, released=(tmp_path / "one", tmp_path / "two"))
    assert Evidence(released, store).released(log) == "embedded"
    (tmp_path / "two" / "log.txt").write_text("copied")
    assert Evidence(released, store).released(log) == "copied"


def test_smoke_is_only_ever_smoke_but_faults_and_gaps_stay_what_they_are(store, profile):
    smoke = replace(profile, scope="smoke")
    found = computed(store, smoke, SOUND, FAULTY, IMPOSSIBLE, EXACT)
    verdicts = {name: a.verdict for name, a in found.items()}
    assert {verdicts[name] for name in ("sound.holds", "sound.fails", "faulty.holds", "exact.count")} == {Verdict.SMOKE}
    assert verdicts["faulty.broken"] is Verdict.ERROR
    assert verdicts["impossible.network"] is Verdict.NOT_RUN
    assert verdicts["impossible.never"] is Verdict.UNVERIFIABLE


@pytest.mark.parametrize(
    ("role", "expected"), [("high", Verdict.NOT_SEEN_HERE), ("low", Verdict.SEEN_HERE), ("high", Verdict.INCONCLUSIVE)]
)
def test_a_verdict_departs_in_both_directions(store, profile, role, expected):
    found = computed(store, profile, claim("moved", criterion("moved", reading(role), expected=expected)))
    assessment = found["moved.moved"]
    assert assessment.departs
    assert not tally([assessment]).ok
    assert f"moved.moved ({assessment.verdict}, not {expected})" in tally([assessment]).why_not


def test_a_modified_profile_is_held_to_nothing(store, profile):
    found = computed(store, profile.with_seeds(3), claim("x", criterion("x", reading("low"), expected=Verdict.ERROR)))
    assert found["x.x"].expected is None
    assert not found["x.x"].departs


def test_an_error_departs_from_every_expectation(store, profile):
    broken = criterion("broken", reading("broken", "raise"), expected=Verdict.SEEN_HERE)
    found = computed(store, profile, claim("x", broken))["x.broken"]
    assert found.departs
    assert tally([found]).errors == (found,)


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({}, ""),
        ({"broken": cells("broken", "raise")}, "noise is pooled without broken: no result"),
        ({"nan": cells("nan")}, "noise is pooled without nan: no result"),
    ],
)
def test_a_companion_that_failed_lends_no_noise_and_no_fault(store, profile, more, note):
    unfinished = {cells("nan")(profile, seed).key for seed in profile.seeds}

    def level(result):
        return float("nan") if result.key in unfinished else float(result.arrays["value"])

    companions = {name: cells(name) for name in ("high", "low", "edge")}
    pooled = PerSeed((cells("high"),), level, companions=companions | more, level=level)
    found = computed(store, profile, claim("pooled", criterion("pooled", pooled)))["pooled.pooled"]
    assert found.verdict is Verdict.SEEN_HERE
    assert found.observed.note == note
    assert found.observed.pooled.groups == 3


def test_nothing_is_pooled_from_one_method_or_one_seed(store, profile):
    def observed(seeds, companions):
        own = PerSeed((cells("high"),), lambda _: 0.3, companions=companions, level=lambda _: 0.3)
        asked = profile.with_seeds(seeds)
        return computed(store, asked, claim("x", criterion("x", own)))["x.x"].observed

    both = {name: cells(name) for name in ("high", "low")}
    assert observed(1, both).pooled is None
    assert observed(2, {"high": cells("high")}).pooled is None
    assert observed(2, both).pooled is not None


# -------------------------------------------------------------------------------------------------- plans


def test_a_plan_names_what_it_cannot_do_and_does_the_rest(store, profile):
    made = plan([FAULTY, IMPOSSIBLE], profile, store)
    assert dict(made.impossible) == {
        "faulty.lacking": "toy.toml: networks: cait lacks the key 'recipe': add it to the profile",
        "impossible.network": "profile toy has no network for 'swin'",
    }
    labels = {str(step.cell).partition(",")[0] for step in made.to_run}
    assert labels == {"broken", "high", "low"}, "a control is computed even if the evidence cannot be"


def test_shared_cells_are_planned_once_with_everything_they_feed(store, profile):
    made = plan([SOUND], profile, store)
    assert len(made.steps) == 2 * len(profile.seeds)
    feeds = {str(step.cell): step.feeds for step in made.steps}
    assert feeds["high, seed 0"] == {"sound.holds"}
    assert feeds["low, seed 0"] == {"sound.holds", "sound.fails"}


def test_what_is_done_is_cached_unless_asked_otherwise(store, profile):
    computed(store, profile, SOUND, FAULTY)
    total = len(plan([SOUND, FAULTY], profile, store).steps)
    failed = len(profile.seeds)
    assert len(plan([SOUND, FAULTY], profile, store).to_run) == failed
    assert len(plan([SOUND, FAULTY], profile, store, cache=CachePolicy.ALWAYS).to_run) == total
    assert len(plan([SOUND, FAULTY], profile, store, cache=CachePolicy.NEVER).to_run) == 0


def test_the_time_left_follows_from_finished_cells_of_the_same_study(store, profile):
    fresh = plan([SOUND], profile, store)
    assert estimate(fresh, profile, workers=2).seconds is None
    assert estimate(fresh, profile, workers=2).unknown == ("fake_studies.single",)
    computed(store, profile.with_seeds(2), SOUND)
    made = plan([SOUND], profile, store)
    assert len(made.to_run) == 4
    for step in made.steps:  # finished cells took six seconds each
        step.state = replace(step.state, seconds=6.0)
    assert estimate(made, profile, workers=2).seconds == pytest.approx(4 * 6.0 / 2)
    assert estimate(made, profile, workers=None).seconds == pytest.approx(4 * 6.0)
    seconds, weight = measured_costs(made.steps)["fake_studies.single"]
    assert weight == 4
    assert seconds >= 0
