"""Evidence that comes with the claims: small, whole, and still giving the verdicts that are expected of it."""

from __future__ import annotations

import pytest

from suite import catalog
from suite.assess import Evidence, assess, shipped_beside, tally
from suite.evidence.store import Store
from suite.judge import Verdict
from suite.profile import load

LARGEST = 5 * 2**20  # bytes: what a clone may cost everybody
BUNDLES = catalog.bundles()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("nothing-of-our-own"))


def test_there_is_some():
    assert "desk-long.tar.gz" in [bundle.name for bundle in BUNDLES]


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_it_is_small_and_judged_without_computing(bundle, store):
    assert bundle.stat().st_size <= LARGEST
    found = shipped_beside(Evidence(load("desk"), store), bundle)
    judged = assess(catalog.discover(), found)
    computed = [one for one in judged if one.cells]
    assert computed
    assert not tally(judged).departures
    assert not tally(judged).errors
    assert all(one.origin.startswith(f"{bundle.name}, ") for assessment in computed for one in assessment.cells)
    left_out = [one for one in judged if one.verdict is Verdict.NOT_RUN]
    assert all("leaves" in one.judgement.reason for one in left_out), "all that its profile asks for is in it"
    assert not store.keys(), "nothing was written among our own cells"
