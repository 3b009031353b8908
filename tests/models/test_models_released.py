"""Students that authors released: the pass of their own files, the count of their weights, and what is no such file."""

from __future__ import annotations

import pytest
import torch
from released_files import LOGITS, random_state, write

from suite.checkpoints import about_repository, found_in, is_repository
from suite.errors import SuiteError
from suite.models import layer_tokens
from suite.models.build import build
from suite.models.released import active, load_released

both = pytest.mark.parametrize("role", ["lift", "wide_last"])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    return {role: write(root / f"{role}.pth", role) for role in ("lift", "wide_last")}


@both
def test_the_pass_is_that_of_the_released_code_with_the_raw_weights(role, files):
    state = random_state(role)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    loaded = load_released(f"released:{role}", seed=0, file=files[role])
    with torch.no_grad():
        found, expected = loaded.model(images).logits, LOGITS[role](images, state)
    assert expected.std() > 0.1, "weights that matter"
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert loaded.origin == f"{role}.pth"


def test_the_epsilon_of_lifts_own_norm_is_torchs(files):
    model = load_released("released:lift", seed=0, file=files["lift"]).model
    assert (model.lift.norm.eps, model.backbone.blocks[0].norm1.eps) == (1e-5, 1e-6)


@pytest.mark.parametrize(
    ("role", "read", "whole"), [("lift", 5_983_528, 6_176_912), ("wide_last", 7_313_896, 7_313_896)]
)
def test_weights_are_counted_as_they_are_read(role, read, whole):
    state = random_state(role)
    assert sum(value.numel() for value in active(role, state).values()) == read
    assert sum(value.numel() for value in state.values()) == whole
    assert sum(value.numel() for value in load_released(f"released:{role}", seed=0).model.parameters()) == read


@both
def test_layers_are_tapped_up_to_the_wide_one(role, files):
    model = load_released(f"released:{role}", seed=0, file=files[role]).model
    with torch.no_grad():
        layers = layer_tokens(model, torch.zeros(1, 3, 224, 224))
    assert [tuple(layer.shape) for layer in layers] == [(1, 196, 192)] * 11 + [(1, 196, 384)]


def test_a_file_of_another_network_names_the_role_that_takes_it(files, tmp_path):
    plain = tmp_path / "plain.pth"
    torch.save(build({"timm": "deit_tiny_patch16_224"}, seed=0).state_dict(), plain)
    for role, file, words in (
        ("wide_last", files["lift"], "holds Encoding Mismatch's Lift, not WideLast: pass it as --weights lift=FILE"),
        ("lift", files["wide_last"], "holds Encoding Mismatch's WideLast, not Lift: pass it as --weights wide_last="),
        ("lift", plain, "does not hold Encoding Mismatch's Lift .* pass --weights lift=FILE with models/Lift"),
    ):
        with pytest.raises(SuiteError, match=words) as caught:
            load_released(f"released:{role}", seed=0, file=file)
        assert "\n" not in str(caught.value)


def test_a_file_with_a_weight_too_few_says_which(files, tmp_path):
    state = random_state("lift")
    del state["base_model.blocks.3.attn.qkv.bias"]
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(SuiteError, match=r"do not fit: .*backbone\.blocks\.3\.attn\.qkv\.bias") as caught:
        load_released("released:lift", seed=0, file=tmp_path / "a.pth")
    assert "\n" not in str(caught.value)


def test_another_seed_is_another_network_and_weights_of_others_are_no_release(files):
    one, other, file = (
        load_released("released:lift", seed=seed, file=file).digest
        for seed, file in ((0, None), (1, None), (1, files["lift"]))
    )
    assert len({one, other, file}) == 3
    assert found_in(build({"timm": "resnet18"}, seed=0).state_dict()) is None


@pytest.mark.parametrize("text", ["hf_hub:Huiyuancs/Encoding_Mismatch", "hf-hub:Huiyuancs/Encoding_Mismatch@main"])
def test_the_repository_on_the_hub_is_told(text):
    assert is_repository(text)
    assert not is_repository("hf-hub:timm/resnet18.a1_in1k")
    assert "models/Lift/pytorch_model.pth as --weights lift=FILE" in about_repository(text)
