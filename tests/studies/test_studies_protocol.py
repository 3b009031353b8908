"""Every study that a shipped profile asks for keeps to the protocol."""

import pytest

from suite import catalog, profile
from suite.assess import open_evidence
from suite.run.execute import _study
from suite.run.plan import CachePolicy, plan
from suite.session import Session


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("desk", {"train", "measure", "super_resolution"}),
        ("desk-long", {"train", "measure"}),
        ("desk-equal", {"train", "train_at_weight"}),
        ("smoke", {"train", "measure", "super_resolution"}),
    ],
)
def test_every_study_that_is_asked_for_can_be_run(name, expected, tmp_path):
    assert name in profile.names()
    evidence = open_evidence(Session(profile=name, evidence=str(tmp_path), seeds=1))
    made = plan(catalog.discover(), evidence.profile, evidence.store, cache=CachePolicy.ONLY_MISSING)
    studies = {step.cell.study for step in made.to_run}
    assert studies >= expected
    for study in studies:
        _study(study)
