"""Files that are given as weights are named for what they are; the advice is a line that works and is safe."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from suite.errors import SuiteError
from suite.models.build import build
from suite.models.pretrained import load_network
from suite.models.weights import state_of

DEIT = {
    "timm": "deit_tiny_patch16_224",
    "overrides": {"img_size": 32, "patch_size": 8, "embed_dim": 8, "depth": 2, "num_heads": 2, "num_classes": 5},
}


@pytest.fixture(scope="module")
def state():
    return build(DEIT, seed=0).state_dict()


def refused(path, content, words):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(SuiteError, match=words) as caught:
        load_network(DEIT, seed=0, file=path)
    said = str(caught.value)
    assert "\n" not in said
    assert str(path) in said
    assert "weights_only" not in said, "safety is never to be switched off"
    return said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty: fetch it again"),
        (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page, not the weights"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "is a pointer of Git LFS, .* git lfs pull"),
        (b"just some text", "is no file of weights|cannot be read"),
        ([1, 2], "holds a list and no state dict"),
        ({"epoch": 3, "model": None}, r"holds None where its weights \('model'\) should be"),
        ({"epoch": 3}, r"holds no state dict \(it holds 'epoch'\)"),
    ],
)
def test_what_is_no_weights_says_what_it_is(tmp_path, content, words):
    refused(tmp_path / "a.pth", content, words)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("model_ema",), r"only an average of the weights over training \('model_ema'\)"),
        (("student", "teacher"), r"holds several networks \('teacher', 'student'\)"),
    ],
)
def test_the_line_that_is_advised_saves_the_weights_alone(tmp_path, state, names, words):
    said = refused(tmp_path / "a.pth", dict.fromkeys(names, state) | {"epoch": 1}, words)
    line = said.partition('python -c "')[2].removesuffix('"')
    subprocess.run([sys.executable, "-c", line], cwd=tmp_path, check=True)
    loaded = load_network(DEIT, seed=1, file=tmp_path / "weights.pth").model
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())


def test_numbers_of_numpy_beside_the_weights_do_no_harm(tmp_path, state):
    best = {"score": np.float64(0.7), "steps": np.int64(3), "history": np.arange(3.0)}
    torch.save({"model": state, **best}, tmp_path / "a.pth")
    assert state_of(tmp_path / "a.pth").keys() == state.keys()


class Mine:
    """An object of somebody's program."""


def test_objects_of_a_program_are_named_and_not_loaded(tmp_path, state):
    said = refused(tmp_path / "a.pth", {"model": state, "trainer": Mine()}, "objects of a program .*Mine")
    assert "torch.save(model.state_dict(), 'weights.pth')" in said


def test_files_are_told_by_content_whatever_their_name(tmp_path, state):
    save_file(state, tmp_path / "a.pth")
    torch.save(OrderedDict(state), tmp_path / "b.safetensors")
    for name in ("a.pth", "b.safetensors"):
        assert load_network(DEIT, seed=1, file=tmp_path / name).origin == name


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("dist_token", "head_dist.weight"), 'two heads .* as timm = "deit_tiny_distilled_patch16_224"'),
        (
            ("base_model.cls_token", "projections.11.weight"),
            "Encoding Mismatch's Lift .* a role that is a Lift student",
        ),
        (("blocks.11.proj_in.weight",), "Encoding Mismatch's WideLast .* a role that is a WideLast student"),
    ],
)
def test_networks_that_are_easily_taken_for_others_are_named(tmp_path, state, keys, words):
    refused(tmp_path / "a.pth", {"model": state | {key: torch.zeros(2) for key in keys}}, words)


@pytest.mark.parametrize("size", [32, 64])
def test_positions_that_are_resampled_are_stated(tmp_path, size):
    other = {**DEIT, "overrides": DEIT["overrides"] | {"img_size": size}}
    torch.save(build(other, seed=0).state_dict(), tmp_path / "a.pth")
    origin = load_network(DEIT, seed=0, file=tmp_path / "a.pth").origin
    stated = "a.pth (positions resampled to another image size: pos_embed 1 x 65 x 8 -> 1 x 17 x 8)"
    assert origin == ("a.pth" if size == 32 else stated)
