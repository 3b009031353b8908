"""Full-scale profiles: what they ask for, what they need, and what never enters the name of a cell."""

from __future__ import annotations

import dataclasses
import shutil

import pytest
import timm
import torch
from full_profile import load_profile, write_images
from safetensors.torch import save_file

from suite import profile as profiles
from suite.catalog import discover
from suite.claim.schema import bearing
from suite.errors import SuiteError, Unavailable
from suite.scope import as_measured
from suite.studies.cells import student
from suite.studies.networks import make_student, open_teacher

FULL = ("full", "full-deit-small", "full-swin-tiny", "imagenet100", "cifar100")
# Of timm and of Encoding Mismatch's cost table; WideLast as the released code has it.
PARAMETERS = {
    "full": {"plain": 5_717_416, "lift": 5_983_528, "wide_last": 7_313_896},
    "full-deit-small": {"plain": 22_050_664},
    "full-swin-tiny": {"plain": 28_288_354},
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root = write_images(tmp_path_factory.mktemp("images"), train=1, validation=1)
    torch.save({"weight": torch.zeros(1)}, root / "any.pth")
    return root


def at(name, images, **changes):
    """A shipped profile over a folder of some images, with weights that nobody reads."""
    found = profiles.load(name, images=str(images))
    data = dict(found.section("data")) | {"source": "folder"}
    data.pop("classes", None)
    role = found.section("distill")["teacher"]
    return dataclasses.replace(
        found, sections=dict(found.sections) | {"data": data}, weights={role: images / "any.pth"}, **changes
    )


@pytest.mark.parametrize("name", FULL)
def test_every_full_profile_gives_the_cells_that_claims_ask_for(name, images):
    profile = at(name, images)
    assert profile.full
    for length in profile.section("distill")["lengths"]:
        cell = student("spectral_kd", {"student_layers": (-1,), "teacher_layers": (-1,)}, length=length)(profile, 0)
        recipe = cell.spec["recipe"]
        assert recipe["epochs"] == profile.section("distill")["lengths"][length]
        assert recipe["batch"] % recipe["micro_batch"] == 0
        assert cell.spec["method"]["name"] == "spectral_kd"
        assert len(cell.key.rpartition("-")[2]) == 20
    assert bool(cell.needs) == (name == "cifar100"), "only there no weights exist"
    weight = cell.spec["method"]["options"].get("weight")
    assert weight == (0.05 if name == "full-swin-tiny" else None)


@pytest.mark.parametrize(("name", "architecture"), [(n, a) for n, some in PARAMETERS.items() for a in some])
def test_students_have_the_published_number_of_parameters(name, architecture, images):
    spec = student("none", architecture=architecture)(at(name, images), 0).spec["student"]
    network = make_student(spec, classes=1000, drop_path=0.0, seed=0)
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name][architecture]


def test_what_is_not_there_is_not_run_and_says_what_would_be_needed(images):
    with pytest.raises(Unavailable, match="profile full needs images, and none were given"):
        student("none")(profiles.load("full"), 0)
    with pytest.raises(
        Unavailable, match="the weights of cait_s24_224 are not on this machine: pass --weights cait=FILE"
    ):
        student("soft_kd")(dataclasses.replace(at("full", images), weights={}), 0)
    with pytest.raises(Unavailable, match="lift is built from a plain Vision Transformer, not from swin_tiny"):
        student("none", architecture="lift")(at("full-swin-tiny", images), 0)
    with pytest.raises(Unavailable, match="has no training length 'long'"):
        student("none", length="long")(at("full-deit-small", images), 0)


def test_neither_place_nor_machine_enters_a_cells_name(images, tmp_path):
    shutil.copytree(images, tmp_path / "elsewhere")
    here = load_profile(tmp_path, images, machine={"loader_workers": 0})
    there = load_profile(tmp_path, tmp_path / "elsewhere", machine={"loader_workers": 7, "memory_gib": 3})
    one, other = student("soft_kd")(here, 0), student("soft_kd")(there, 0)
    assert one.key == other.key
    assert one.local != other.local
    assert one.needs["teacher"].key == other.needs["teacher"].key
    changed = load_profile(tmp_path, images, distill={"recipe": {"micro_batch": 8}})
    assert student("soft_kd")(changed, 0).key != one.key
    assert student("soft_kd")(here, 1).key != one.key


def test_other_weights_are_another_cell(images, tmp_path):
    profile = at("full", images)
    file = tmp_path / "other.bin"
    torch.save({"weight": torch.ones(1)}, file)
    changed = dataclasses.replace(profile, weights={"cait": file})
    assert student("soft_kd")(profile, 0).key != student("soft_kd")(changed, 0).key
    assert student("none")(profile, 0).key == student("none")(changed, 0).key


# -------------------------------------------------------------------------------------------------- networks

SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2}
CAIT = {"timm": "cait_s24_224", "pretrained": True, "overrides": SMALL}


def test_a_teachers_weights_come_from_the_file_that_was_given(tmp_path):
    made = timm.create_model("cait_s24_224", **SMALL, num_classes=5)
    save_file(made.state_dict(), tmp_path / "cait.safetensors")
    spec = {"network": CAIT | {"overrides": SMALL | {"num_classes": 5}}, "weights": "trained"}
    found = open_teacher(spec, classes=[], count=5, seed=0, file=str(tmp_path / "cait.safetensors"))
    for name, value in made.state_dict().items():
        assert torch.equal(found.backbone.state_dict()[name], value), name
    random = open_teacher(spec | {"weights": "random"}, classes=[], count=5, seed=0)
    assert not torch.equal(random.backbone.state_dict()["head.weight"], made.state_dict()["head.weight"])
    (tmp_path / "broken.safetensors").write_bytes(b"none")
    with pytest.raises(SuiteError, match=r"broken\.safetensors is no file of weights"):
        open_teacher(spec, classes=[], count=5, seed=0, file=str(tmp_path / "broken.safetensors"))


def test_a_teacher_of_imagenet_is_asked_for_the_classes_there_are_images_of(tmp_path):
    made = timm.create_model("cait_s24_224", **SMALL)
    save_file(made.state_dict(), tmp_path / "cait.safetensors")
    spec = {"network": CAIT | {"fused": True}, "weights": "trained"}
    names = ["n01440764", "n01443537", "n15075141"]  # tench, goldfish, toilet tissue: the first two and the last
    found = open_teacher(spec, classes=names, count=3, seed=0, file=str(tmp_path / "cait.safetensors")).eval()
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = made.eval()(pixels)
        outputs = found(pixels, (1,), final=True)
    torch.testing.assert_close(outputs.logits, whole[:, [0, 1, 999]], rtol=1e-4, atol=1e-5)
    assert set(outputs.maps) == {1}
    assert found.network(pixels).classes == 3


def test_differences_of_small_networks_are_not_stated_of_full_ones():
    claim = next(claim for claim in discover() if claim.key == "late_layer_transfer")
    stated = {name: [one.what for one in bearing(claim.deviations, profiles.load(name))] for name in ("desk", "full")}
    assert stated == {
        "desk": ["length", "accuracy", "student", "augmentation", "aligned late layers"],
        "full": ["accuracy"],
    }


def test_what_is_not_as_printed_is_a_proxy(images, tmp_path):
    tiny = as_measured(load_profile(tmp_path, images))
    assert (tiny.scope, tiny.modified) == ("proxy", ("other profile",)), "it extends none that is printed"
    full = as_measured(profiles.load("full", images=str(images), weights={"cait": tmp_path / "cait.pth"}))
    assert (full.scope, full.modified) == ("proxy", ("other weights", "other images"))
    assert as_measured(profiles.load("full")).scope == "published"
