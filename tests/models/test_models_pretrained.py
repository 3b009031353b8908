"""Weights of others: from a hub served on this machine through the real client, from its cache, and from files."""

from __future__ import annotations

import json

import pytest
import timm
import torch
from huggingface_hub import constants
from local_hub import COMMITS, serve
from safetensors.torch import save_file
from timm.models import save_for_hf

from suite.errors import SuiteError, Unobtainable
from suite.models.build import build
from suite.models.pretrained import load_network, weights_digest

NAME = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 8, "depth": 2, "num_heads": 2}
SPEC = {"timm": NAME, "overrides": SMALL, "pretrained": True}


def small(seed, **changes):
    """The small network with the weights of a seed."""
    return build({"timm": NAME, "overrides": SMALL | changes}, seed=seed)


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """A hub's folder: timm's repository of that name at two revisions, and somebody's own, saved as timm saves it."""
    root = tmp_path_factory.mktemp("hub")
    for seed, branch in enumerate(COMMITS):
        folder = root / "timm" / NAME / branch
        folder.mkdir(parents=True)
        save_file(small(seed).state_dict(), folder / "model.safetensors")
    own = root / "somebody" / "small_vit" / "main"
    save_for_hf(small(7), own, model_args=SMALL, safe_serialization=True)
    assert json.loads((own / "config.json").read_text())["architecture"] == NAME.partition(".")[0]
    return root


@pytest.fixture
def hub(repositories, tmp_path, monkeypatch):
    """The hub, served, and an empty cache."""
    with serve(repositories) as server:
        point_to(server.address, tmp_path / "cache", monkeypatch)
        yield server


def point_to(address, cache, monkeypatch):
    """What HF_ENDPOINT and HF_HOME do before the client is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))


def require_weights(loaded, model):
    expected = model.state_dict()
    assert loaded.model.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.model.state_dict().items())
    assert not loaded.model.training


def test_weights_come_from_the_hub_once_and_then_from_its_cache(hub, monkeypatch):
    first = load_network(SPEC, seed=5)
    require_weights(first, small(0))
    assert first.origin == f"timm/{NAME}@{COMMITS['main']}"
    assert ("GET", f"timm/{NAME}", "main", "model.safetensors") in hub.asked
    assert not any(file.endswith(".bin") for *_, file in hub.asked)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.asked.clear()
    again = load_network(SPEC, seed=6)
    assert hub.asked == []
    assert (again.origin, again.digest) == (first.origin, first.digest)


def test_a_revision_can_be_pinned(hub):
    pinned = load_network(SPEC | {"revision": "older"}, seed=0)
    require_weights(pinned, small(1))
    assert pinned.origin == f"timm/{NAME}@{COMMITS['older']}"
    assert pinned.digest != load_network(SPEC, seed=0).digest


def test_somebodys_own_repository_is_loaded_by_its_name(hub):
    spec = {"timm": "hf-hub:somebody/small_vit", "pretrained": True}
    loaded = load_network(spec, seed=0)
    require_weights(loaded, small(7))
    assert loaded.origin == f"somebody/small_vit@{COMMITS['main']}"
    untrained = load_network({"timm": spec["timm"]}, seed=0)
    assert untrained.origin == "as initialised"
    assert untrained.digest not in (loaded.digest, load_network({"timm": spec["timm"]}, seed=1).digest)


def require_unobtainable():
    with pytest.raises(Unobtainable) as caught:
        load_network(SPEC, seed=0, role="tiny")
    line = str(caught.value)
    assert f"the weights of tiny ({NAME}) are not in the hub's cache" in line
    assert "without HF_HUB_OFFLINE" in line
    assert f"--weights {NAME}=FILE" in line
    assert "\n" not in line


def test_offline_without_a_cache_says_both_ways_to_give_weights(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    require_unobtainable()
    assert hub.asked == []


def test_a_hub_that_cannot_be_reached_is_the_same(tmp_path, monkeypatch):
    with serve(tmp_path) as gone:
        address = gone.address
    point_to(address, tmp_path / "cache", monkeypatch)
    require_unobtainable()


def test_weights_of_the_hub_that_are_of_another_shape_are_one_line(hub):
    with pytest.raises(
        SuiteError, match=r"weights of the hub cannot be loaded as timm's vit_tiny.*size mismatch"
    ) as caught:
        load_network(SPEC | {"overrides": SMALL | {"embed_dim": 16}}, seed=0)
    assert "\n" not in str(caught.value)
    with pytest.raises(SuiteError, match="cannot be loaded as timm's vit_small"):
        load_network({"timm": "vit_small_patch16_224.dino", "pretrained": True}, seed=0)  # not on this hub


@pytest.fixture
def file(tmp_path):
    """Write weights as a file; gives the path."""

    def write(content, name="weights.safetensors"):
        path = tmp_path / name
        if name.endswith(".safetensors"):
            save_file(content, path)
        else:
            torch.save(content, path)
        return path

    return write


def test_a_file_of_any_usual_form_holds_weights(file):
    weights, average = small(3).state_dict(), small(4).state_dict()
    parallel = {f"module.{name}": value for name, value in weights.items()}
    for path in (
        file(weights),
        file(weights, "plain.pth"),
        file({"model": parallel, "model_ema": average, "epoch": 7}, "checkpoint.pth"),
        file({"state_dict": weights, "optimizer": {}}, "checkpoint.pth.tar"),
    ):
        loaded = load_network(SPEC, seed=0, file=path)
        require_weights(loaded, small(3))
        assert loaded.origin == path.name


def test_a_file_is_held_to_every_layer_even_where_the_network_differs_from_timms(file):
    """Other classes or channels than timm's weights have: timm alone would leave the head as initialised."""
    changes = {"num_classes": 10, "in_chans": 1}
    spec = SPEC | {"overrides": SMALL | changes}
    weights = small(3, **changes).state_dict()
    require_weights(load_network(spec, seed=0, file=file(weights)), small(3, **changes))
    del weights["head.weight"]
    with pytest.raises(SuiteError, match=r"Missing key\(s\) in state_dict: \"head.weight\""):
        load_network(spec, seed=0, file=file(weights))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda weights: weights.pop("norm.weight"), 'Missing key.*"norm.weight"'),
        (lambda weights: weights.update(extra=torch.ones(1)), 'Unexpected key.*"extra"'),
        (lambda weights: weights.update({"norm.weight": torch.ones(9)}), "size mismatch for norm.weight"),
    ],
)
def test_a_file_that_does_not_fit_says_where(file, change, reason):
    weights = small(3).state_dict()
    change(weights)
    path = file(weights)
    with pytest.raises(SuiteError, match=reason) as caught:
        load_network(SPEC, seed=0, file=path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_holds_no_weights_says_so(file, tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(SuiteError, match=r"broken.safetensors is no file of weights"):
        load_network(SPEC, seed=0, file=tmp_path / "broken.safetensors")
    with pytest.raises(SuiteError, match=r"other.pth holds no state dict"):
        load_network(SPEC, seed=0, file=file({"epoch": 3}, "other.pth"))
    with pytest.raises(SuiteError, match=r"code.pth holds objects of a program .*no code .* is run here"):
        load_network(SPEC, seed=0, file=file({"model": small(0)}, "code.pth"))  # pickled code is never run


def test_an_untrained_network_is_as_timm_initialises_it():
    loaded = load_network({"timm": NAME, "overrides": SMALL}, seed=4)
    require_weights(loaded, small(4))
    assert loaded.origin == "as initialised"


def test_the_digest_sees_every_value(file):
    model = small(3)
    before = weights_digest(model)
    with torch.no_grad():
        model.norm.bias[-1] += 1
    assert weights_digest(model) != before


def test_networks_of_the_frozen_profiles_have_weights_on_the_hub():
    from suite import profile

    for name in ("frozen", "frozen-first-class"):
        for role, network in profile.load(name).networks.items():
            assert timm.is_model_pretrained(network["timm"]), role
            assert "." in network["timm"], f"{role}: which of timm's weights?"
            cfg = timm.get_pretrained_cfg(network["timm"])
            assert cfg.hf_hub_id == f"timm/{network['timm']}" or cfg.hf_hub_filename, role


def test_positions_are_resampled_to_another_image_size(hub):
    """As for DINOv2, whose weights are of 518 pixels and are measured at 224."""
    larger = load_network(SPEC | {"overrides": SMALL | {"img_size": 48}}, seed=0)
    assert larger.model.pos_embed.shape == (1, 1 + 36, 8)
    assert torch.equal(larger.model.pos_embed[:, 0], small(0).pos_embed[:, 0])
    assert torch.equal(larger.model.blocks[1].mlp.fc1.weight, small(0).blocks[1].mlp.fc1.weight)
