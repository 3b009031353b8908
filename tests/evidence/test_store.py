"""Cells on disk: what is written is read; what is damaged is named and never read; what failed never counts."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
from fake_studies import make
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import SuiteError
from suite.evidence.disk import Unwritable
from suite.evidence.store import SEAL, Damaged, Failed, Missing, Store

ARRAYS = {"accuracy": np.float64(93.5), "layers": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "b"])}
METRICS = [{"epoch": 0, "loss": 2.5}, {"epoch": 1, "loss": 1.25, "note": None}]


def written(store, cell, arrays=ARRAYS, metrics=METRICS):
    draft = store.begin(cell)
    (draft.folder / "more").mkdir()
    (draft.folder / "more" / "weights.bin").write_bytes(bytes(range(256)))
    (draft.checkpoints / "state.bin").write_bytes(b"only to resume")
    draft.log("halfway")
    draft.finish(arrays, metrics, seconds=1.5, device="cpu")
    return cell.key


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "evidence")


def test_what_is_written_is_read(store):
    cell = make("a", seed=3)
    written(store, cell)
    result = Store(store.root).read(cell)
    assert set(result.arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(result.arrays[name], array)
    assert list(result.metrics) == METRICS
    assert result.seconds == 1.5
    assert {"libraries", "device", "commit", "python", "system", "processor"} <= set(result.environment)
    record = json.loads((result.folder / "cell.json").read_text())
    assert record["spec"] == cell.spec
    assert (record["seed"], record["code"], record["study"]) == (3, "c0de", cell.study)
    assert "halfway" in (result.folder / "log.txt").read_text()
    assert not (result.folder / "checkpoints").exists()
    assert (result.folder / "more" / "weights.bin").read_bytes() == bytes(range(256))
    assert store.state(cell.key).word == "done"


def test_numpy_numbers_are_metrics_too(store):
    cell = make("a")
    written(store, cell, metrics=[{"loss": np.float32(0.5), "step": np.int64(3)}])
    assert list(store.read(cell).metrics) == [{"loss": 0.5, "step": 3}]


def test_an_array_that_is_not_there_is_named(store):
    cell = make("a")
    written(store, cell)
    with pytest.raises(KeyError, match="no array 'acuracy'; it has accuracy, layers, names"):
        store.read(cell).arrays["acuracy"]


def test_nothing_is_missing(store):
    cell = make("a")
    assert store.state(cell.key).word == "missing"
    with pytest.raises(Missing, match="cell 'a' is not computed"):
        store.read(cell)
    assert store.keys() == []


def test_a_failed_cell_is_kept_and_never_read(store):
    cell = make("a")
    store.begin(cell).fail("Traceback ...\nValueError: loss is nan", seconds=2, device="cpu")
    assert store.state(cell.key).word == "failed"
    assert store.state(cell.key).detail == "ValueError: loss is nan"
    with pytest.raises(Failed, match="cell 'a' failed: ValueError: loss is nan"):
        store.read(cell)
    assert "Traceback" in (store.folder(cell.key) / "log.txt").read_text()


def test_failures_are_kept_aside_whatever_is_deleted_between(store):
    cell = make("a")
    for attempt in range(3):
        store.begin(cell).fail(f"fault {attempt}", seconds=1, device="cpu")
    shutil.rmtree(store.root / "failed" / f"{cell.key}.0")  # the next free number is 0, not 1
    store.begin(cell).fail("fault 3", seconds=1, device="cpu")
    written(store, cell)
    kept = sorted((store.root / "failed").iterdir())
    reasons = {path.name.rpartition(".")[2]: json.loads((path / SEAL).read_text())["error"] for path in kept}
    assert reasons == {"0": "fault 2", "1": "fault 1", "2": "fault 3"}
    assert store.state(cell.key).word == "done"


def test_a_metric_that_is_no_number_is_named_before_anything_is_written(store):
    draft = store.begin(make("a"))
    with pytest.raises(SuiteError, match="metric 'loss' of record 2 is nan: a metric is a finite number"):
        draft.finish({}, [{"loss": 1.0}, {"loss": float("nan")}], seconds=1, device="cpu")
    with pytest.raises(SuiteError, match="metric 'model' of record 1 is <object"):
        draft.finish({}, [{"model": object()}], seconds=1, device="cpu")
    with pytest.raises(SuiteError, match="array 'zoo' holds Python objects"):
        draft.finish({"zoo": np.array([object()])}, [], seconds=1, device="cpu")
    assert store.keys() == []


# -------------------------------------------------------------------------------------------------- damage

DAMAGES = {
    "truncated": (lambda f: os.truncate(f / "arrays.npz", 10), r"arrays.npz has 10 of \d+ bytes"),
    "edited": (
        lambda f: (f / "metrics.jsonl").write_text((f / "metrics.jsonl").read_text().replace("2.5", "1.5")),
        "metrics.jsonl was changed after it was written",
    ),
    "edited below": (lambda f: (f / "more" / "weights.bin").write_bytes(bytes(256)), "more/weights.bin was changed"),
    "edited record": (
        lambda f: (f / "cell.json").write_text((f / "cell.json").read_text().replace('"seed": 0', '"seed": 1')),
        "cell.json was changed",
    ),
    "gone": (lambda f: (f / "arrays.npz").unlink(), "arrays.npz is gone"),
    "no seal": (lambda f: (f / SEAL).unlink(), "it has no seal"),
    "empty seal": (lambda f: (f / SEAL).write_text(""), "its seal cannot be read"),
    "binary seal": (lambda f: (f / SEAL).write_bytes(b"\xff\xfe"), "its seal cannot be read"),
    "list for a seal": (lambda f: (f / SEAL).write_text("[]"), "its seal is not one"),
    "seal of another status": (
        lambda f: (f / SEAL).write_text((f / SEAL).read_text().replace('"failed"', '"done"')),
        "its seal was edited",
    ),
    "seal with NaN": (
        lambda f: (f / SEAL).write_text((f / SEAL).read_text().replace('"seconds": 1.5', '"seconds": NaN')),
        "its seal was edited",
    ),
    "seal without sum": (lambda f: (f / SEAL).write_text('{"format": 1, "files": {}}'), "its seal was edited"),
    "another format": (
        lambda f: (f / SEAL).write_text((f / SEAL).read_text().replace('"format": 1', '"format": 2')),
        "it has format 2, this program reads 1",
    ),
    "folder for a file": (
        lambda f: ((f / "arrays.npz").unlink(), (f / "arrays.npz").mkdir()),
        "arrays.npz is gone",
    ),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_damage_is_named_in_one_line_and_never_read(store, how):
    damage, expected = DAMAGES[how]
    cell = make("a")
    if how == "seal of another status":
        store.begin(cell).fail("boom", seconds=1.5, device="cpu")
    else:
        written(store, cell)
    damage(store.folder(cell.key))
    fresh = Store(store.root)
    with pytest.raises(Damaged, match=expected) as caught:
        fresh.read(cell)
    line = str(caught.value)
    assert "\n" not in line
    assert cell.key in line
    assert "run it again" in line
    assert fresh.state(cell.key).word == "damaged"
    assert fresh.state(cell.key).detail == line


def test_a_file_where_a_cell_should_be_is_damage(store):
    cell = make("a")
    store.folder(cell.key).parent.mkdir(parents=True)
    store.folder(cell.key).write_text("not a folder")
    assert store.state(cell.key).word == "damaged"
    written(store, cell)
    assert store.state(cell.key).word == "done"


def test_a_swapped_folder_is_another_cell(store):
    one, two = make("one"), make("two")
    written(store, one)
    written(store, two)
    shutil.rmtree(store.folder(one.key))
    store.folder(two.key).rename(store.folder(one.key))
    with pytest.raises(Damaged, match=f"the folder holds cell {two.key}"):
        store.read(one)


def test_a_damaged_cell_is_kept_aside_and_computed_again(store):
    cell = make("a")
    written(store, cell)
    os.truncate(store.folder(cell.key) / "arrays.npz", 10)
    written(store, cell)
    assert store.read(cell).arrays["accuracy"] == 93.5
    assert (store.root / "failed" / f"{cell.key}.0" / "arrays.npz").stat().st_size == 10


@given(data=st.data())
def test_no_byte_of_a_cell_can_change_unseen(tmp_path_factory, data):
    store = Store(tmp_path_factory.mktemp("evidence"))
    cell = make("a")
    written(store, cell, arrays={"x": np.arange(3)}, metrics=[{"loss": 1.0}])
    files = sorted(path for path in store.folder(cell.key).rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files), label="file")
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1), label="byte")
    content[place] ^= data.draw(st.integers(1, 255), label="flipped")
    path.write_bytes(content)
    state = Store(store.root).state(cell.key)
    if state.word == "done":  # only where the seal says the same in other bytes: "\t" for " ", 1.5e0 for 1.5e0 ...
        assert path.name == SEAL
        assert (state.detail, state.seconds) == ("", 1.5)
        np.testing.assert_array_equal(Store(store.root).read(cell).arrays["x"], np.arange(3))
    else:
        assert state.word == "damaged"
        with pytest.raises(Damaged):
            Store(store.root).read(cell)


# -------------------------------------------------------------------------------------------------- resuming


def test_what_a_killed_attempt_left_is_swept_but_for_checkpoints_and_log(store):
    cell = make("a")
    left = store.begin(cell)
    left.log("first attempt")
    (left.checkpoints / "state.bin").write_bytes(b"epoch 7")
    (left.folder / "weights.bin").write_bytes(b"half writ")
    (left.folder / "figures").mkdir()
    (left.folder / "figures" / "one.png").write_bytes(b"x")
    assert store.state(cell.key).word == "partial"
    draft = Store(store.root).begin(cell)
    assert sorted(path.name for path in draft.folder.iterdir()) == ["checkpoints", "log.txt"]
    assert (draft.checkpoints / "state.bin").read_bytes() == b"epoch 7"
    draft.finish(ARRAYS, [], seconds=1, device="cpu")
    assert "first attempt" in (store.folder(cell.key) / "log.txt").read_text()


def test_checkpoints_outlive_results_that_cannot_be_written(store):
    cell = make("a")
    draft = store.begin(cell)
    (draft.checkpoints / "state.bin").write_bytes(b"days of work")
    (draft.folder / "cell.json.draft").symlink_to("/dev/full")
    with pytest.raises(Unwritable, match="is full: free space and run the same command again"):
        draft.finish(ARRAYS, [], seconds=1, device="cpu")
    assert (Store(store.root).begin(cell).checkpoints / "state.bin").read_bytes() == b"days of work"


def test_a_cell_sealed_but_not_moved_is_recovered(store):
    cell = make("a")
    draft = store.begin(cell)
    draft._publish = lambda _key: None  # killed right here
    draft.finish(ARRAYS, METRICS, seconds=1, device="cpu")
    assert store.state(cell.key).word == "partial"
    store.recover(cell.key)
    assert store.read(cell).arrays["accuracy"] == 93.5
    assert not (store.root / "partial" / cell.key).exists()


def test_a_draft_without_a_whole_seal_is_not_recovered(store):
    cell = make("a")
    store.recover(cell.key)  # nothing there
    draft = store.begin(cell)
    draft._publish = lambda _key: None
    draft.finish(ARRAYS, METRICS, seconds=1, device="cpu")
    os.truncate(draft.folder / "arrays.npz", 10)
    store.recover(cell.key)
    assert store.state(cell.key).word == "partial"


def test_a_reader_never_keeps_what_was_computed_again(store):
    cell = make("a")
    written(store, cell)
    assert store.read(cell).arrays["accuracy"] == 93.5
    written(store, cell, arrays={"accuracy": np.float64(50.0)})
    assert store.read(cell).arrays["accuracy"] == 50.0


# -------------------------------------------------------------------------------------------------- locks, folders


def test_one_holds_a_cell_and_the_other_is_told(store):
    other = Store(store.root)
    with store.lock("key") as mine:
        assert mine
        with other.lock("key") as theirs:
            assert not theirs
        with other.lock("another") as theirs:
            assert theirs
    with other.lock("key") as theirs:
        assert theirs


def test_evidence_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file")
    for attempt in (lambda: store.lock("key").__enter__(), lambda: store.begin(make("a"))):
        with pytest.raises(Unwritable, match=r"cannot write evidence to .*file \(.*\): name another folder") as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_garbage_is_what_nobody_asks_for(store):
    cells = [make(name) for name in "abcd"]
    keep, drop, kept_draft, lost_draft = cells
    written(store, keep)
    written(store, drop)
    store.begin(kept_draft)
    store.begin(lost_draft)
    store.begin(keep).fail("old", seconds=1, device="cpu")
    written(store, keep)
    unwanted = store.garbage({keep.key, kept_draft.key})
    named = {f"{path.parent.name}/{path.name}" for path in unwanted}
    assert named == {
        f"cells/{drop.key}",
        f"partial/{lost_draft.key}",
        f"failed/{keep.key}.0",
        f"failed/{keep.key}.1",
    }
    with Store(store.root).lock(lost_draft.key):
        number, size = store.delete(unwanted)
    assert number == 3
    assert size > 0
    assert store.state(keep.key).word == "done"
    assert store.state(kept_draft.key).word == "partial"
    assert store.state(lost_draft.key).word == "partial"  # somebody computes it
    assert store.keys() == [keep.key]
    assert store.delete(store.garbage({keep.key, kept_draft.key, lost_draft.key}))[0] == 0


def test_a_deletion_that_was_interrupted_is_finished_by_the_next(store):
    cell = make("a")
    written(store, cell)
    left = store.root / "failed" / f"{cell.key}.deleted"
    left.mkdir(parents=True)
    (left / "junk").write_text("x")
    assert store.delete(store.garbage(set()))[0] >= 1
    assert store.garbage(set()) == []
