"""What the rivals of SoftKD on logits must obey, and where the authors' code gives no number."""

import pytest
import torch
import torch.nn.functional as F
from baseline_nets import CLASSES, STUDENT, TEACHER, both, seeded
from hypothesis import given
from hypothesis import strategies as st
from timm.models import VisionTransformer
from timm.task import FeatureDistillationTask, LogitDistillationTask

from baselines import Taps, build
from baselines._logits import kl, soft_kd
from baselines.dist import inter_class, intra_class
from baselines.dkd import decoupled
from baselines.lskd import standardise
from baselines.nkd import other_term, target_term
from baselines.ofa_kd import adaptive_target
from baselines.students import Tapped

EXACT = {"rtol": 1e-9, "atol": 1e-12}  # float64, sums of at most a few hundred terms of order one
seeds = st.integers(0, 2**31)
temperatures = st.floats(0.25, 8)


def logits(seed, *, images=6, classes=5, scale=2.0):
    return scale * torch.randn(2, images, classes, generator=seeded(seed), dtype=torch.float64)


def labels(seed, *, images=6, classes=5):
    return torch.randint(classes, (images,), generator=seeded(seed))


def made(name, **options):
    return build(name, student=STUDENT, teacher=TEACHER, options=options, generator=seeded())


def terms(method, *batch, progress=None):
    return method(*batch, generator=seeded(5), progress=progress)


# ------------------------------------------------------------------------------------------------------- DIST


@given(seed=seeds)
def test_dist_lies_between_0_and_2_and_is_0_at_equality(seed):
    p, q = logits(seed).softmax(-1)
    for relation in (inter_class, intra_class):
        assert 0 <= relation(p, q) <= 2
        assert abs(relation(p, p)) < 1e-4  # 1e-8 against products of norms not below 1e-4


@given(seed=seeds, scale=st.floats(0.1, 10), shift=st.floats(-3, 3))
def test_dist_sees_what_pearson_sees(seed, scale, shift):
    """Positive scale and shift of a row change nothing, of a negative one the sign; to the epsilon."""
    p, q = logits(seed)
    for relation in (inter_class, intra_class):
        plain = relation(p, q)
        torch.testing.assert_close(relation(scale * p + shift, q), plain, rtol=0, atol=1e-3)
        torch.testing.assert_close(relation(p, -scale * q), 2 - plain, rtol=0, atol=1e-3)
        torch.testing.assert_close(relation(p, q), relation(q, p), **EXACT)


def test_dist_reaches_both_ends():
    p = torch.tensor([[0.0, 1.0, 2.0], [3.0, 1.0, 0.0]], dtype=torch.float64)
    assert inter_class(p, -p).item() == pytest.approx(2, abs=1e-6)
    constant = torch.ones(2, 3, dtype=torch.float64)
    assert inter_class(p, constant) == 1


# ------------------------------------------------------------------------------------------------------- LSKD


@given(seed=seeds, scale=st.floats(0.1, 10), shift=st.floats(-50, 50), temperature=temperatures)
def test_lskd_is_free_of_affine_maps_of_the_logits_of_an_image(seed, scale, shift, temperature):
    student, teacher = logits(seed)
    rows = torch.linspace(1, 2, len(student), dtype=torch.float64)[:, None]

    def loss(z):
        return soft_kd(standardise(z), standardise(teacher), temperature=temperature)

    torch.testing.assert_close(loss(scale * rows * student + shift * rows), loss(student), rtol=1e-4, atol=1e-4)
    assert loss(teacher * scale + shift) < 1e-9 * temperature**2 + 1e-9
    standard = standardise(student)
    torch.testing.assert_close(standard.std(-1), torch.ones(6, dtype=torch.float64), rtol=0, atol=1e-4)


def test_lskd_of_equal_logits_is_finite_and_so_is_its_gradient():
    z = torch.zeros(3, 5, requires_grad=True)
    loss = soft_kd(standardise(z), standardise(torch.randn(3, 5, generator=seeded())))
    loss.backward()
    assert loss.isfinite()
    assert z.grad.isfinite().all()


@pytest.mark.parametrize(("name", "label", "teacher"), [("lskd", 0.1, 9.0), ("lskd_vit", 0.5, 10.0)])
def test_lskd_weighs_as_the_authors_do(name, label, teacher):
    own, taught, y = both(Taps())
    found = terms(made(name), own, taught, y)
    torch.testing.assert_close(found["ce"], label * F.cross_entropy(own.logits, y, label_smoothing=0.1))
    wanted = soft_kd(standardise(own.logits), standardise(taught.logits), temperature=2.0)
    torch.testing.assert_close(found["standardised"], teacher * wanted)


# ------------------------------------------------------------------------------------------------- DKD and NKD


@given(seed=seeds, temperature=temperatures)
def test_the_divergence_is_target_part_plus_the_rest_of_the_teacher_times_the_other_part(seed, temperature):
    """For one image at a time, since the factor is the image's own (arXiv 2203.08679)."""
    student, teacher = logits(seed)
    y = labels(seed)
    parts = [
        decoupled(s[None], t[None], c[None], temperature=temperature)
        for s, t, c in zip(student, teacher, y, strict=True)
    ]
    rest = 1 - (teacher / temperature).softmax(-1).gather(1, y[:, None])[:, 0]
    whole = torch.stack([target + r * other for (target, other), r in zip(parts, rest, strict=True)]).mean()
    torch.testing.assert_close(whole, soft_kd(student, teacher, temperature=temperature), **EXACT)


@given(seed=seeds)
def test_dkd_vanishes_at_equality_and_only_there(seed):
    student, teacher = logits(seed)
    assert sum(decoupled(teacher + 3, teacher, labels(seed))) < 1e-12
    assert all(part > 0 for part in decoupled(student, teacher, labels(seed)))


def test_dkd_at_a_gap_of_200_is_the_limit_that_float64_gives():
    own = torch.tensor([[200.0, 0.0, -200.0]], requires_grad=True)
    taught, y = torch.tensor([[0.0, 100.0, -100.0]]), torch.tensor([0])
    target, other = decoupled(own, taught, y)
    wanted = decoupled(own.detach().double(), taught.double(), y)
    torch.testing.assert_close(torch.stack([target, other]).double(), torch.stack(wanted), rtol=1e-5, atol=1e-4)
    (target + other).backward()
    assert own.grad.isfinite().all()


def test_dkd_warms_up_by_the_share_of_training():
    own, taught, y = both(Taps())
    full = terms(made("dkd"), own, taught, y)
    half = terms(made("dkd", warmup_share=0.2), own, taught, y, progress=0.1)
    torch.testing.assert_close(half["target"], 0.5 * full["target"])
    torch.testing.assert_close(half["non_target"], 0.5 * full["non_target"])
    assert torch.equal(half["ce"], full["ce"])
    with pytest.raises(ValueError, match="pass progress"):
        terms(made("dkd", warmup_share=0.2), own, taught, y)


@given(seed=seeds, temperature=temperatures)
def test_nkd_in_closed_form(seed, temperature):
    student, teacher = logits(seed)
    y = labels(seed)
    p, q = student.softmax(-1), teacher.softmax(-1)
    target = -sum(q[i, c] * p[i, c].log() for i, c in enumerate(y)) / len(y)
    torch.testing.assert_close(target_term(student, teacher, y), target, **EXACT)
    others = 0.0
    for i, c in enumerate(y):
        own, taught = ((z / temperature).softmax(-1) for z in (student[i], teacher[i]))
        keep = torch.arange(5) != c
        own, taught = own[keep] / (1 - own[c]), taught[keep] / (1 - taught[c])
        others = others - (taught * own.log()).sum() * temperature**2 / len(y)
    found = other_term(student, teacher, y, temperature=temperature)
    torch.testing.assert_close(found, others, rtol=1e-6, atol=1e-9)  # 1 − p loses digits where p is near 1


@given(seed=seeds)
def test_nkd_is_at_equality_the_entropy_of_the_teacher_over_the_other_classes(seed):
    _, teacher = logits(seed)
    y = labels(seed)
    rest = teacher[F.one_hot(y, 5) == 0].reshape(6, 4).softmax(-1)
    entropy = -(rest * rest.log()).sum(-1).mean()
    torch.testing.assert_close(other_term(teacher, teacher, y), entropy, **EXACT)


# ------------------------------------------------------------------------------------------------------ OFA-KD


@given(seed=seeds, temperature=temperatures)
def test_ofa_with_exponent_1_is_the_cross_entropy_with_the_teacher(seed, temperature):
    student, teacher = logits(seed)
    wanted = F.cross_entropy(student / temperature, (teacher / temperature).softmax(-1))
    for form in ("released", "described"):
        found = adaptive_target(student, teacher, labels(seed), exponent=1.0, temperature=temperature, form=form)
        torch.testing.assert_close(found, wanted, **EXACT)


@given(seed=seeds, exponent=st.floats(1.1, 3))
def test_the_two_forms_of_ofa_differ_in_the_other_classes_alone(seed, exponent):
    student, teacher = logits(seed)
    y = labels(seed)
    released = adaptive_target(student, teacher, y, exponent=exponent)
    described = adaptive_target(student, teacher, y, exponent=exponent, form="described")
    p, log_own = teacher.softmax(-1), student.log_softmax(-1)
    others = F.one_hot(y, 5) == 0
    wanted = -(others * (p - p**exponent) * log_own).sum(-1).mean()
    torch.testing.assert_close(described - released, wanted, rtol=1e-7, atol=1e-10)
    assert described > released  # p > p^e


def test_ofa_is_its_limit_where_the_softmax_saturates():
    own = torch.tensor([[200.0, 0.0, -200.0]], requires_grad=True)
    taught, y = torch.tensor([[0.0, 1.0, -1.0]]), torch.tensor([1])
    found = adaptive_target(own, taught, y, exponent=1.5)
    p = taught.softmax(-1)[0]
    wanted = 200 * ((p[1] + 1) ** 1.5 - 1) + 400 * p[2] ** 1.5
    torch.testing.assert_close(found, wanted)
    found.backward()
    assert own.grad.isfinite().all()


# ---------------------------------------------------------------------------------------- as coded, and stable


def dkd_by_softmax(own, taught, y, _e):
    """The logarithm taken of probabilities."""
    found = []
    for z in (own, taught):
        p = z.softmax(-1).gather(1, y[:, None])[:, 0]
        found.append(torch.stack([p, 1 - p], -1))
    return (found[1] * (found[1].log() - found[0].log())).sum(-1).mean()


def ofa_by_softmax(own, taught, y, e):
    target = F.one_hot(y, own.shape[-1])
    return -(((taught.softmax(-1) + target) ** e - target) * own.softmax(-1).log()).sum(-1).mean()


STABLE = {
    "dkd": (dkd_by_softmax, lambda own, taught, y, _e: decoupled(own, taught, y)[0]),
    "ofa": (ofa_by_softmax, lambda own, taught, y, e: adaptive_target(own, taught, y, exponent=e)),
}


@pytest.mark.parametrize("name", STABLE)
@given(seed=seeds, gap=st.floats(0.1, 15), exponent=st.floats(1, 2))
def test_equal_to_the_logarithm_of_a_softmax_where_that_is_finite(name, seed, gap, exponent):
    coded, ours = STABLE[name]
    student, teacher = logits(seed, scale=gap / 4)
    arguments = labels(seed), exponent
    torch.testing.assert_close(
        ours(student, teacher, *arguments), coded(student, teacher, *arguments), rtol=1e-5, atol=1e-7
    )  # 1 − p has lost up to seven digits


@pytest.mark.parametrize("name", STABLE)
def test_finite_where_the_logarithm_of_a_softmax_is_not(name):
    coded, ours = STABLE[name]
    own, taught = torch.tensor([[200.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]])
    for y in (0, 1):
        assert not coded(own, taught, torch.tensor([y]), 1.5).isfinite()
        assert ours(own, taught, torch.tensor([y]), 1.5).isfinite()


# -------------------------------------------------------------------------------------------------------- timm


def tiny(width, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = VisionTransformer(
            img_size=8, patch_size=4, in_chans=3, num_classes=CLASSES, embed_dim=width, depth=2, num_heads=2
        )
    made.pretrained_cfg = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    return made


def both_ways(name, task, **options):
    """Our method and timm's own task on the same two networks and batch: loss, and gradient of a student's weight."""
    student, teacher = tiny(8, 1), tiny(12, 2).requires_grad_(requires_grad=False)
    x = torch.randn(4, 3, 8, 8, generator=seeded())
    y = torch.randint(CLASSES, (4,), generator=seeded())
    theirs = task(student, teacher, criterion=torch.nn.CrossEntropyLoss(label_smoothing=0.1), verbose=False)
    own, taught = Tapped(student), Tapped(teacher).eval()
    method = build(name, student=own.network(x), teacher=taught.network(x), options=options, generator=seeded())
    projection = getattr(theirs.trainable_module, "projection", None)
    if projection is not None:
        projection.load_state_dict(method.part.projection.state_dict())
    reference = theirs.train()(x, y)
    asked = method.taps
    outputs = own.train()(x, **asked.of_student.keywords())
    given = taught(x, **asked.of_teacher.keywords())
    found = sum(method(outputs, given, y, generator=seeded()).values())
    weight = student.blocks[0].attn.qkv.weight
    gradients = [torch.autograd.grad(loss, weight)[0] for loss in (found, reference["loss"])]
    return (found, reference["loss"]), gradients


@pytest.mark.parametrize(
    ("name", "task", "options"),
    [
        ("timm_logit", LogitDistillationTask, {}),
        ("timm_feature", FeatureDistillationTask, {"logits": False}),
    ],
)
def test_timms_own_classes_are_the_oracle(name, task, options):
    losses, gradients = both_ways(name, task, **options)
    torch.testing.assert_close(*losses, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["dist", "lskd", "lskd_vit", "dkd", "nkd", "ofa_kd"])
def test_labels_or_teacher_alone(name):
    own, taught, y = both(Taps())
    without = terms(made(name, teacher_weight=0.0), own, taught, y)
    assert without.keys() == {"ce"}
    alone = terms(made(name, label_weight=0.0), own, taught, y)
    assert "ce" not in alone
    doubled = terms(made(name, label_weight=0.0, teacher_weight=2 * made(name).options.teacher_weight), own, taught, y)
    for term, value in alone.items():
        torch.testing.assert_close(doubled[term], 2 * value)


def test_the_divergence_that_all_are_compared_with_is_unchanged():
    student, teacher = logits(0)
    torch.testing.assert_close(soft_kd(student, teacher), kl(student, teacher), **EXACT)
