"""Every claim can be asked of every profile that comes with the suite: it is planned, or not run with a reason."""

from __future__ import annotations

import re

import pytest
import torch
from photographs import class_folders

from suite import profile as profiles
from suite.assess import Evidence, assess
from suite.catalog import discover
from suite.data import choice, sets
from suite.errors import Unavailable
from suite.evidence.store import Store
from suite.judge import Verdict
from suite.run.garbage import asked_for
from suite.sections import EMBEDDED
from suite.show.figures.drawing import sketch_of

CLAIMS = discover()
SYNSETS = ("n01440764", "n01443537", "n01484850")
ACTIONS = re.compile(
    r"python -m suite|pass --|--profile|--images|--released|profile \S+ has no|pip install|is built from|not asked|"
    r"unverifiable|to a wider one|never released|were given|no second one"
)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder of images for each purpose, and a file of weights that any network may be given."""
    root = tmp_path_factory.mktemp("given")
    for part, each in (("train", 2), ("validation", 2)):
        class_folders(root / "images" / part, classes=SYNSETS, each=each)
    torch.save({"weight": torch.zeros(1)}, root / "weights.pth")
    return root


@pytest.fixture(params=["nothing given", "images given", "images and weights given"])
def options(request, given, tmp_path, monkeypatch):
    """What a session is started with: a function of the profile's name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for cached in (choice._choose, choice._digest, sets.opened, sets.digest):
        cached.cache_clear()

    def of(name):
        if request.param == "nothing given":
            return {}
        images = {"images": str(given / "images")}
        if request.param == "images given":
            return images
        return images | {"weights": dict.fromkeys(profiles.load(name).networks, given / "weights.pth")}

    return of


@pytest.mark.parametrize("name", profiles.names())
def test_no_claim_is_ever_an_error_and_every_reading_is_planned_or_says_why_not(name, options, tmp_path):
    profile = profiles.load(name, **options(name))
    evidence = Evidence(profile, Store(tmp_path / "evidence"))
    found = assess(CLAIMS, evidence)
    assert found
    errors = {one.name: one.judgement.reason for one in found if one.verdict is Verdict.ERROR}
    assert not errors
    for one in found:
        if one.verdict is Verdict.NOT_RUN:
            assert ACTIONS.search(one.judgement.reason), (one.name, one.judgement.reason)
        assert drawn(one, evidence) in (True, one.judgement.reason)
    plans = [planned(reading, profile) for reading in readings(profile)]
    assert not [plan for plan in plans if isinstance(plan, str) and not ACTIONS.search(plan)]
    if profile.sections.get("data", {}).get("source") in EMBEDDED:
        left = [plan for plan in plans if isinstance(plan, str) and "to a wider one" not in plan]
        assert not left, "what comes with the suite can always be computed"


def readings(profile):
    for claim in CLAIMS:
        for criterion in claim.criteria:
            if criterion.asked_at(profile):
                controls = (*criterion.negative_controls, *criterion.positive_controls)
                yield from (criterion.evidence, *(control.evidence for control in controls))


def drawn(assessment, evidence):
    """Whether the figure of a criterion can be drawn, or why it cannot be."""
    try:
        return sketch_of(assessment, evidence).caption != ""
    except Unavailable as reason:
        return str(reason)


def planned(reading, profile):
    """How many cells, or why there are none."""
    try:
        return len(list(reading.cells(profile)))
    except Unavailable as reason:
        return str(reason)


def test_what_no_profile_needs_can_be_told_on_any_machine(tmp_path, monkeypatch):
    """``gc`` is given neither images nor weights."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    store = Store(tmp_path / "evidence")
    assert asked_for(CLAIMS, [], [profiles.load(name) for name in profiles.names()], store)
