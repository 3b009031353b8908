"""The effective weight: a ratio of gradients, linear in the weight, measured without leaving a trace."""

import math

import pytest
import torch
from baseline_nets import images, seeded
from timm.models import Cait

from baselines import METHODS, Outputs, build
from baselines.effective import Effective, at_weight, effective
from baselines.students import Tapped, ViTConfig, build_student, width_aware

CONFIG = ViTConfig(embed_dim=12, depth=3, num_heads=3, img_size=8, patch_size=2, in_chans=1, num_classes=5)


def networks():
    student = build_student("plain", CONFIG, generator=seeded(), init=width_aware)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        cait = Cait(
            img_size=8, patch_size=2, in_chans=1, num_classes=5, embed_dim=24, depth=4, num_heads=4, init_values=0.5
        )
    width_aware(cait, seeded(1))
    return student, Tapped(cait).eval()


STUDENT, TEACHER = networks()
X, Y = images(4), torch.tensor([0, 1, 2, 3])


def made(name, **options):
    named = {"student_layers", "teacher_layers"} & set(METHODS[name].options_type.__dataclass_fields__)
    layers = {key: [-1] for key in named} if name in ("spectral_kd", "manifold_kd") else {}
    return build(
        name,
        student=STUDENT.network(X),
        teacher=TEACHER.network(X),
        options=layers | options,
        generator=seeded(2),
    )


def measured(method, *, progress=0.0, seed=0):
    with torch.no_grad():
        given = TEACHER(X, **method.taps.of_teacher.keywords())
    return effective(method, STUDENT, X, given, Y, generator=seeded(seed), progress=progress)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_an_effective_weight_and_measuring_leaves_no_trace(name):
    method = made(name)
    before = {key: x.clone() for key, x in (STUDENT.state_dict() | method.state_dict()).items()}
    state = torch.get_rng_state()
    found = measured(method)
    assert math.isfinite(found.ratio)
    assert (found.ratio > 0) == (name != "none")
    assert measured(method) == found
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(x, before[key]) for key, x in (STUDENT.state_dict() | method.state_dict()).items())
    assert all(p.grad is None for p in (*STUDENT.parameters(), *method.parameters()))


def test_it_is_the_ratio_of_the_two_gradients_that_backward_gives():
    method, soft = made("projector_kd", weight=0.7), made("soft_kd")
    block = list(STUDENT.backbone.blocks[-1].parameters())
    with torch.no_grad():
        given = TEACHER(X, **method.taps.of_teacher.keywords())

    def norm(loss):
        return float(torch.stack([g.double().square().sum() for g in torch.autograd.grad(loss, block)]).sum().sqrt())

    outputs = STUDENT(X, **method.taps.of_student.keywords())
    feature = norm(method(outputs, given, Y, generator=seeded())["feature"])
    whole = norm(sum(soft(STUDENT(X), given, Y, generator=seeded()).values()))
    found = measured(method)
    assert found.block == 2
    assert found.own == pytest.approx(feature, rel=1e-5)
    assert found.soft_kd == pytest.approx(whole, rel=1e-5)
    assert found.ratio == pytest.approx(feature / whole, rel=1e-5)


@pytest.mark.parametrize(("name", "option"), [("fd", "weight"), ("vitkd", "weight"), ("dist", "teacher_weight")])
def test_it_grows_with_the_weight_and_can_be_set(name, option):
    once = measured(made(name, **{option: 1.0}))
    method = made(name, **{option: 3.0})
    assert measured(method).ratio == pytest.approx(3 * once.ratio, rel=1e-4)
    at_weight(method, measured(method), wanted=0.25)
    assert measured(method).ratio == pytest.approx(0.25, rel=1e-4)


def test_soft_kd_beside_itself_lacks_its_labels_alone():
    """Its own term is the divergence: at an alpha of .9 most of the loss."""
    assert 0.5 < measured(made("soft_kd")).ratio < 1.5


def test_a_hint_is_measured_where_it_reaches():
    assert measured(made("fitnet", student_layers=[1], teacher_layers=[1])).block == 1
    assert measured(made("fd")).block == 2


def test_without_terms_of_its_own_there_is_nothing_to_weigh():
    for method, progress in ((made("none"), 0.0), (made("fitnet_two_stage"), 0.9), (made("fd", weight=0.0), 0.0)):
        found = measured(method, progress=progress)
        assert (found.ratio, found.block) == (0.0, -1)
        with pytest.raises(ValueError, match="no weight that could be scaled: choose"):
            at_weight(method, found, 1.0)
    assert Effective(0, 1.0, 0.0).ratio == math.inf


class NoBlocks(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 5)

    def forward(self, pixels, **_asked):
        return Outputs(self.head(pixels.flatten(1)))


def test_a_network_without_blocks_is_one_block():
    found = effective(made("soft_kd"), NoBlocks(), X, TEACHER(X), Y, generator=seeded())
    assert found.block == 0
    assert found.ratio > 0
