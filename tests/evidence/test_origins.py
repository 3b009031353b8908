"""Origins that disagree stand side by side, each judged on its own runs alone."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1] / "show"))

import synthetic as made

from suite.assess import Evidence
from suite.evidence.bundles.bundle import open_bundle
from suite.evidence.bundles.lent import Overlay
from suite.evidence.bundles.pack import pack
from suite.evidence.store import Store
from suite.judge import Verdict
from suite.origins import OURS, splits
from suite.show import origins
from suite.show.page import shared

CLAIM = made.claim()


def other(root, role, shift, seeds=made.PROFILE.seeds):
    """Somebody else's runs: those of one role came out otherwise."""
    store = Store(root)
    for seed in seeds:
        cell = made.measured(role)(made.PROFILE, seed)
        found = {"value": np.float64(made.value(role, seed) + shift)}
        store.begin(cell).finish(found, [], seconds=1.0, device="cpu")
    made.fill(store, [each for each in ("high", "higher", "low", "edge") if each != role])
    return store


@pytest.fixture
def evidence(tmp_path):
    """Ours, and two bundles: one of the same numbers, one that disagrees on what 'high' stands for."""
    mine = Store(tmp_path / "mine")
    made.fill(mine, ("high", "higher", "low", "edge"))
    stores = {"same.zip": mine, "other.zip": other(tmp_path / "theirs", "high", -0.3)}
    for name, store in stores.items():
        pack(tmp_path / name, store, store.keys(), [made.PROFILE], "python -m suite claims")
    bundles = [open_bundle(tmp_path / name, mine.root) for name in stores]
    return Evidence(made.PROFILE, mine, bundles=Overlay(mine, bundles))


def test_every_origin_is_judged_on_its_own_runs(evidence):
    found = splits([CLAIM], evidence)
    assert found
    high = next(split for split in found if split.by_origin[OURS].verdict is Verdict.SEEN_HERE)
    names = list(high.by_origin)
    assert [name.partition(",")[0] for name in names] == [OURS, "same.zip", "other.zip"]
    ours, same, theirs = high.by_origin.values()
    assert ours.judgement.interval == same.judgement.interval
    assert theirs.judgement.interval.high < ours.judgement.interval.low
    assert {result.origin.partition(",")[0] for result in theirs.cells} == {"other.zip"}
    assert {result.origin for result in ours.cells} == {""}


def test_equal_verdicts_disagree_where_their_intervals_do_not_meet(tmp_path, evidence):
    theirs = other(tmp_path / "lower", "low", -0.2)
    pack(tmp_path / "lower.zip", theirs, theirs.keys(), [made.PROFILE], "python -m suite claims")
    bundle = open_bundle(tmp_path / "lower.zip", evidence.own.root)
    found = splits([CLAIM], Evidence(made.PROFILE, evidence.own, bundles=Overlay(evidence.own, [bundle])))
    assert any(len({one.verdict for one in split.by_origin.values()}) == 1 for split in found)


def test_they_are_shown_in_a_line_a_table_and_a_section(evidence):
    found = splits([CLAIM], evidence)
    line = origins.summary(found)
    assert line.startswith("Origins disagree, each judged alone: made_up.")
    assert "(ours: seen here; same.zip, sha256 " in line
    out = io.StringIO()
    Console(file=out, width=160).print(origins.table(found))
    assert out.getvalue().count("other.zip, sha256") == len(found)
    section = shared.disagreements(found)
    assert section.count("other.zip, sha256") == len(found)


def test_agreement_and_evidence_of_one_origin_say_nothing(tmp_path, evidence):
    assert splits([CLAIM], Evidence(made.PROFILE, evidence.own)) == []
    same = open_bundle(tmp_path / "same.zip", evidence.own.root)
    assert splits([CLAIM], Evidence(made.PROFILE, evidence.own, bundles=Overlay(evidence.own, [same]))) == []
    nothing = Store(tmp_path / "nothing")
    theirs = open_bundle(tmp_path / "other.zip", nothing.root)
    assert splits([CLAIM], Evidence(made.PROFILE, nothing, bundles=Overlay(nothing, [theirs]))) == []
    assert origins.summary([]) == ""
    assert shared.disagreements([]) is None
