"""What is read of attention layers is what timm's own modules compute."""

import pytest
import torch
from baseline_nets import images, seeded
from test_tapped_networks import NETWORKS
from timm.layers.attention import Attention
from timm.models import VisionTransformer
from timm.models.swin_transformer import WindowAttention

from baselines.students import Tapped, ViTConfig, build_student
from suite.models.fused_cait import FusedTalkingHeadAttn, fuse

KINDS = ("queries", "keys", "values", "scores")
WITH_ATTENTION = ["vit", "cait", "swin"]
CLOSE = {"rtol": 1e-5, "atol": 1e-6}  # float32, one product in another order


def read(kind, **asked):
    model, side, _ = NETWORKS[kind]
    with torch.no_grad():
        return Tapped(model).eval()(images(side=side), **asked)


def attention_of(model):
    """Every module that attends, in order."""
    return [m for m in model.modules() if isinstance(m, Attention | WindowAttention) or hasattr(m, "proj_l")]


@pytest.fixture
def unfused():
    """All attention of the test networks on timm's eager path, whose rows pass through a dropout."""
    modules = [m for model, _, _ in NETWORKS.values() for m in model.modules() if hasattr(m, "fused_attn")]
    before = [m.fused_attn for m in modules]
    for m in modules:
        m.fused_attn = False
    yield
    for m, value in zip(modules, before, strict=True):
        m.fused_attn = value


@pytest.mark.parametrize("kind", WITH_ATTENTION)
def test_softmax_of_the_scores_are_timms_rows(kind, unfused):
    model, side, _ = NETWORKS[kind]
    seen = []
    modules = attention_of(model)
    name = "proj_w" if kind == "cait" else "attn_drop"
    handles = [getattr(m, name).register_forward_pre_hook(lambda _m, given: seen.append(given[0])) for m in modules]
    net = Tapped(model).eval()
    shapes = net.network(images(1, side=side)).attention
    found = read(kind, attention=[("scores", layer) for layer in shapes]).attention
    for handle in handles:
        handle.remove()
    seen = seen[len(modules) :]  # `network` ran the model first
    for layer, shape in shapes.items():
        rows = seen[layer].movedim(-1, 1) if kind == "cait" else seen[layer]
        rows = rows.reshape(2, shape.windows * shape.heads, shape.tokens, shape.tokens)
        torch.testing.assert_close(found["scores", layer].softmax(-1), rows, **CLOSE)


@pytest.mark.parametrize("kind", WITH_ATTENTION)
def test_attention_put_together_from_what_is_read_is_timms_output(kind):
    """Rows times values, through the output projection, is what the module returns."""
    model, _, _ = NETWORKS[kind]
    modules, outputs = attention_of(model), []
    handles = [m.register_forward_hook(lambda _m, _given, output: outputs.append(output)) for m in modules]
    last = len(modules) - 1
    found = read(kind, attention=[("scores", last), ("values", last)]).attention
    for handle in handles:
        handle.remove()
    rows, values, module = found["scores", last].softmax(-1), found["values", last], modules[last]
    if kind == "cait":
        rows = module.proj_w(rows.movedim(1, -1)).movedim(-1, 1)
    mixed = (rows @ values).reshape(len(outputs[last]), module.num_heads, -1, values.shape[-1])
    torch.testing.assert_close(module.proj(mixed.transpose(1, 2).flatten(2)), outputs[last], **CLOSE)


@pytest.mark.parametrize("kind", WITH_ATTENTION)
def test_reading_changes_nothing_and_leaves_nothing_behind(kind):
    model, side, _ = NETWORKS[kind]
    net = Tapped(model).eval()
    asked = net.network(images(1, side=side)).everything()
    fused = [getattr(m, "fused_attn", None) for m in model.modules()]
    x = images(side=side)
    with torch.no_grad():
        plain, full = net(x).logits, net(x, **asked.keywords())
    torch.testing.assert_close(full.logits, plain, **CLOSE)
    assert set(full.attention) == set(asked.attention)
    assert [getattr(m, "fused_attn", None) for m in model.modules()] == fused
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_hooks_are_removed_even_where_the_network_breaks():
    model, _, _ = NETWORKS["vit"]
    net = Tapped(model).eval()
    with pytest.raises((AssertionError, RuntimeError)):
        net(images(side=10), attention=[("scores", 0)])
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_fused_attention_stays_on_where_nobody_needs_it_off(monkeypatch):
    """Scores of a ViT are made from its queries and keys; windows and talking heads go unfused for theirs alone."""
    calls = []
    plain = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        torch.nn.functional, "scaled_dot_product_attention", lambda *a, **k: (calls.append(1), plain(*a, **k))[1]
    )
    vit, _, _ = NETWORKS["vit"]
    if not vit.blocks[0].attn.fused_attn:
        pytest.skip("timm was told to use no fused attention")
    read("vit", attention=[("scores", 0), ("class_scores", 2)])
    assert len(calls) == 3


def test_fused_talking_heads_show_their_scores():
    model, _, _ = NETWORKS["cait"]
    wanted = read("cait", attention=[("scores", 1)]).attention["scores", 1]
    assert fuse(model) == 3
    try:
        found = read("cait", attention=[("scores", 1)]).attention["scores", 1]
        assert all(m.fused_attn for m in model.modules() if isinstance(m, FusedTalkingHeadAttn))
    finally:
        for m in attention_of(model):
            m.__class__ = FusedTalkingHeadAttn.__base__
    torch.testing.assert_close(found, wanted, **CLOSE)


def test_class_rows_of_a_vit_are_the_first_of_its_rows():
    found = read("vit", attention=[("scores", 2), ("class_scores", 2)]).attention
    torch.testing.assert_close(found["class_scores", 2], found["scores", 2][:, :, 0], **CLOSE)


def test_class_rows_leave_out_registers():
    with torch.random.fork_rng():
        model = VisionTransformer(
            img_size=8, patch_size=2, in_chans=1, num_classes=5, embed_dim=8, depth=1, num_heads=2, reg_tokens=3
        )
    found = Tapped(model).eval()(images(), attention=[("scores", 0), ("class_scores", 0)]).attention
    rows = found["scores", 0][:, :, 0]
    assert found["class_scores", 0].shape == (2, 2, 17)
    torch.testing.assert_close(found["class_scores", 0], torch.cat([rows[..., :1], rows[..., 4:]], -1), **CLOSE)


def test_class_rows_of_cait_are_those_of_its_class_attention(unfused):
    model, _, _ = NETWORKS["cait"]
    seen = []
    handles = [
        block.attn.attn_drop.register_forward_pre_hook(lambda _m, given: seen.append(given[0]))
        for block in model.blocks_token_only
    ]
    found = read("cait", attention=[("class_scores", 0), ("class_scores", 1)]).attention
    for handle in handles:
        handle.remove()
    for layer in (0, 1):
        torch.testing.assert_close(found["class_scores", layer].softmax(-1), seen[layer].squeeze(2), **CLOSE)


@pytest.mark.parametrize("kind", WITH_ATTENTION)
def test_a_compiled_network_shows_the_same(kind):
    """Hooks are not seen by a compiler: what is read of attention runs as written, the rest compiled."""
    model, side, _ = NETWORKS[kind]
    net = Tapped(model).eval()
    asked = net.network(images(1, side=side)).everything().keywords()
    x = images(side=side)
    with torch.no_grad():
        plain = net(x, **asked)
        net.compile(backend="eager")
        first, found = net(x).logits, net(x, **asked)
    torch.testing.assert_close(first, plain.logits, **CLOSE)
    assert found.attention.keys() == plain.attention.keys()
    for tap, values in plain.attention.items():
        torch.testing.assert_close(found.attention[tap], values, **CLOSE)


def test_a_network_says_what_attention_it_has():
    shapes = {kind: Tapped(model).network(images(1, side=side)) for kind, (model, side, _) in NETWORKS.items()}
    vit, swin = shapes["vit"].attention[2], shapes["swin"].attention
    assert (vit.heads, vit.width, vit.tokens, vit.prefix, vit.windows) == (2, 4, 17, 1, 1)
    assert [(s.heads, s.width, s.tokens, s.prefix, s.windows) for s in swin.values()] == [
        (1, 8, 16, 0, 4),
        (2, 8, 16, 0, 1),
    ]
    assert {kind: dict(s.class_heads) for kind, s in shapes.items()} == {
        "vit": {0: 2, 1: 2, 2: 2},
        "cait": {0: 2, 1: 2},
        "swin": {},
        "resnet": {},
    }
    assert shapes["cait"].attention[0].prefix == 0
    assert not shapes["resnet"].attention


@pytest.mark.parametrize(
    ("kind", "tap"), [("swin", ("class_scores", 0)), ("resnet", ("scores", 1)), ("vit", ("keys", 3))]
)
def test_attention_that_is_not_there_is_refused(kind, tap):
    with pytest.raises(ValueError, match="to tap: choose from"):
        read(kind, attention=[tap])


@pytest.mark.parametrize("student", ["plain", "lift", "wide_last", "distilled", "pooled"])
def test_students_show_their_attention_and_what_their_head_reads(student):
    config = ViTConfig(embed_dim=8, depth=2, num_heads=2, img_size=8, patch_size=2, in_chans=1, num_classes=5)
    wide = {"width": 16} if student in ("lift", "wide_last") else {}
    net = build_student(student, config, generator=seeded(), options=wide).eval()
    shapes = net.network(images(1))
    outputs = net(images(), **shapes.everything().keywords())
    assert shapes.attention[1].heads == (4 if student == "wide_last" else 2)
    assert outputs.pooled.shape == (2, shapes.pooled)
    head = net.head if student == "lift" else net.backbone.head
    if student != "distilled":
        torch.testing.assert_close(head(outputs.pooled), outputs.logits)


def test_gradients_reach_the_network_through_what_is_read():
    model, _, _ = NETWORKS["vit"]
    for kind in (*KINDS, "class_scores"):
        found = Tapped(model)(images(), attention=[(kind, 1)]).attention[kind, 1]
        (gradient,) = torch.autograd.grad(found.square().sum(), model.blocks[0].mlp.fc2.weight)
        assert gradient.abs().max() > 0
