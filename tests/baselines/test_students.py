"""Student architectures: sizes as printed, what their maps are, and where their weights come from."""

import pytest
import torch
import torch.nn.functional as F
from baseline_nets import as_map, images, seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.models import VisionTransformer

from baselines import build, total
from baselines.students import STUDENTS, Tapped, ViTConfig, build_student, width_aware
from baselines.students.uniform_wide import matched_width, parameters_at

PAPER = ViTConfig()
TINY = ViTConfig(embed_dim=8, depth=3, num_heads=2, img_size=8, patch_size=2, in_chans=1, num_classes=5)
WIDTH = 16
OPTIONS = {"lift": {"width": WIDTH}, "wide_last": {"width": WIDTH}, "uniform_wide": {"width": 10}}


def vit(width):
    """A teacher of the students' grid and depth."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VisionTransformer(
            img_size=8, patch_size=2, in_chans=1, num_classes=5, embed_dim=width, depth=3, num_heads=2
        )


every_student = pytest.mark.parametrize("name", STUDENTS)
every_init = pytest.mark.parametrize("init", [None, width_aware], ids=["timm", "width-aware"])


def made(name, config=TINY, *, seed=0, init=None, **options):
    return build_student(name, config, generator=seeded(seed), init=init, options=options or OPTIONS.get(name))


def size(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("plain", {}, 5_717_416),
        ("pooled", {}, 5_717_416),
        ("lift", {"width": 384}, 5_983_528),
        ("wide_last", {"width": 384}, 7_313_896),  # the paper prints 7,239,016, see its docstring
        ("uniform_wide", {"width": 204}, 6_427_204),
        ("uniform_wide", {"width": 216}, 7_178_464),
        ("uniform_wide", {"width": 219}, 7_372_759),
    ],
)
def test_sizes_of_the_paper(name, options, parameters):
    assert size(made(name, PAPER, **options)) == parameters


def test_the_paper_counts_all_of_wide_last_but_what_leads_to_it():
    """The missing 74,880 are the projection, its norm, and the widening of the last norm."""
    missing = 192 * 384 + 2 * 384 + 2 * (384 - 192)
    assert size(made("wide_last", PAPER, width=384)) - missing == 7_239_016


@settings(max_examples=15)
@given(width=st.integers(1, 12), heads=st.integers(1, 3), extra=st.integers(0, 3000))
def test_matched_width_is_the_nearest_there_is(width, heads, extra):
    config = ViTConfig(embed_dim=heads, depth=2, num_heads=heads, img_size=4, patch_size=2, num_classes=3)
    target = parameters_at(config, width * heads) + extra
    found = matched_width(config, target)
    assert found % heads == 0
    distance = abs(parameters_at(config, found) - target)
    others = (w for w in (found - heads, found + heads) if w > 0)
    assert all(distance <= abs(parameters_at(config, w) - target) for w in others)
    if not extra:
        assert found == width * heads


def test_uniform_wide_by_parameters():
    student = made("uniform_wide", TINY, parameters=parameters_at(TINY, 14) + 1)
    assert student.backbone.embed_dim == 14
    for wrong in ({"width": 8, "parameters": 9}, {}):
        with pytest.raises(ValueError, match="either a width or the number of parameters"):
            build_student("uniform_wide", TINY, generator=seeded(), options=wrong)


@every_student
@every_init
def test_initial_values_come_from_the_generator_alone(name, init):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, same, other = (made(name, seed=seed, init=init) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(8)
    again = made(name, init=init)
    for key, value in one.state_dict().items():
        assert torch.equal(value, same.state_dict()[key])
        assert torch.equal(value, again.state_dict()[key])
    differing = [k for k, v in one.state_dict().items() if not torch.equal(v, other.state_dict()[k])]
    weights = [k for k, v in one.named_parameters() if v.ndim > 1]
    assert set(weights) <= set(differing)


@pytest.mark.parametrize("name", ["pooled", "lift", "wide_last"])
@every_init
def test_students_of_one_seed_share_the_weights_they_have_in_common(name, init):
    plain, other = made("plain", init=init).state_dict(), made(name, init=init).state_dict()
    common = [k for k in plain.keys() & other.keys() if plain[k].shape == other[k].shape]
    assert sum("blocks.1." in key for key in common) == 12  # all tensors of an inner block
    assert {"backbone.pos_embed", "backbone.patch_embed.proj.weight"} <= set(common)
    assert all(torch.equal(plain[key], other[key]) for key in common)


def test_width_aware_values_have_the_variance_of_the_width():
    config = ViTConfig(embed_dim=48, depth=2, num_heads=2, img_size=16, patch_size=2, num_classes=10)
    state = made("plain", config, init=width_aware).state_dict()
    # Xavier: variance 2 / (inputs + outputs); 5 % is ten standard errors of the smallest of these.
    for key, fans in {
        "blocks.0.mlp.fc1.weight": 48 + 192,
        "blocks.1.attn.qkv.weight": 48 + 144,
        "patch_embed.proj.weight": 12 + 48,
    }.items():
        assert state[f"backbone.{key}"].std().item() == pytest.approx((2 / fans) ** 0.5, rel=0.05), key
    assert state["backbone.pos_embed"].std().item() == pytest.approx(0.25, rel=0.05)
    assert not state["backbone.blocks.0.mlp.fc1.bias"].any()
    lifted = made("lift", config, init=width_aware, width=96).state_dict()
    assert lifted["lift.project.weight"].std().item() == pytest.approx((2 / (48 + 96)) ** 0.5, rel=0.05)


@every_student
def test_every_parameter_learns_and_every_layer_is_mapped(name):
    student = made(name)
    shapes = student.network(images(1))
    assert shapes.depth == TINY.depth
    outputs = student(images(), range(3), final=True)
    assert outputs.logits.shape == (2, shapes.classes) == (2, 5)
    assert outputs.final.shape[1:] == (shapes.final.channels, 4, 4)
    for layer, shape in shapes.maps.items():
        assert outputs.maps[layer].shape == (2, shape.channels, shape.height, shape.width)
    token = outputs.distillation_logits
    loss = F.cross_entropy(outputs.logits, torch.tensor([0, 3]))
    loss = loss if token is None else loss + F.cross_entropy(token, torch.tensor([0, 3]))
    loss.backward()
    assert [key for key, p in student.named_parameters() if p.grad is None or not p.grad.any()] == []


@every_student
def test_taps_change_nothing_and_only_what_is_asked_for_returns(name):
    student = made(name).eval()
    bare = student(images())
    assert not bare.maps
    assert bare.final is None
    tapped = student(images(), (2, 0), final=True)
    assert tapped.maps.keys() == {0, 2}
    assert torch.equal(bare.logits, tapped.logits)


@every_student
@pytest.mark.parametrize("layers", [(0, -1), (3,)])
def test_layers_that_are_not_there_are_refused(name, layers):
    """A negative one would be filed under a name nobody asks for."""
    with pytest.raises(ValueError, match="choose from 0 to 2"):
        made(name)(images(), layers)


def record(model, parts, x, **asked):
    """Outputs, and what each named part returned in the same pass."""
    seen = {}
    handles = [
        model.get_submodule(part).register_forward_hook(
            lambda _module, _inputs, output, part=part: seen.__setitem__(part, output)
        )
        for part in parts
    ]
    outputs = model(x, **asked)
    for handle in handles:
        handle.remove()
    return outputs, seen


@pytest.mark.parametrize(("name", "prefix"), [("plain", 1), ("pooled", 1), ("distilled", 2)])
def test_maps_are_unnormed_block_outputs_of_patch_tokens(name, prefix):
    student = made(name, init=width_aware).eval()
    outputs, seen = record(
        student,
        ["backbone.blocks.0", "backbone.blocks.2", "backbone.norm"],
        images(),
        layers=(0, 2),
        final=True,
    )
    assert torch.equal(outputs.maps[0], as_map(seen["backbone.blocks.0"], prefix))
    assert torch.equal(outputs.maps[2], as_map(seen["backbone.blocks.2"], prefix))
    assert torch.equal(outputs.final, as_map(seen["backbone.norm"], prefix))


def test_lift_reads_the_mean_of_lifted_patch_tokens():
    student = made("lift", init=width_aware).eval()
    parts = ["backbone.blocks.1", "backbone.blocks.2"]
    outputs, seen = record(student, parts, images(), layers=(1, 2), final=True)
    tokens = seen["backbone.blocks.2"][:, 1:] @ student.lift.project.weight.T
    lifted = F.layer_norm(tokens, (WIDTH,), eps=1e-6)
    torch.testing.assert_close(outputs.maps[2], as_map(lifted, 0))
    assert torch.equal(outputs.final, outputs.maps[2])
    assert torch.equal(outputs.maps[1], as_map(seen["backbone.blocks.1"], 1))
    torch.testing.assert_close(outputs.logits, student.head(lifted.mean(1)))
    assert student.lift.project.bias is None


def test_pooled_reads_the_mean_of_normed_patch_tokens():
    pooled, plain = made("pooled").eval(), made("plain").eval()
    assert pooled.state_dict().keys() == plain.state_dict().keys()
    outputs = pooled(images(), final=True)
    torch.testing.assert_close(outputs.logits, pooled.backbone.head(outputs.final.mean((2, 3))))
    assert not torch.allclose(outputs.logits, plain(images()).logits)


def test_wide_last_widens_every_token_before_the_last_block():
    student = made("wide_last", init=width_aware).eval()
    parts = ["backbone.blocks.1", "backbone.blocks.2.norm", "backbone.blocks.2.block", "backbone.norm"]
    outputs, seen = record(student, parts, images(), layers=(1, 2), final=True)
    wide = student.backbone.blocks[2]
    widened = F.layer_norm(seen["backbone.blocks.1"] @ wide.widen.weight.T, (WIDTH,), eps=1e-6)
    torch.testing.assert_close(seen["backbone.blocks.2.norm"], widened)
    assert widened.shape == (2, 17, WIDTH)
    assert torch.equal(outputs.maps[2], as_map(seen["backbone.blocks.2.block"], 1))
    assert torch.equal(outputs.final, as_map(seen["backbone.norm"], 1))
    torch.testing.assert_close(outputs.logits, student.backbone.head(seen["backbone.norm"][:, 0]))
    narrow = student.backbone.blocks[0]
    assert wide.widen.bias is None
    assert wide.block.attn.head_dim == narrow.attn.head_dim
    assert wide.block.norm1.eps == narrow.norm1.eps == wide.norm.eps


def test_wide_last_keeps_the_size_of_a_head():
    paper = made("wide_last", PAPER, width=384).backbone.blocks[-1].block
    assert paper.attn.num_heads == 6
    with pytest.raises(ValueError, match="cannot be split into heads of 4"):
        made("wide_last", width=18)


def test_distillation_token_has_its_own_head_in_training_only():
    student = made("distilled", init=width_aware)
    apart = student.train()(images())
    whole = student.eval()(images())
    assert not torch.equal(apart.logits, apart.distillation_logits)
    assert whole.distillation_logits is None
    torch.testing.assert_close(whole.logits, (apart.logits + apart.distillation_logits) / 2)


def test_what_is_said_when_a_student_cannot_be_built():
    with pytest.raises(ValueError, match="no student is called 'deep': choose from distilled, lift"):
        made("deep")
    with pytest.raises(ValueError, match="lift: missing a required argument: 'width'; its options are: width"):
        build_student("lift", TINY, generator=seeded())
    with pytest.raises(ValueError, match="'width'; its options are: none"):
        made("plain", width=3)
    with pytest.raises(ValueError, match="Linear is not a network with known layers"):
        Tapped(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="cannot be split into 3 heads"):
        ViTConfig(embed_dim=16, num_heads=3)
    with pytest.raises(ValueError, match="cannot be cut into patches of 3"):
        ViTConfig(img_size=8, patch_size=3)


@pytest.mark.parametrize("name", STUDENTS)
@pytest.mark.parametrize("method", ["spectral_kd", "vitkd", "fitnet", "projector_kd_released"])
def test_a_student_learns_from_a_teacher_by_a_method(name, method):
    """Every piece at once: shapes from the networks, taps from the method, one backward pass."""
    student, teacher = made(name, init=width_aware), Tapped(vit(WIDTH if name in OPTIONS else 8)).eval()
    last = {"student_layers": [-1], "teacher_layers": [-1]}
    built = build(
        method,
        student=student.network(images(1)),
        teacher=teacher.network(images(1)),
        options={} if method == "vitkd" else last,
        generator=seeded(),
    )
    x = images(3)
    with torch.no_grad():
        taught = teacher(x, built.taps.teacher, final=built.taps.teacher_final)
    own = student(x, built.taps.student, final=built.taps.student_final)
    terms = built(own, taught, torch.tensor([0, 1, 2]), generator=seeded())
    total(terms).backward()
    assert student.backbone.patch_embed.proj.weight.grad.any()
