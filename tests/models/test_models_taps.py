"""The tokens of every layer: what a hook on the layer sees, without class token, before any norm."""

import pytest
import torch
from model_specs import GRID, SPECS

from baselines.students import Tapped
from suite.models import build, layer_tokens

REGISTERS = {  # a class token and four registers in front of the patches
    "timm": "vit_small_patch14_reg4_dinov2",
    "overrides": GRID | {"embed_dim": 8, "depth": 2, "num_heads": 2},
}
DISTILLED = {  # two tokens in front
    "timm": "deit_tiny_distilled_patch16_224",
    "overrides": GRID | {"embed_dim": 8, "depth": 2, "num_heads": 2},
}


def hooked(model, layers, images):
    """What each layer returns, as it returns it."""
    seen = []
    handles = [layer.register_forward_hook(lambda _layer, _inputs, output: seen.append(output)) for layer in layers]
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    return seen


def layers_of(model):
    """The modules that the papers call layers."""
    if hasattr(model, "blocks"):
        return list(model.blocks)
    return list(model.layers) if hasattr(model, "layers") else [getattr(model, f"layer{n}") for n in range(1, 5)]


CLIP = {  # normalised before the first block
    "timm": "vit_base_patch16_clip_224.openai",
    "overrides": GRID | {"embed_dim": 8, "depth": 2, "num_heads": 2},
}


CASES = [
    # family, prefix tokens a block carries (None: maps), tokens and channels of each layer
    ("cait", SPECS["cait"], 0, [(16, 8)] * 2),
    ("deit", SPECS["deit"], 1, [(16, 8)] * 2),
    ("distilled", DISTILLED, 2, [(16, 8)] * 2),
    ("clip", CLIP, 1, [(16, 8)] * 2),
    ("registers", REGISTERS, 5, [(16, 8)] * 2),
    ("swin", SPECS["swin"], "NHWC", [(256, 8), (64, 16), (16, 32), (4, 64)]),
    ("resnet", SPECS["resnet"], "NCHW", [(64, 8), (16, 8), (4, 16), (4, 16)]),
]


@pytest.mark.parametrize(("spec", "form", "shapes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("tapped", [False, True], ids=["bare", "tapped"])
def test_tokens_are_what_the_layer_returns(spec, form, shapes, tapped):
    model = build(spec, classes=10, seed=0).eval()
    side = spec["overrides"].get("img_size", 32)
    images = torch.rand(3, 1, side, side, generator=torch.Generator().manual_seed(0))
    if form == "NHWC":
        expected = [x.flatten(1, 2) for x in hooked(model, layers_of(model), images)]
    elif form == "NCHW":
        expected = [x.flatten(2).transpose(1, 2) for x in hooked(model, layers_of(model), images)]
    else:
        expected = [x[:, form:] for x in hooked(model, layers_of(model), images)]
    with torch.no_grad():
        found = layer_tokens(Tapped(model) if tapped else model, images)
    assert [x.shape for x in found] == [(3, *shape) for shape in shapes]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["cait", "deit", "swin"])
def test_tokens_come_before_the_norm(name):
    """A norm would give every token mean 0 and variance 1."""
    model = build(SPECS[name], classes=10, seed=0).eval()
    side = SPECS[name]["overrides"]["img_size"]
    with torch.no_grad():
        for tokens in layer_tokens(model, torch.rand(3, 1, side, side)):
            assert (tokens.var(dim=2, unbiased=False) - 1).abs().max() > 0.05


def test_swins_stages_are_on_the_grid_of_the_image():
    """Token (h, w) of the first stage sees the patch at (h, w): a change there changes it most."""
    model = build(SPECS["swin"], classes=10, seed=0).eval()
    images = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    changed = images.clone()
    changed[..., 2 * 5 : 2 * 6, 2 * 11 : 2 * 12] += 1  # patch (5, 11)
    with torch.no_grad():
        difference = (layer_tokens(model, changed)[0] - layer_tokens(model, images)[0]).norm(dim=2)
    assert int(difference.argmax()) == 5 * 16 + 11


def test_a_layer_keeps_the_graph():
    """Students are trained through their taps."""
    model = build(SPECS["deit"], classes=10, seed=0)
    layer_tokens(model, torch.rand(2, 1, 8, 8))[0].sum().backward()
    assert model.blocks[0].mlp.fc2.weight.grad is not None
    assert model.blocks[1].mlp.fc2.weight.grad is None


def test_another_family_is_refused():
    model = build({"timm": "mobilenetv3_small_050"}, classes=10, seed=0)
    with pytest.raises(ValueError, match=r"MobileNetV3 is not a network with known layers: give a timm VisionTransf"):
        layer_tokens(model, torch.rand(2, 3, 32, 32))
