"""Study *accuracy* on fifty small images: right bits, a pass for each transform, a kill that changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from full_profile import load_profile, write_images
from photographs import class_folders, truncate
from released_files import LOGITS, random_state, write
from safetensors.torch import save_file
from study_cells import CAIT, Killed, assert_equal, compute, network

from suite import profile as profiles
from suite.data.choice import _choose, _digest, choose
from suite.data.loader import batches, resolve_transform
from suite.data.pictures import ImagesChanged
from suite.errors import Unavailable
from suite.evidence.store import Store
from suite.models.build import build
from suite.models.pretrained import load_network
from suite.models.released import EVALUATION
from suite.run.execute import Outcome, execute
from suite.studies import accuracy as study
from suite.studies.cells import accuracy

CLASSES = ("n01440764", "n01443537", "n01484850", "n01491361", "n01494475")  # the first five of ImageNet's
SKIPPED = ("n01443537/003.JPEG", "n01494475/009.JPEG")
PROFILE = """
scope = "published"
seeds = 1
sampling = "images"
summary = "small networks"
[data]
source = "images"
preset = "first_of_each_class"
transform = "model"
[measure]
batch = 16
[networks]
small = { timm = "deit_tiny_patch16_224.fb_in1k", pretrained = true, overrides = OVERRIDES }
same = { timm = "deit_tiny_patch16_224.fb_in1k", pretrained = true, overrides = OVERRIDES }
other = { timm = "cait_s24_224.fb_dist_in1k", pretrained = true, overrides = OVERRIDES }
lift = { timm = "released:lift" }
wide_last = { timm = "released:wide_last" }
""".replace("OVERRIDES", "{ img_size = 32, patch_size = 8, embed_dim = 16, depth = 2, num_heads = 2 }")
SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}
NAMES = {"small": "deit_tiny_patch16_224", "same": "deit_tiny_patch16_224", "other": "cait_s24_224"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Fifty images of five classes, two of which cannot be read."""
    root = class_folders(tmp_path_factory.mktemp("images"), classes=CLASSES, each=10)
    truncate(root / SKIPPED[0])
    (root / SKIPPED[1]).write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of weights of each network; those of the plain ones lean to classes that there are images of."""
    root = tmp_path_factory.mktemp("weights")
    for seed, (role, name) in enumerate(NAMES.items()):
        model = build({"timm": name, "overrides": SMALL}, seed=seed)
        model.head.weight.data[5:] = 0.0
        model.head.weight.data[:5] *= 30.0
        save_file(model.state_dict(), root / f"{role}.safetensors")
    found = {role: root / f"{role}.safetensors" for role in ("small", "same", "other")}
    return found | {role: write(root / f"{role}.pth", role) for role in ("lift", "wide_last")}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _choose.cache_clear()
    _digest.cache_clear()


@pytest.fixture
def profile(folder, files, tmp_path):
    (tmp_path / "mine.toml").write_text(PROFILE)
    return profiles.load(str(tmp_path / "mine.toml"), images=str(folder), weights=files)


def cells(profile, *roles):
    return [accuracy(role)(profile, 0) for role in roles]


def bits(result):
    return study.unpacked(result.arrays["correct"], int(result.arrays["images"]))


def by_hand(folder, model, config, outputs=lambda x: x):
    """Which images that can be read are right, computed by the parts themselves."""
    chosen = choose(str(folder), {"preset": "all"})
    right = []
    with torch.inference_mode():
        for batch in batches(chosen, config, batch=16):
            truth = torch.tensor([CLASSES.index(chosen.classes[place]) for place in batch.kept])
            right += (outputs(model(batch.pixels)).argmax(1) == truth).tolist()
    return np.array(right)


def test_the_bits_are_those_of_the_images_that_could_be_read(profile, folder, files, tmp_path):
    store, asked = Store(tmp_path / "evidence"), cells(profile, "small", "other")
    assert set(compute(store, *asked).values()) == {Outcome.DONE}
    for role, cell in zip(("small", "other"), asked, strict=True):
        result = store.read(cell)
        spec = {"timm": profile.network(role)["timm"], "overrides": SMALL}
        model = load_network(spec, seed=0, file=files[role]).model
        expected = by_hand(folder, model, resolve_transform("model", model.pretrained_cfg, SMALL))
        assert 0 < expected.sum() < len(expected) == 48
        assert np.array_equal(bits(result), expected)
        assert float(result.arrays["accuracy"]) == 100 * expected.mean()
        assert result.arrays["correct"].nbytes == 6
        assert [int(result.arrays[f"images_{name}"]) for name in ("read", "skipped")] == [48, 2]
        assert tuple(result.arrays["skipped_names"]) == SKIPPED
        assert [record["skipped"] for record in result.metrics] == list(SKIPPED)
        assert str(folder) not in (result.folder / "cell.json").read_text(), "a path is no part of what was asked"


@pytest.mark.parametrize("role", ["lift", "wide_last"])
def test_released_students_are_evaluated_as_their_authors_do(profile, folder, tmp_path, role):
    store, (asked,) = Store(tmp_path / "evidence"), cells(profile, role)
    compute(store, asked)
    result, state = store.read(asked), random_state(role)
    expected = by_hand(folder, lambda x: LOGITS[role](x, state), EVALUATION)
    assert np.array_equal(bits(result), expected)
    assert int(result.arrays["parameters"]) == {"lift": 5_983_528, "wide_last": 7_313_896}[role]


def test_networks_of_one_transform_share_a_pass_and_others_do_not(profile, tmp_path, monkeypatch):
    asked = cells(profile, "small", "same", "other")
    assert asked[0].group == asked[1].group != asked[2].group
    read = []
    monkeypatch.setattr(study, "batches", lambda *a, **k: read.append(a[1]) or batches(*a, **k))
    store = Store(tmp_path / "evidence")
    compute(store, *asked)
    assert len(read) == 2, "also where cells of two transforms are handed over together"
    alone = Store(tmp_path / "alone")
    compute(alone, asked[1])
    assert_equal(dict(alone.read(asked[1]).arrays), dict(store.read(asked[1]).arrays))
    assert bits(store.read(asked[0])).tolist() != bits(store.read(asked[1])).tolist()


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_pass_that_is_killed_ends_with_the_same_bits_and_reads_only_the_rest(profile, tmp_path, monkeypatch, after):
    monkeypatch.setattr(study, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(study, "CHECKPOINT_SHARE", 1e9)
    asked = cells(profile, "small", "same")
    whole, store, said = Store(tmp_path / "whole"), Store(tmp_path / "evidence"), []
    compute(whole, *asked)

    def stop(_key, _fraction, text):
        if text.startswith(f"{16 * after} of "):
            raise Killed

    with pytest.raises(Killed):
        execute(store, asked, device="cpu", report=stop)
    compute(store, *asked, report=lambda _key, _fraction, text: said.append(text))
    assert f"goes on after {16 * after} images" in said
    assert "16 of 50 images" not in said
    for cell in asked:
        assert_equal(dict(store.read(cell).arrays), dict(whole.read(cell).arrays))


def test_a_network_that_joins_later_catches_up_alone(profile, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(study, "CHECKPOINT_SHARE", 1e9)
    first, second = cells(profile, "small", "same")
    whole, store = Store(tmp_path / "whole"), Store(tmp_path / "evidence")
    compute(whole, first, second)

    def stop(_key, _fraction, text):
        if text.startswith("32 of "):
            raise Killed

    with pytest.raises(Killed):
        execute(store, [first], device="cpu", report=stop)
    compute(store, first, second)
    for cell in (first, second):
        assert_equal(dict(store.read(cell).arrays), dict(whole.read(cell).arrays))


@pytest.mark.parametrize("harm", ["bit", "weights", "torn"])
def test_a_checkpoint_that_was_changed_is_not_trusted(profile, tmp_path, monkeypatch, harm):
    monkeypatch.setattr(study, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(study, "CHECKPOINT_SHARE", 1e9)
    (asked,) = cells(profile, "small")
    whole, store, said = Store(tmp_path / "whole"), Store(tmp_path / "evidence"), []
    compute(whole, asked)

    def stop(_key, _fraction, text):
        if text.startswith("32 of "):
            raise Killed

    with pytest.raises(Killed):
        execute(store, [asked], device="cpu", report=stop)
    (path,) = (tmp_path / "evidence").rglob(study.PROGRESS)
    known = json.loads(path.read_text())
    if harm == "bit":
        known["right"] = f"{int(known['right'], 16) ^ 1:0{len(known['right'])}x}"
    if harm == "weights":
        known["about"]["weights"] = "others"
        known["sum"] = study._sum({name: value for name, value in known.items() if name != "sum"})
    path.write_text(json.dumps(known)[: -9 if harm == "torn" else None])
    compute(store, asked, report=lambda _key, _fraction, text: said.append(text))
    assert any(text.startswith("the pass starts again: ") for text in said)
    assert_equal(dict(store.read(asked).arrays), dict(whole.read(asked).arrays))


def test_a_network_that_cannot_be_loaded_keeps_no_other_back(profile, files, tmp_path):
    good, bad = cells(profile, "small", "same")
    bad = replace(bad, local=bad.local | {"weights": str(files["lift"])})
    outcomes = compute(Store(tmp_path / "evidence"), good, bad)
    assert outcomes == {good.key: Outcome.DONE, bad.key: Outcome.FAILED}


def test_answers_that_are_no_numbers_are_a_fault_of_that_network_alone(profile, tmp_path):
    model = build({"timm": NAMES["same"], "overrides": SMALL}, seed=0)
    model.head.bias.data[3] = torch.nan
    save_file(model.state_dict(), tmp_path / "broken.safetensors")
    broken = replace(profile, weights={**profile.weights, "same": tmp_path / "broken.safetensors"})
    asked, store = cells(broken, "small", "same"), Store(tmp_path / "evidence")
    assert compute(store, *asked) == {asked[0].key: Outcome.DONE, asked[1].key: Outcome.FAILED}
    assert "no finite numbers" in store.state(asked[1].key).detail


def test_an_image_that_changes_during_the_pass_ends_it_and_keeps_what_is_known(profile, tmp_path, monkeypatch):
    (asked,) = cells(profile, "small")

    def changing(*given, **named):
        for number, batch in enumerate(batches(*given, **named)):
            if number == 2:
                raise ImagesChanged("an image is another")
            yield batch

    store, whole = Store(tmp_path / "evidence"), Store(tmp_path / "whole")
    monkeypatch.setattr(study, "batches", changing)
    assert compute(store, asked) == {asked.key: Outcome.KILLED}
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said = []
    compute(store, asked, report=lambda _key, _fraction, text: said.append(text))
    assert "goes on after 32 images" in said
    compute(whole, asked)
    assert_equal(dict(store.read(asked).arrays), dict(whole.read(asked).arrays))


def test_a_network_that_the_suite_trained_is_tested_as_it_was(tmp_path):
    """A teacher of images in a folder: its own cell, and its file given to another profile, answer alike."""
    images = write_images(tmp_path / "images")
    trains = load_profile(tmp_path, images)
    asked = accuracy("cait")(trains, 0)
    store = Store(tmp_path / "evidence")
    compute(store, asked.needs["network"])
    compute(store, asked)
    result, trained = store.read(asked), store.read(asked.needs["network"])
    assert np.array_equal(bits(result), trained.arrays["correct"])
    assert float(result.arrays["accuracy"]) == float(trained.arrays["accuracy_last"]) > 100 / 6
    given = {"cait": trained.folder / "weights.safetensors"}
    overrides = trains.network("cait")["overrides"] | {"num_classes": 6}
    role = {"timm": "cait_s24_224", "overrides": overrides}
    mine = replace(trains, weights=given, networks={"cait": role})
    again = accuracy("cait")(mine, 0)
    assert again.needs == {}
    compute(store, again)
    assert np.array_equal(bits(store.read(again)), bits(result))


def test_grey_networks_of_the_desk_see_grey_images(tmp_path):
    """The file that a desk's training leaves, on ten class folders."""
    cell, store = network(), Store(tmp_path / "evidence")
    compute(store, cell)
    class_folders(tmp_path / "images", classes=tuple("abcdefghij"), each=5)
    role = {"timm": CAIT["timm"], "overrides": CAIT["overrides"] | {"num_classes": 10}}
    (tmp_path / "mine.toml").write_text(PROFILE)
    mine = profiles.load(
        str(tmp_path / "mine.toml"),
        images=str(tmp_path / "images"),
        weights={"cait": store.folder(cell.key) / "weights.safetensors"},
    )
    asked = accuracy("cait")(replace(mine, networks={"cait": role}), 0)
    assert compute(store, asked) == {asked.key: Outcome.DONE}
    assert int(store.read(asked).arrays["images"]) == 50


def test_images_without_classes_and_embedded_ones_say_what_to_do(profile, tmp_path):
    class_folders(tmp_path / "flat", classes=("",), each=3)
    with pytest.raises(Unavailable, match="put them into class folders, and pass --images DIR"):
        accuracy("small")(replace(profile, images=str(tmp_path / "flat")), 0)
    with pytest.raises(Unavailable, match="--profile released-weights"):
        accuracy("cait")(profiles.load("desk"), 0)


def test_a_file_of_a_released_student_is_refused_for_a_plain_role_when_cells_are_planned(profile, files, tmp_path):
    for role, file, words in (
        (
            "small",
            "lift",
            r"Encoding Mismatch's Lift, not small \(deit_tiny_patch16_224.fb_in1k\): pass it as --weights lift=FILE",
        ),
        ("small", "wide_last", "Encoding Mismatch's WideLast, not small .* --weights wide_last=FILE"),
        ("wide_last", "lift", "Encoding Mismatch's Lift, not WideLast: pass it as --weights lift=FILE"),
        ("lift", "small", "does not hold Encoding Mismatch's Lift"),
    ):
        with pytest.raises(Unavailable, match=words) as caught:
            accuracy(role)(replace(profile, weights={role: files[file]}), 0)
        assert "\n" not in str(caught.value)
    without = replace(profile, weights={})
    with pytest.raises(Unavailable, match=r"no weights of lift were given \(Encoding Mismatch's models/Lift/"):
        accuracy("lift")(without, 0)
    hub = replace(profile, networks={"small": {"timm": "hf_hub:Huiyuancs/Encoding_Mismatch", "pretrained": True}})
    with pytest.raises(Unavailable, match=r"two training checkpoints .* --weights lift=FILE"):
        accuracy("small")(hub, 0)
