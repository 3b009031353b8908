"""Networks by name: the seed decides their weights, and what cannot be built is explained."""

import pytest
import timm
import torch
from model_specs import GRID, SPECS
from timm.layers import use_fused_attn

from suite.models import build, choose_attention, initialiser

FAMILIES = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def weights(model):
    return torch.cat([value.double().flatten() for value in model.state_dict().values()])


@FAMILIES
def test_the_seed_decides_the_weights_and_nothing_else_is_drawn(spec):
    with torch.random.fork_rng():
        torch.manual_seed(11)
        before = torch.get_rng_state()
        one = build(spec, classes=10, seed=3)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(12)
        assert torch.equal(weights(one), weights(build(spec, classes=10, seed=3)))
    other = dict(build(spec, classes=10, seed=4).named_parameters())
    drawn = {name: value for name, value in one.named_parameters() if value.numel() > 1 and value.std() > 1e-6}
    assert len(drawn) > 5
    assert not [name for name, value in drawn.items() if torch.equal(value, other[name])]


@FAMILIES
def test_classes_are_the_heads(spec):
    side = spec["overrides"].get("img_size", 32)
    assert build(spec, classes=7, seed=0).eval()(torch.zeros(2, 1, side, side)).shape == (2, 7)
    assert build(spec, seed=0).num_classes == 1000  # timm's own


def test_the_spec_is_not_changed():
    spec = {"timm": "resnet18", "overrides": {"in_chans": 1, "layers": [1, 1, 1, 1]}}
    build(spec, classes=10, seed=0)
    assert spec == {"timm": "resnet18", "overrides": {"in_chans": 1, "layers": [1, 1, 1, 1]}}


def test_narrow_networks_start_loud_enough():
    """Projections keep the variance of their input; timm's fixed .02 leaves narrow blocks almost silent."""
    narrow, plain = (build(SPECS["deit"] | {"init": name}, seed=0) for name in ("narrow", "timm"))
    for block in narrow.blocks:
        for linear in (block.attn.qkv, block.attn.proj, block.mlp.fc1, block.mlp.fc2):
            xavier = (2 / (linear.in_features + linear.out_features)) ** 0.5
            assert linear.weight.std().item() == pytest.approx(xavier, rel=0.25)  # 64 to 256 draws
            assert not linear.bias.any()
    assert narrow.pos_embed.std().item() == pytest.approx(0.25, rel=0.25)
    assert plain.blocks[0].attn.proj.weight.std().item() == pytest.approx(0.02, rel=0.25)


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(ValueError, match=r"timm has no model 'deit_tinny'; near it: deit_t.*deit_tiny_patch16_224"):
        build({"timm": "deit_tinny"}, seed=0)
    with pytest.raises(ValueError, match=r"timm has no model 'xyzxyz'; near it: see timm.list_models"):
        build({"timm": "xyzxyz"}, seed=0)
    with pytest.raises(ValueError, match="no initialisation 'wide': choose from timm, narrow"):
        initialiser("wide")
    with pytest.raises(ValueError, match="no initialisation 'wide'"):
        build(SPECS["deit"] | {"init": "wide"}, seed=0)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [({"width": 3}, "width"), ({"embed_dim": 10, "num_heads": 3}, "divisible"), ({"embed_dim": "wide"}, "wide")],
)
def test_overrides_that_do_not_fit_are_named(overrides, said):
    with pytest.raises(ValueError, match=rf"timm's deit_tiny_patch16_224 cannot be built with .*{said}"):
        build({"timm": "deit_tiny_patch16_224", "overrides": GRID | overrides}, seed=0)


def test_a_failed_construction_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="cannot be built"):
        build({"timm": "deit_tiny_patch16_224", "overrides": GRID | {"embed_dim": 10, "num_heads": 3}}, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("overrides", "fused"),
    [({}, True), (GRID, False), ({"img_size": 32, "patch_size": 2}, True), ({"img_size": 16, "patch_size": 2}, False)],
)
def test_attention_is_fused_where_there_are_many_tokens(overrides, fused):
    choose_attention(overrides)
    assert bool(use_fused_attn()) is fused


@pytest.mark.parametrize("name", ["cait", "deit"])
def test_the_kernel_changes_rounding_only(name):
    """So the choice is one of speed."""
    outputs = []
    for fused in (False, True):
        timm.layers.set_fused_attn(fused)
        model = timm.create_model(SPECS[name]["timm"], **SPECS[name]["overrides"]).eval()
        model.load_state_dict(build(SPECS[name], seed=0).state_dict())
        outputs.append(model(torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))))
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)
