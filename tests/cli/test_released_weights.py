"""Released students as a person asks for them: files of their names and shapes, random weights, fifty small images."""

from __future__ import annotations

import json

import pytest
from photographs import class_folders, truncate
from released_files import write
from safetensors.torch import save_file

from suite import profile as profiles
from suite.cli import main
from suite.data.choice import _choose, _digest
from suite.errors import SuiteError
from suite.evidence.store import Store
from suite.models.build import build
from suite.scope import as_measured
from suite.session import Session

CLASSES = ("n01440764", "n01443537", "n01484850", "n01491361", "n01494475")
KNOWN = ("deit_tiny", "deit_small", "swin_tiny", "swin_small", "resnet101", "cait_s24")
SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}
ONCE = ("--workers", "1", "--no-sync", "--device", "cpu")


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Images, one of them broken, and files of weights; networks of known accuracy are small and know nothing."""
    root = tmp_path_factory.mktemp("given")
    class_folders(root / "images", classes=CLASSES, each=10)
    truncate(root / "images" / CLASSES[1] / "003.JPEG")
    for role in ("lift", "wide_last"):
        write(root / f"{role}.pth", role)
    overrides = "{ " + ", ".join(f"{name} = {value}" for name, value in SMALL.items()) + " }"
    lines = ['extends = "released-weights"', 'remove = ["networks.cait_s24", "networks.resnet101"]']
    for seed, role in enumerate(KNOWN):
        save_file(build({"timm": "deit_tiny_patch16_224", "overrides": SMALL}, seed=seed).state_dict(), root / role)
        lines.append(f'[networks.{role}]\ntimm = "deit_tiny_patch16_224"\npretrained = true\noverrides = {overrides}')
    (root / "mine.toml").write_text("\n".join(lines))
    return root


@pytest.fixture
def place(given, tmp_path, monkeypatch):
    """A folder of one's own, in which we are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.show.page.report.write_report", lambda *_, **__: tmp_path / "index.html")
    _choose.cache_clear()
    _digest.cache_clear()
    return given


def options(given, *roles):
    weights = {role: given / (f"{role}.pth" if role in ("lift", "wide_last") else role) for role in roles}
    pairs = [part for role, file in weights.items() for part in ("--weights", f"{role}={file}")]
    return ("--profile", str(given / "mine.toml"), "--images", str(given / "images"), *pairs)


def test_random_weights_are_blamed_on_the_set_up_and_never_on_the_paper(place, tmp_path, capsys):
    asked = ("claims", *options(place, "lift", "wide_last", *KNOWN), *ONCE, "--json")
    assert main(list(asked)) in (0, 1)
    said = capsys.readouterr()
    entries = [entry for entry in json.loads(said.out)["criteria"] if entry["profile"] == "mine"]
    mirror = [entry for entry in entries if entry["claim"] == "student_mirror"]
    assert [entry["verdict"] for entry in mirror] == ["inconclusive"] * 4, "five images give no interval"
    found = {entry["criterion"]: entry for entry in entries if entry["claim"] == "lift_and_wide_last"}
    assert {entry["scope"] for entry in found.values()} == {"proxy"}
    for role in ("lift", "wide_last"):
        assert found[f"{role}_top1"]["verdict"] == "uninformative"
        assert "positive control 'set_up_cait_s24'" in found[f"{role}_top1"]["reason"]
    assert found["set_up_deit_tiny"]["verdict"] == "contradicted"
    assert found["lift_parameters"]["verdict"] == "reproduced"
    assert found["wide_last_parameters"]["verdict"] == "contradicted"
    assert found["wide_last_leads"]["verdict"] == "inconclusive", "49 images give no interval"
    store = Store(tmp_path / "evidence")
    results = [store.read(key) for key in store.keys() if key.startswith("accuracy")]  # noqa: SIM118
    assert {int(result.arrays["images"]) for result in results} == {49}
    assert {tuple(result.arrays["skipped_names"]) for result in results} == {(f"{CLASSES[1]}/003.JPEG",)}
    layers = [store.read(key) for key in store.keys() if key.startswith("measure_released")]  # noqa: SIM118
    assert {result.arrays["images"].item() for result in layers} == {5}
    origins = {str(result.arrays["weights_origin"]) for result in results}
    assert {str(result.arrays["weights_origin"]) for result in layers} == origins - set(KNOWN)
    assert origins == {"as initialised", "lift.pth", "wide_last.pth", *KNOWN}


@pytest.mark.parametrize(
    ("profile", "weights", "line"),
    [
        ("released-weights", "lift=hf_hub:Huiyuancs/Encoding_Mismatch", "models/Lift/pytorch_model.pth as --weights"),
        ("released-weights", "hf_hub:Huiyuancs/Encoding_Mismatch=lift.pth", "as --weights wide_last=FILE"),
        ("frozen", "lift=lift.pth", "frozen has no such network; pass it as --weights lift=FILE with --profile rel"),
    ],
)
def test_what_is_tried_first_is_answered_by_the_option_to_use(place, capsys, monkeypatch, profile, weights, line):
    monkeypatch.chdir(place)
    assert main(["claims", "--profile", profile, "--weights", weights]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert line in said


@pytest.mark.parametrize(
    ("role", "file", "words"),
    [
        ("deit_tiny", "lift.pth", "holds Encoding Mismatch's Lift, not deit_tiny"),
        ("wide_last", "lift.pth", "holds Encoding Mismatch's Lift, not WideLast: pass it as --weights lift=FILE"),
        ("lift", "wide_last.pth", "holds Encoding Mismatch's WideLast, not Lift: pass it as --weights wide_last=FILE"),
    ],
)
def test_a_file_for_the_wrong_role_is_not_run_and_names_the_role(place, capsys, role, file, words):
    asked = ("--weights", f"{role}={place / file}")
    main(["judge", "-k", "lift_and_wide_last", *options(place), *asked, "--device", "cpu", "--json"])
    entries = json.loads(capsys.readouterr().out)["criteria"]
    reasons = [entry["reason"] for entry in entries if entry["verdict"] == "not run"]
    assert any(words in reason for reason in reasons), reasons


def test_the_released_files_leave_the_scope_and_their_digest_is_stated(place):
    weights = {"lift": place / "lift.pth", "wide_last": place / "wide_last.pth"}
    plain = profiles.load("released-weights")
    profile = as_measured(profiles.load("released-weights", weights=weights))
    assert (profile.scope, profile.modified) == ("published", ())
    new = [deviation for deviation in profile.deviations if deviation not in plain.deviations]
    assert [deviation.what for deviation in new] == ["file of lift", "file of wide_last"]
    assert "SHA-256 begins with" in new[0].ours
    other = as_measured(profiles.load("released-weights", weights=weights | {"cait_s24": place / "cait_s24"}))
    assert other.scope == "proxy"
    assert other.modified == ("other weights",)


def test_all_images_are_wanted_where_accuracy_is_counted(place, tmp_path, monkeypatch):
    """The first image of each class, which frozen measures, is not the set on which accuracies are printed."""
    monkeypatch.setattr("suite.data.choice.is_imagenet_validation", lambda _: True)
    profile = as_measured(profiles.load("released-weights", images=str(place / "images")))
    assert profile.scope == "proxy"
    assert profile.deviations[-1].paper == "ImageNet-1k's validation set, all of it"
    assert as_measured(profiles.load("frozen", images=str(place / "images"))).scope == "published"


def test_a_session_tells_a_repository_from_a_file():
    with pytest.raises(SuiteError, match="two training checkpoints and no network that timm could build"):
        Session(profile="released-weights", weights=("lift=hf-hub:Huiyuancs/Encoding_Mismatch",)).load()
