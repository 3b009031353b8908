"""Study *measure* on a folder: every image once, those that cannot be read by name, and a kill that changes nothing."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys

import numpy as np
import pytest
import torch
from photographs import class_folders, truncate
from study_cells import Killed, arrays, assert_equal, compute, probing

from suite.data.choice import _choose, _digest, choose, digest
from suite.data.loader import batches, resolve_transform
from suite.evidence.store import Store
from suite.measure.stream import LayerStream
from suite.models import layer_tokens
from suite.models.pretrained import load_network
from suite.run.execute import Outcome, execute
from suite.studies import measure

NETWORK = {
    "timm": "cait_s24_224",
    "overrides": {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2, "init_values": 0.5},
}
DATA = {"preset": "all", "transform": "model"}
BATCH, SKIPPED = 4, ("bee/001.JPEG", "cat/003.JPEG")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirteen images, two of which cannot be read."""
    root = class_folders(tmp_path_factory.mktemp("images"), each=4)
    class_folders(root, classes=("dog",), each=1)
    truncate(root / SKIPPED[0])
    (root / SKIPPED[1]).write_bytes(b"")
    return root


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _choose.cache_clear()
    _digest.cache_clear()


def cell(folder, **changes):
    spec = {
        "network": NETWORK,
        "data": DATA | {"digest": digest(str(folder), DATA)},
        "measure": {"batch": BATCH, "groups": 3},
    }
    local = {"images": str(folder), "role": "cait"}
    return probing(spec | changes, seed=0, local=local, group="the folder")


@pytest.fixture(scope="module")
def measured(folder, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("evidence"))
    assert set(compute(store, cell(folder)).values()) == {Outcome.DONE}
    return store


def test_the_arrays_are_those_of_the_images_that_could_be_read(measured, folder, tmp_path):
    """Computed again by the parts themselves, all readable images in one list."""
    result = measured.read(cell(folder))
    found = arrays(measured, cell(folder))
    assert int(found["images_read"]) == len(found["image_names"]) == found["magnitude"].shape[1] == 11
    assert int(found["images_skipped"]) == 2
    assert tuple(found["skipped_names"]) == SKIPPED
    assert not set(SKIPPED) & set(found["image_names"])
    assert [record["skipped"] for record in result.metrics] == list(SKIPPED)
    assert "truncated" in result.metrics[0]["reason"].lower()
    assert f"skipped {SKIPPED[0]}: " in (result.folder / "log.txt").read_text()
    assert found["grouped.amplitude.01"].shape == (3, 16)
    loaded = load_network(NETWORK, seed=0)
    assert (str(found["weights_origin"]), str(found["weights_digest"])) == ("as initialised", loaded.digest)
    config = resolve_transform("model", loaded.model.pretrained_cfg, NETWORK["overrides"])
    with LayerStream(seed=0, spill=tmp_path, groups=3) as stream, torch.inference_mode():
        for batch in batches(choose(str(folder), DATA), config, batch=BATCH):
            stream.update(layer_tokens(loaded.model, batch.pixels))
        expected = stream.finish()
    assert_equal({name: found[name] for name in expected}, expected)


def test_the_transform_and_the_choice_matter(measured, folder):
    store, first = measured, arrays(measured, cell(folder))
    for changes in ({"transform": "distillation_dynamics"}, {"preset": "first_of_each_class"}):
        data = DATA | changes
        other = cell(folder, data=data | {"digest": digest(str(folder), data)})
        compute(store, other)
        assert arrays(store, other)["magnitude"].tobytes() != first["magnitude"].tobytes()


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_pass_that_is_stopped_goes_on_where_it_stopped(measured, folder, tmp_path, monkeypatch, after):
    monkeypatch.setattr(measure, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(measure, "CHECKPOINT_SHARE", 1e9)
    store, said = Store(tmp_path / "evidence"), []

    def stop(_key, _fraction, text):
        said.append(text)
        if text.startswith(f"{min(BATCH * after, 13)} of "):
            raise Killed

    with pytest.raises(Killed):
        compute(store, cell(folder), report=stop)
    said.clear()
    compute(store, cell(folder), report=lambda _key, _fraction, text: said.append(text))
    assert f"goes on after {BATCH * after} of 13 images" in said
    assert f"{BATCH} of 13 images" not in said
    assert_equal(arrays(store, cell(folder)), arrays(measured, cell(folder)))
    assert not list((tmp_path / "evidence").rglob("checkpoints"))


def killed_by_signal(root, asked, after):
    """Compute the cell with a checkpoint after every batch, and die of SIGKILL at the n-th."""
    measure.CHECKPOINT_SECONDS, measure.CHECKPOINT_SHARE = 0.0, 1e9

    def report(_key, _fraction, text):
        if text.startswith(f"{BATCH * after} of "):
            os.kill(os.getpid(), signal.SIGKILL)

    execute(Store(root), asked.parts, device="cpu", report=report)


def test_a_killed_process_loses_at_most_what_it_did_since_its_last_checkpoint(measured, folder, tmp_path):
    context = multiprocessing.get_context("spawn")
    asked = cell(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        process = context.Process(target=killed_by_signal, args=(tmp_path / "evidence", asked, 2))
        process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    store, said = Store(tmp_path / "evidence"), []
    assert store.state(asked.key).word == "partial"
    compute(store, asked, report=lambda _key, _fraction, text: said.append(text))
    assert "goes on after 8 of 13 images" in said
    assert_equal(arrays(store, asked), arrays(measured, asked))


@pytest.mark.parametrize("harm", ["features", "other features", "stream", "progress", "weights"])
def test_a_checkpoint_that_is_of_no_use_only_costs_the_time(measured, folder, tmp_path, monkeypatch, harm):
    monkeypatch.setattr(measure, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(measure, "CHECKPOINT_SHARE", 1e9)
    store = Store(tmp_path / "evidence")

    def stop(_key, _fraction, text):
        if text.startswith("8 of "):
            raise Killed

    with pytest.raises(Killed):
        compute(store, cell(folder), report=stop)
    first = min(part.key for part in cell(folder).parts)
    checkpoints = store.root / "partial" / first / "checkpoints"
    (stream,) = checkpoints.glob("stream-*.pt")
    if harm == "features":
        os.truncate(next(checkpoints.rglob("layer-*")), 10)
    elif harm == "other features":  # as long as they were: nothing but a checksum tells
        path = next(checkpoints.rglob("layer-*"))
        path.write_bytes(path.read_bytes()[:100] + b"\0" * 400 + path.read_bytes()[500:])
    elif harm == "stream":
        os.truncate(stream, 10)
    elif harm == "progress":
        (checkpoints / "progress.json").write_text("{")
    else:
        text = (checkpoints / "progress.json").read_text()
        (checkpoints / "progress.json").write_text(text.replace('"weights": "', '"weights": "other '))
    said = []
    compute(store, cell(folder), report=lambda _key, _fraction, text: said.append(text))
    assert any(text.startswith("the pass starts again: ") for text in said), said
    assert_equal(arrays(store, cell(folder)), arrays(measured, cell(folder)))


def test_images_of_which_none_can_be_read_are_a_failed_cell(tmp_path):
    root = class_folders(tmp_path / "images", classes=("ant",), each=2)
    for path in root.rglob("*.JPEG"):
        truncate(path)
    store, asked = Store(tmp_path / "evidence"), cell(root)
    assert set(compute(store, asked).values()) == {Outcome.FAILED}
    detail = store.state(asked.key).detail
    assert detail.startswith("none of the 2 images can be read; ant/000.JPEG: ")


def test_images_that_change_between_plan_and_pass_are_not_measured(tmp_path):
    root = class_folders(tmp_path / "images", classes=("ant",), each=2)
    asked = cell(root)
    truncate(root / "ant" / "001.JPEG")
    _digest.cache_clear()
    store, said = Store(tmp_path / "evidence"), []
    outcomes = compute(store, asked, report=lambda _key, _fraction, text: said.append(text))
    assert set(outcomes.values()) == {Outcome.KILLED}
    assert f"stopped: the images in {root} changed since the run was planned: start it again" in said


def away(root):
    root.rename(root.with_name("away"))


def back(root):
    root.with_name("away").rename(root)


def another(root):
    path = root / "cat" / "000.JPEG"
    path.with_name("kept").write_bytes(path.read_bytes())
    path.write_bytes(b"something else")


def put_back(root):
    (root / "cat" / "kept").replace(root / "cat" / "000.JPEG")


@pytest.mark.parametrize(
    ("happen", "mend", "words"), [(away, back, "cannot be read"), (another, put_back, "is not what it was")]
)
def test_a_disk_that_goes_away_during_a_pass_becomes_no_evidence(measured, folder, tmp_path, happen, mend, words):
    """The image and the folder are named, nothing is sealed, and the pass goes on once all is as it was."""
    root = tmp_path / "images"
    shutil.copytree(folder, root)
    asked, store, said = cell(root), Store(tmp_path / "evidence"), []

    def watch(_key, _fraction, text):
        said.append(text)
        if text.startswith("8 of ") and said.count(text) == 1:
            happen(root)

    assert set(compute(store, asked, report=watch).values()) == {Outcome.KILLED}
    (why,) = {text for text in said if text.startswith("stopped: ")}
    assert why.startswith(f"stopped: cat/000.JPEG in {root} {words}")
    assert store.state(asked.key).word == "partial"
    mend(root)
    said.clear()
    assert set(compute(store, asked, report=watch).values()) == {Outcome.DONE}
    assert "goes on after 8 of 13 images" in said
    assert_equal(arrays(store, asked), arrays(measured, cell(folder)))


def test_how_many_images_of_what_is_said_when_a_pass_begins(measured, folder):
    log = (measured.read(cell(folder)).folder / "log.txt").read_text()
    assert f"13 images of 4 classes from {folder}" in log


def test_memory_does_not_hold_the_features(folder, tmp_path, monkeypatch):
    """What is kept of an image is smaller than one of its layers."""
    sizes = []
    save = measure.Pass._save

    def weigh(progress):
        save(progress)
        sizes.append(next(progress._folder.glob("stream-*.pt")).stat().st_size)

    monkeypatch.setattr(measure, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(measure, "CHECKPOINT_SHARE", 1e9)
    monkeypatch.setattr(measure.Pass, "_save", weigh)
    compute(Store(tmp_path), cell(folder, network=NETWORK | {"overrides": NETWORK["overrides"] | {"patch_size": 2}}))
    per_image = np.diff(sizes).max() / BATCH
    assert 0 < per_image < 16 * 16 * 16 * 4
