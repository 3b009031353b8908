"""Talking-heads attention by tiles: timm's results, parameters and names, whatever the shape."""

import copy
import pickle

import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_specs import SPECS
from timm.models.cait import ClassAttn, TalkingHeadAttn
from torch.utils._python_dispatch import TorchDispatchMode

from suite.models import build, fused_cait, layer_tokens
from suite.models.fused_cait import FusedTalkingHeadAttn, fuse, tile

PARAMETERS = ("qkv.weight", "qkv.bias", "proj.weight", "proj.bias", "proj_l.weight", "proj_w.weight", "proj_w.bias")


def attention(heads, width, *, seed=0, dtype=torch.float32, **options):
    """timm's attention in evaluation mode, no weight or bias zero, logits far from uniform."""
    module = TalkingHeadAttn(heads * width, num_heads=heads, qkv_bias=True, **options).to(dtype).eval()
    draw_all(module, seed=seed)
    return module


def draw_all(module, *, seed, std=0.4):
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=std, generator=generator)


def fused_copy(model):
    copied = copy.deepcopy(model)
    assert fuse(copied)
    return copied


def tokens(*shape, seed=1, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def apart(found, expected):
    """The largest difference, as a share of the largest value."""
    found, expected = found.detach().double(), expected.detach().double()
    return float((found - expected).abs().max() / expected.abs().max())


shapes = st.tuples(st.integers(1, 5), st.integers(1, 37), st.integers(1, 6), st.integers(1, 9))


@given(shape=shapes, budget=st.integers(1, 20_000), seed=st.integers(0, 99))
@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-5), (torch.float64, 1e-13)], ids=["f32", "f64"])
def test_any_shape_and_tile_give_timms_result(dtype, most, shape, budget, seed):
    batch, length, heads, width = shape
    timms = attention(heads, width, seed=seed, dtype=dtype)
    x = tokens(batch, length, heads * width, seed=seed, dtype=dtype)
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setitem(fused_cait.TILE, "cpu", budget)
        assert apart(fused_copy(timms)(x), timms(x)) < most


@pytest.mark.parametrize("budget", [1, 3_000, 9_000, 10**9], ids=["row", "rows", "image", "batch"])
@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_matters(name, budget, monkeypatch):
    """What the comparisons above could miss if a parameter had no effect at these sizes."""
    monkeypatch.setitem(fused_cait.TILE, "cpu", budget)
    timms, x = attention(3, 4), tokens(2, 17, 12)
    changed = copy.deepcopy(timms)
    with torch.no_grad():
        changed.get_parameter(name).mul_(1.5)
        assert apart(changed(x), timms(x)) > 1e-2
        assert apart(fused_copy(changed)(x), changed(x)) < 1e-5


def test_the_bias_before_the_softmax_cancels():
    """The one parameter that has no effect, on timm's path either."""
    timms, x = attention(3, 4, dtype=torch.float64), tokens(2, 17, 12, dtype=torch.float64)
    changed = copy.deepcopy(timms)
    with torch.no_grad():
        changed.proj_l.bias.add_(torch.tensor([5.0, -3.0, 0.5]))
        assert apart(changed(x), timms(x)) < 1e-13


@given(
    heads=st.integers(1, 16), length=st.integers(1, 800), size=st.sampled_from([2, 4, 8]), budget=st.integers(1, 2**23)
)
def test_a_tile_is_as_large_as_the_budget_allows(heads, length, size, budget):
    images, rows = tile(heads=heads, tokens=length, itemsize=size, budget=budget)
    row = 2 * heads * length * size
    assert images >= 1
    assert 1 <= rows <= length
    assert images == 1 or rows == length
    assert images * rows * row <= budget or (images, rows) == (1, 1)
    if rows == length:
        assert (images + 1) * rows * row > budget
    else:  # no fewer parts would do, and no smaller rows in as many
        parts = -(-length // rows)
        assert -(-length // (parts - 1)) * row > budget
        assert (rows - 1) * parts < length


def test_the_first_image_of_cait_s24_is_one_tile():
    assert tile(heads=8, tokens=196, itemsize=4, budget=fused_cait.TILE["cpu"]) == (1, 196)
    assert tile(heads=8, tokens=576, itemsize=4, budget=fused_cait.TILE["cpu"]) == (1, 96)


class Largest(TorchDispatchMode):
    """The bytes of the largest tensor that any operation makes."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.bytes = max(self.bytes, result.untyped_storage().nbytes())
        return result


@pytest.mark.parametrize(("images", "side"), [(8, 14), (2, 24)], ids=["224px", "384px"])
def test_no_map_outgrows_its_tile(images, side):
    """The largest tensor is the queries, keys and values together, or a tile's map; timm's is a batch of maps."""
    heads, width = 8, 48
    timms, x = attention(heads, width), tokens(images, side**2, heads * width)
    largest = {}
    for name, module in (("timm", timms), ("fused", fused_copy(timms))):
        with torch.no_grad(), Largest() as made:
            module(x)
        largest[name] = made.bytes
    assert largest["timm"] == images * heads * side**4 * 4
    assert largest["fused"] == 3 * x.nbytes
    assert largest["fused"] < largest["timm"]


def test_an_empty_batch_stays_empty():
    with torch.inference_mode():
        assert fused_copy(attention(2, 3))(torch.empty(0, 5, 6)).shape == (0, 5, 6)


NETWORKS = {
    "s24_224": ("cait_s24_224", {}),
    "s24_384": ("cait_s24_384", {"depth": 2}),
    "xs24_384": ("cait_xs24_384", {"depth": 2}),
    "xxs24_224": ("cait_xxs24_224", {"depth": 3}),
    "xxs36_96px": ("cait_xxs36_224", {"img_size": 96}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_whole_networks_agree(name):
    """LayerScale at 1, where every layer's attention counts as much as the stream, and no bias 0."""
    timms_name, overrides = NETWORKS[name]
    network = build({"timm": timms_name, "overrides": {"init_values": 1.0, **overrides}}, classes=20, seed=0).eval()
    for number, block in enumerate(network.blocks):
        draw_all(block.attn.proj_l, seed=number)
        draw_all(block.attn.proj_w, seed=-number - 1)
    side = network.patch_embed.img_size[0]
    images = tokens(1, 3, side, side)
    with torch.inference_mode():
        expected, expected_layers = network(images), layer_tokens(network, images)
        assert fuse(network) == len(network.blocks)
        assert apart(network(images), expected) < 1e-5
        for found, layer in zip(layer_tokens(network, images), expected_layers, strict=True):
            assert apart(found, layer) < 1e-5
        for block in network.blocks:  # the comparison is of networks whose attention matters
            block.attn.proj_w.bias.zero_()
        assert apart(network(images), expected) > 1e-3


def test_only_talking_heads_are_replaced():
    network = build(SPECS["cait"], classes=10, seed=0)
    assert fuse(network) == 2
    assert fuse(network) == 0
    assert [type(block.attn) for block in network.blocks] == [FusedTalkingHeadAttn] * 2
    assert {type(block.attn) for block in network.blocks_token_only} == {ClassAttn}


@pytest.mark.parametrize("family", sorted(set(SPECS) - {"cait"}))
def test_other_networks_are_left_alone(family):
    network = build(SPECS[family], classes=10, seed=0)
    before = [type(module) for module in network.modules()]
    assert fuse(network) == 0
    assert [type(module) for module in network.modules()] == before


def test_a_class_derived_from_timms_is_left_alone():
    class Other(TalkingHeadAttn):
        def forward(self, x):
            return x

    assert fuse(torch.nn.Sequential(Other(4, 2))) == 0


def test_parameters_names_and_hooks_stay():
    network = build(SPECS["cait"], classes=10, seed=0).eval()
    before = network.state_dict(keep_vars=True)
    images, seen = torch.rand(2, 1, 8, 8), []
    network.blocks[1].attn.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape))
    fuse(network)
    after = network.state_dict(keep_vars=True)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    with torch.inference_mode():
        fused = network(images)
        assert seen == [(2, 16, 8)]
        fresh = build(SPECS["cait"], classes=10, seed=1).eval()
        fresh.load_state_dict(network.state_dict())
        assert apart(fused, fresh(images)) < 1e-5
        fuse(fresh)
        draw_all(fresh, seed=5)
        fresh.load_state_dict(network.state_dict())
        assert torch.equal(fused, fresh(images))
        assert torch.equal(fused, pickle.loads(pickle.dumps(fresh))(images))  # noqa: S301


def test_training_runs_timms_own_forward():
    """Dropout of maps and projections draws the same numbers."""
    timms = attention(2, 4, attn_drop=0.3, proj_drop=0.2).train()
    fused, x = fused_copy(timms), tokens(3, 7, 8)
    outputs = []
    for module in (timms, fused):
        torch.manual_seed(0)
        outputs.append(module(x))
    assert torch.equal(*outputs)
    assert apart(outputs[0], timms.eval()(x)) > 0.1
    assert apart(fused.eval()(x), timms(x)) < 1e-5


@pytest.mark.parametrize("budget", [500, 10**9], ids=["tiles", "batch"])
def test_gradients_are_timms(budget, monkeypatch):
    monkeypatch.setitem(fused_cait.TILE, "cpu", budget)
    timms = attention(3, 4, dtype=torch.float64)
    found = {}
    for name, module in (("timm", timms), ("fused", fused_copy(timms))):
        x = tokens(2, 11, 12, dtype=torch.float64).requires_grad_()
        module(x).sin().sum().backward()
        found[name] = {key: parameter.grad for key, parameter in module.named_parameters()} | {"x": x.grad}
    cancelled = found["fused"].pop("proj_l.bias"), found["timm"].pop("proj_l.bias")
    assert cancelled[0] is None
    assert cancelled[1].abs().max() < 1e-12
    assert len(found["timm"]) == len(PARAMETERS) + 1
    for key, gradient in found["timm"].items():
        assert apart(found["fused"][key], gradient) < 1e-12, key


@pytest.mark.parametrize("how", ["weights", "autocast"])
def test_bf16_errs_no_more_than_timms_bf16(how):
    """Both round to 8 bits; ours skips the rounding of a map plus its bias."""
    timms, x = attention(4, 16), tokens(3, 50, 64)
    with torch.inference_mode():
        exact = copy.deepcopy(timms).double()(x.double())
        fused = fused_copy(timms)
        if how == "weights":
            found, theirs = (module.bfloat16()(x.bfloat16()) for module in (fused, timms))
        else:
            with torch.autocast("cpu", torch.bfloat16):
                found, theirs = fused(x), timms(x)
    assert found.dtype == theirs.dtype == torch.bfloat16
    assert apart(found, exact) < 1.1 * apart(theirs, exact)
    assert apart(found, exact) < 4 * torch.finfo(torch.bfloat16).eps


def test_a_compiler_sees_one_graph():
    """Tracing only: what a compiler makes of it depends on the machine."""
    network = timm.create_model("cait_xxs24_224", img_size=32, patch_size=8, depth=1, init_values=1.0).eval()
    fuse(network)
    images = tokens(2, 3, 32, 32)
    with torch.inference_mode():
        expected = network(images)
        torch._dynamo.reset()
        compiled = torch.compile(network, backend="eager", fullgraph=True)
        assert apart(compiled(images), expected) < 1e-5
