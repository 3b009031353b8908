"""Pretrained networks on a folder of images, as a person asks for them: small networks of every family, seconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants
from local_hub import COMMITS, serve
from photographs import class_folders, truncate
from safetensors.torch import save_file
from study_cells import CAIT, compute, network

import suite
from suite import profile as profiles
from suite.cli import main
from suite.data.choice import _choose, _digest
from suite.evidence.store import Store
from suite.models.build import build
from suite.run import execute as execute_module

DEIT = {
    "timm": "deit_tiny_patch16_224.fb_in1k",
    "overrides": {"img_size": 32, "patch_size": 8, "embed_dim": 8, "depth": 3},
}
SWIN = {
    "timm": "swin_small_patch4_window7_224.ms_in1k",
    "overrides": {"img_size": 32, "patch_size": 2, "window_size": 4, "embed_dim": 8, "depths": [1, 1, 1, 1]},
}
RESNET = {
    "timm": "resnet18.tv_in1k",
    "overrides": {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16], "output_stride": 16},
}
SMALL_CAIT = CAIT["overrides"] | {"depth": 4}
HEADS = {"deit": 2, "swin": [1, 1, 2, 2]}
PROFILE = """
scope = "published"
seeds = 1
sampling = "images"
summary = "small networks"
[data]
source = "images"
preset = "all"
transform = "distillation_dynamics"
[measure]
batch = 8
[[deviations]]
what = "size"
paper = "large"
ours = "small"
"""


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A CaiT that the suite trained on digits: the file of its weights."""
    store = Store(tmp_path_factory.mktemp("trained"))
    asked = network()
    cell = replace(asked, spec={**asked.spec, "student": CAIT | {"overrides": SMALL_CAIT}})
    compute(store, cell)
    return store.folder(cell.key) / "weights.safetensors"


@pytest.fixture
def place(tmp_path, monkeypatch, trained):
    """A folder with images, one of them broken, a profile, and weights of the small networks; we are in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.show.page.report.write_report", lambda *_, **__: tmp_path / "index.html")
    _choose.cache_clear()
    _digest.cache_clear()
    class_folders(tmp_path / "images", each=5, side=40)
    truncate(tmp_path / "images" / "bee" / "002.JPEG")
    cait = {"timm": CAIT["timm"], "overrides": SMALL_CAIT | {"num_classes": 10}}
    networks = {"cait": cait, "deit": DEIT, "swin": SWIN, "resnet": RESNET}
    lines = []
    for role, made in networks.items():
        if role in HEADS:
            made = {**made, "overrides": made["overrides"] | {"num_heads": HEADS[role]}}  # noqa: PLW2901
        lines.append(f"[networks.{role}]\npretrained = true\ntimm = {toml(made['timm'])}\n")
        lines.append(f"overrides = {toml(made['overrides'])}\n")
        if role != "cait":
            save_file(build(made, seed=1).state_dict(), tmp_path / f"{role}.safetensors")
    (tmp_path / "mine.toml").write_text(PROFILE + "".join(lines))
    (tmp_path / "cait.safetensors").write_bytes(trained.read_bytes())
    return tmp_path


SESSION = ("--profile", "mine.toml", "--device", "cpu")
WEIGHTS = tuple(
    part for role in ("cait", "deit", "swin", "resnet") for part in ("--weights", f"{role}={role}.safetensors")
)
ONCE = ("--workers", "1", "--no-sync")


def judged(capsys, *arguments):
    """Exit status, criteria as JSON by name, what was said on stderr."""
    capsys.readouterr()
    status = main([*arguments, "--json"])
    said = capsys.readouterr()
    entries = json.loads(said.out)["criteria"] if said.out else []
    return status, {f"{entry['claim']}.{entry['criterion']}": entry for entry in entries}, said.err


def test_a_folder_of_images_gives_verdicts_that_are_never_called_published(place, capsys, monkeypatch):
    asked = ("-k", "u_shape", "-k", "cait_swin", "-k", "low_rank", *SESSION, "--images", "images", *WEIGHTS)
    status, found, err = judged(capsys, "claims", *asked, *ONCE)
    assert "failed" not in err
    assert status in (0, 1)
    verdicts = {entry["verdict"] for entry in found.values()}
    assert "error" not in verdicts, {name: e["reason"] for name, e in found.items() if e["verdict"] == "error"}
    found = {name: entry for name, entry in found.items() if entry["profile"] == "mine"}
    assert {entry["scope"] for entry in found.values()} == {"proxy"}
    store = Store(place / "evidence")
    results = [store.read(key) for key in store.keys()]  # noqa: SIM118
    assert len({str(result.arrays["weights_digest"]) for result in results}) == 8
    for result in results:
        assert int(result.arrays["images_read"]) == 14
        assert list(result.arrays["skipped_names"]) == ["bee/002.JPEG"]
        assert str(place) not in (result.folder / "cell.json").read_text(), "a path is no part of what was asked"
    origins = {str(result.arrays["weights_origin"]) for result in results}
    assert origins == {"as initialised", *(f"{role}.safetensors" for role in ("cait", "deit", "swin", "resnet"))}
    (place / "images").rename(place / "elsewhere")
    monkeypatch.setattr(execute_module, "_compute", lambda *_: pytest.fail("computed again"))
    moved = [part if part != "images" else "elsewhere" for part in asked]
    assert judged(capsys, "claims", *moved, *ONCE)[1].keys() >= found.keys()
    main(["gc"])
    assert len(store.keys()) == len(results), "cells of images that are not at hand are kept"


def test_without_images_nothing_is_run_and_the_command_is_said(place, capsys):
    status, found, _ = judged(capsys, "claims", "-k", "low_rank", *SESSION, *ONCE)
    assert status == 1
    entry = found["low_rank_energy.per_image_rank"]
    assert entry["verdict"] == "not run"
    assert (
        f"python -m suite claims -k {entry['claim']} --images DIR --profile mine.toml --device cpu" in entry["reason"]
    )
    status, found, _ = judged(capsys, "judge", "-k", "published_ranks", "--profile", "frozen", "--device", "cpu")
    assert {entry["verdict"] for entry in found.values()} == {"not run"}
    assert len(found) == 28


def test_weights_that_cannot_be_had_are_not_run_and_say_both_ways(place, capsys, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(place / "no-cache"))
    status, found, err = judged(capsys, "claims", "-k", "low_rank", *SESSION, "--images", "images", *ONCE)
    assert status == 1
    assert "status --profile mine.toml" in err
    entry = found["low_rank_energy.per_image_rank"]
    assert entry["verdict"] == "not run"
    assert "the weights of cait (cait_s24_224) are not in the hub's cache" in entry["reason"]
    assert "pass --weights cait_s24_224=FILE" in entry["reason"]
    capsys.readouterr()
    main(["status", "-k", "low_rank", *SESSION, "--images", "images"])
    assert "not in the hub's cache" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--images", "empty"), "--images empty: empty holds no images"),
        (
            ("--images", "images", "--weights", "vgg=cait.safetensors"),
            "mine has no such network; it has cait, deit, swin",
        ),
    ],
)
def test_what_cannot_be_meant_is_one_line(place, capsys, arguments, line):
    (place / "empty").mkdir()
    assert main(["claims", *SESSION, *arguments]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert line in said


def test_weights_that_do_not_fit_are_an_error_with_the_reason(place, capsys):
    swapped = ("--weights", "cait=deit.safetensors")
    status, found, _ = judged(capsys, "claims", "-k", "low_rank", *SESSION, "--images", "images", *swapped, *ONCE)
    assert status == 1
    entry = found["low_rank_energy.per_image_rank"]
    assert entry["verdict"] == "error"
    assert "weights in deit.safetensors cannot be loaded as timm's cait_s24_224: " in entry["reason"]


def test_a_killed_command_is_resumed_with_weights_of_a_hub(place, capsys, monkeypatch):
    """Through the environment, as a person points to a mirror; killed after its first cells."""
    hub = place / "hub"
    for role in ("deit", "resnet"):
        folder = hub / "timm" / profiles.load("mine.toml").network(role)["timm"] / "main"
        folder.mkdir(parents=True)
        (place / f"{role}.safetensors").rename(folder / "model.safetensors")
    with serve(hub) as server:
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(suite.__file__).parents[1]),
            "HF_ENDPOINT": server.address,
            "HF_HOME": str(place / "home"),
            "OMP_NUM_THREADS": "1",
        }
        options = ("-k", "u_shape", *SESSION, "--images", "images", *WEIGHTS[:2], *ONCE)
        (place / "claims").symlink_to(Path(suite.__file__).parents[1] / "claims")
        running = subprocess.Popen(
            [sys.executable, "-m", "suite", "claims", *options],
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        store = Store(place / "evidence")
        while len(store.keys()) < 3:
            assert running.poll() is None, running.communicate()
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        done = len(store.keys())
        assert done >= 3
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.address + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(place / "home" / "hub"))
        _, found, err = judged(capsys, "claims", *options)
    assert f"computing {len(store.keys()) - done} cell" in err
    assert not {"error", "not run"} & {entry["verdict"] for entry in found.values()}, found
    origins = {str(store.read(key).arrays["weights_origin"]) for key in store.keys()}  # noqa: SIM118
    assert f"timm/resnet18.tv_in1k@{COMMITS['main']}" in origins
    assert f"timm/{DEIT['timm']}@{COMMITS['main']}" in origins
