"""What is said of the released students, on results of known truth: the set-up is blamed before the paper is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from photographs import class_folders
from released_files import write

from claims import lift_and_wide_last as module
from claims._accuracies import Better, right
from suite import profile as profiles
from suite.assess import Evidence, assess
from suite.evidence.cell import Result
from suite.evidence.store import Store
from suite.judge import Verdict

IMAGES = 50_000
TRUE = {role: known for role, (_, known) in module.KNOWN.items()} | module.PRINTED
COUNTS = {"lift": 5_983_528, "wide_last": 7_313_896, "deit_tiny": 5_717_416}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("place")
    class_folders(root / "images", classes=("n01440764", "n01443537"), each=2)
    return root, {role: write(root / f"{role}.pth", role) for role in ("lift", "wide_last")}


def made(percent, seed=0, images=IMAGES, **more):
    """A result with so many right answers; those of one seed are as alike as answers of two trainings."""
    order = np.random.default_rng(1).permutation(images).astype(float)
    order += np.random.default_rng(seed).normal(0, 0.2 * images, images)
    bits = np.zeros(images, bool)
    bits[np.argsort(order)[: round(percent * images / 100)]] = True
    arrays = {"correct": np.packbits(bits), "images": np.int64(images), "images_skipped": np.int64(0)}
    arrays |= {"skipped_names": np.array([], np.str_), "parameters": np.int64(0)}
    arrays |= {"weights_origin": np.str_("a file"), "weights_digest": np.str_("1234")}
    return Result("key", Path(), arrays | more, [], {}, 0.0)


class Made(Evidence):
    """Networks of known accuracy in the place of finished cells."""

    def __init__(self, profile, store, accuracies):
        super().__init__(profile, store)
        self.accuracies = accuracies

    def result(self, cell):
        state, role = cell.label.removeprefix("test ").partition(",")[0].split()
        seed = cell.seed + 10 * list(TRUE).index(role)
        if state == "untrained":
            return made(0.1, seed=100 + cell.seed)
        return made(self.accuracies[role], seed=seed, parameters=np.int64(COUNTS.get(role, 0)))


def judged(place, tmp_path, monkeypatch, **changes):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root, weights = place
    profile = profiles.load("released-weights", images=str(root / "images"), weights=weights)
    found = assess([module.CLAIM], Made(profile, Store(tmp_path / "evidence"), TRUE | changes))
    return {one.criterion.key: one.judgement for one in found}


def test_networks_as_printed_reproduce_it_and_the_count_is_contradicted(place, tmp_path, monkeypatch):
    found = judged(place, tmp_path, monkeypatch)
    word = {key: one.verdict for key, one in found.items()}
    assert word.pop("wide_last_parameters") is Verdict.CONTRADICTED
    assert set(word.values()) == {Verdict.REPRODUCED}
    assert list(found)[:6] == [f"set_up_{role}" for role in module.KNOWN], "the set-up is told first"
    leads = found["wide_last_leads"].interval
    assert leads.estimate == pytest.approx(0.70)
    assert 0.1 < leads.low < 0.7 < leads.high < 1.3


def test_where_networks_of_known_accuracy_miss_it_the_set_up_is_at_fault(place, tmp_path, monkeypatch):
    """All networks lose a point, as by another crop: nothing is held against the paper."""
    found = judged(place, tmp_path, monkeypatch, **{role: value - 1.0 for role, value in TRUE.items()})
    for role in ("lift", "wide_last"):
        assert found[f"{role}_top1"].verdict is Verdict.UNINFORMATIVE
        assert "positive control 'set_up_cait_s24'" in found[f"{role}_top1"].reason
    assert found["set_up_resnet101"].verdict is Verdict.CONTRADICTED
    control = next(one for one in module.CLAIM.criteria if one.key == "lift_top1").positive_controls[0]
    assert control.sentence.endswith("the set-up is at fault, not the paper.")


@pytest.mark.parametrize(("off", "verdict"), [(0.08, Verdict.REPRODUCED), (0.2, Verdict.CONTRADICTED)])
def test_the_paper_is_at_fault_only_where_the_set_up_is_not(place, tmp_path, monkeypatch, off, verdict):
    found = judged(place, tmp_path, monkeypatch, lift=77.53 - off)
    assert found["lift_top1"].verdict is verdict
    assert found["wide_last_top1"].verdict is Verdict.REPRODUCED


def test_a_lead_that_is_none_is_contradicted(place, tmp_path, monkeypatch):
    assert judged(place, tmp_path, monkeypatch, wide_last=77.0)["wide_last_leads"].verdict is Verdict.CONTRADICTED
    assert judged(place, tmp_path, monkeypatch, wide_last=77.7)["wide_last_leads"].verdict is Verdict.INCONCLUSIVE


class Pair:
    profile = type("P", (), {"seeds": (0,)})()

    def result(self, found):
        return found


def _better(one, other):
    return Better(lambda *_: one, lambda *_: other).observe(Pair())


def test_pairs_are_told_by_mcnemar_and_their_interval_is_as_wide():
    one, other = made(78.23, seed=1), made(77.53, seed=2)
    observed = _better(one, other)
    ours, theirs = right(one), right(other)
    up, down = (ours & ~theirs).sum(), (theirs & ~ours).sum()
    assert f"{up:,} are right with the first alone and {down:,} with the second alone" in observed.note
    points = 100 * (ours.astype(float) - theirs)
    assert observed.whole == pytest.approx(points.mean())
    spread = np.std([observed.values[n] for n in range(30)]) / (points.std() / np.sqrt(IMAGES))
    assert 0.5 < spread < 1.6, "halves scatter as the standard error says, with 14 degrees of freedom"
    assert len(_better(made(50.0, images=50), made(40.0, seed=3, images=50)).values) == 1


def test_networks_that_read_other_images_are_not_compared():
    other = made(70.0, skipped_names=np.array(["a.JPEG"]))
    with pytest.raises(ValueError, match="could read different ones"):
        _better(made(70.0), other)
