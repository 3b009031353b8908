"""Every claim on released files is well formed, and every verdict as expected."""

from importlib import import_module
from pathlib import Path

import pytest
from made_releases import judge

from suite import catalog, profile
from suite.assess import Evidence
from suite.claim import NeverReleased, Released
from suite.evidence.store import Store
from suite.judge import Verdict

CLAIMS = [claim for claim in catalog.discover() if claim.key.startswith("released_")]
CRITERIA = [pytest.param(claim, c, id=f"{claim.key}.{c.key}") for claim in CLAIMS for c in claim.criteria]


def test_all_findings_are_there():
    assert [claim.key for claim in CLAIMS] == [
        "released_cait_swin",
        "released_headline_effects",
        "released_late_layer",
        "released_log_integrity",
        "released_mae_teacher",
        "released_rank_gap",
        "released_rivals",
        "released_spectral_gain",
        "released_student_u_shape",
        "released_training_length",
    ]


@pytest.mark.parametrize(("claim", "criterion"), CRITERIA)
def test_a_criterion_is_asked_of_released_files_alone_and_registered(claim, criterion):
    assert criterion.needs == ("released",)
    assert set(criterion.expected) == {"released"}
    expected = criterion.expected["released"]
    assert expected.because
    assert criterion.because
    assert criterion.published
    never = isinstance(criterion.evidence, NeverReleased)
    assert never == (expected.verdict is Verdict.UNVERIFIABLE)
    assert bool(criterion.negative_controls or criterion.control_free) != never
    assert isinstance(criterion.evidence, Released | NeverReleased)
    assert f"-k {claim.key[:12]}" in import_module(f"claims.{claim.key}").__doc__


def test_the_profile_is_of_published_scope_and_runs_no_network():
    loaded = profile.load("released")
    assert loaded.scope == "published"
    assert loaded.seeds == (0,)
    assert not loaded.networks
    assert len(loaded.deviations) == 3


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.key)
def test_every_verdict_is_as_expected_without_any_file(claim):
    for assessment in judge(claim).values():
        assert not assessment.departs, f"{assessment.name}: {assessment.verdict}, {assessment.judgement.reason}"


@pytest.mark.parametrize(("claim", "criterion"), CRITERIA)
def test_what_must_be_seen_is_seen_with_the_released_figures(claim, criterion):
    access = Evidence(profile.load("released"), Store(Path("no-store")))
    for control in criterion.positive_controls:
        observed = control.evidence.observe(access)
        half = 1.96 * (observed.standard_error or 0.0)
        assert criterion.region.contains(observed.values[0] - half, observed.values[0] + half), control.key
    never = isinstance(criterion.evidence, NeverReleased)
    assert never or criterion.positive_controls or criterion.control_free
