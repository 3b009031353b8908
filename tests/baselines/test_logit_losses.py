"""What the divergence from the teacher's distribution must obey, and how the terms are weighed."""

import pytest
import torch
import torch.nn.functional as F
from baseline_nets import CLASSES, STUDENT, TEACHER, both, network, seeded
from hypothesis import given
from hypothesis import strategies as st

from baselines import METHODS, Outputs, Taps, build, total
from baselines._logits import kl, soft_kd

# float64 throughout: sums of at most a few hundred terms of order one.
EXACT = {"rtol": 1e-9, "atol": 1e-12}
seeds = st.integers(0, 2**31)
temperatures = st.floats(0.25, 8)


def logits(seed, *, images=3, classes=5, scale=2.0):
    return scale * torch.randn(2, images, classes, generator=seeded(seed), dtype=torch.float64)


def made(name, **options):
    return build(name, student=STUDENT, teacher=TEACHER, options=options, generator=seeded())


def run(method, own, taught, labels, **changes):
    return method(own, taught, labels, generator=seeded(5), **changes)


@given(seed=seeds, temperature=temperatures, shift=st.floats(-50, 50))
def test_shifting_logits_changes_nothing(seed, temperature, shift):
    student, teacher = logits(seed)
    plain = soft_kd(student, teacher, temperature=temperature)
    torch.testing.assert_close(soft_kd(student + shift, teacher, temperature=temperature), plain, **EXACT)
    torch.testing.assert_close(soft_kd(student, teacher - shift, temperature=temperature), plain, **EXACT)


@given(seed=seeds, temperature=temperatures, factor=st.floats(0.25, 4))
def test_temperature_is_a_unit_of_the_logits(seed, temperature, factor):
    """Logits and temperature in another unit: the loss changes by its square, the gradient by the unit."""
    student, teacher = logits(seed)
    plain = soft_kd(student, teacher, temperature=temperature)
    rescaled = soft_kd(factor * student, factor * teacher, temperature=factor * temperature)
    torch.testing.assert_close(rescaled, factor**2 * plain, **EXACT)


@given(seed=seeds, temperature=temperatures)
def test_zero_at_equality_up_to_a_shift_and_positive_elsewhere(seed, temperature):
    student, teacher = logits(seed)
    assert soft_kd(teacher + 1, teacher, temperature=temperature).abs() < 1e-12
    assert soft_kd(student, teacher, temperature=temperature) > 0


@given(seed=seeds, labels=st.lists(st.integers(0, 4), min_size=3, max_size=3))
def test_divergence_splits_into_target_and_non_target_parts(seed, labels):
    """KL = TCKD + (1 − p_y)·NCKD for every label (arXiv 2203.08679)."""
    student, teacher = logits(seed)
    target = F.one_hot(torch.tensor(labels), 5).bool()

    def parts(z):
        p = z.softmax(-1)[target]
        return torch.stack([p, 1 - p], -1), z[~target].reshape(3, 4).softmax(-1)

    def divergence(p, q):
        return (p * (p / q).log()).sum(-1)

    (own_binary, own_rest), (taught_binary, taught_rest) = parts(student), parts(teacher)
    target_part = divergence(taught_binary, own_binary)
    rest_part = divergence(taught_rest, own_rest)
    split = (target_part + taught_binary[:, 1] * rest_part).mean()
    torch.testing.assert_close(split, kl(student, teacher), **EXACT)


@given(seed=seeds, temperature=temperatures)
def test_deits_soft_loss_is_smaller_by_the_number_of_classes(seed, temperature):
    student, teacher = logits(seed)
    summed = F.kl_div(
        (student / temperature).log_softmax(-1),
        (teacher / temperature).log_softmax(-1),
        reduction="sum",
        log_target=True,
    )
    deit = summed * temperature**2 / student.numel()
    torch.testing.assert_close(deit, soft_kd(student, teacher, temperature=temperature) / 5, **EXACT)


@given(seed=seeds)
def test_cross_entropy_with_the_teacher_differs_by_its_entropy(seed):
    """So the two forms found in the wild have one gradient but not one value."""
    student, teacher = logits(seed)
    p = teacher.softmax(-1)
    cross_entropy = -(p * student.log_softmax(-1)).sum(-1).mean()
    entropy = -(p * p.log()).sum(-1).mean()
    torch.testing.assert_close(kl(student, teacher), cross_entropy - entropy, **EXACT)


def test_terms_are_weighed_as_written():
    own, taught, labels = both(Taps())
    options = {"alpha": 0.7, "temperature": 2.0, "label_smoothing": 0.2}
    terms = run(made("soft_kd", **options), own, taught, labels)
    ce = F.cross_entropy(own.logits, labels, label_smoothing=0.2)
    kd = soft_kd(own.logits, taught.logits, temperature=2.0)
    torch.testing.assert_close(terms, {"ce": 0.3 * ce, "kd": 0.7 * kd})
    torch.testing.assert_close(total(terms), 0.3 * ce + 0.7 * kd)


def test_terms_of_weight_zero_are_left_out():
    batch = both(Taps())
    assert run(made("soft_kd", alpha=1.0), *batch).keys() == {"kd"}
    without = run(made("soft_kd", alpha=0.0), *batch)
    assert without.keys() == {"ce"}
    assert torch.equal(without["ce"], run(made("none"), *batch)["ce"])
    assert run(made("deit_hard", alpha=1.0), *batch).keys() == {"kd"}
    assert run(made("deit_hard", alpha=0.0), *batch).keys() == {"ce"}


FEATURE_METHODS = [name for name, method in METHODS.items() if hasattr(method.options_type, "weight")]


def test_there_are_feature_methods():
    assert "spectral_kd" in FEATURE_METHODS
    assert "soft_kd" not in FEATURE_METHODS


@pytest.mark.parametrize("name", FEATURE_METHODS)
@pytest.mark.parametrize("progress", [0.0, 0.99])
def test_weight_zero_is_soft_kd_to_the_last_bit_and_taps_nothing(name, progress):
    options = {"alpha": 0.8, "temperature": 3.0, "label_smoothing": 0.05}
    batch = both(Taps())
    method = made(name, weight=0.0, **options)
    assert method.taps == Taps()
    assert not list(method.parameters())
    found = run(method, *batch, progress=progress)
    wanted = run(made("soft_kd", **options), *batch)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[term], wanted[term]) for term in wanted)


@pytest.mark.parametrize("name", FEATURE_METHODS)
def test_without_logits_the_labels_count_in_full(name):
    method = made(name, logits=False)
    own, taught, labels = both(method.taps)
    terms = run(method, own, taught, labels, progress=0.99)
    with_logits = run(made(name), own, taught, labels, progress=0.99)
    assert "kd" not in terms
    assert torch.equal(terms["ce"], F.cross_entropy(own.logits, labels, label_smoothing=0.1))
    assert terms.keys() - {"ce"} == with_logits.keys() - {"ce", "kd"}


@pytest.mark.parametrize("name", FEATURE_METHODS)
def test_feature_terms_scale_with_their_weight(name):
    method, doubled = made(name, weight=1.5), made(name, weight=3.0)
    batch = both(method.taps)
    once, twice = run(method, *batch, progress=0.0), run(doubled, *batch, progress=0.0)
    for term in once.keys() - {"ce", "kd"}:
        torch.testing.assert_close(twice[term], 2 * once[term])


@pytest.mark.parametrize("name", FEATURE_METHODS)
def test_features_alone_need_no_common_classes(name):
    headless = network(depth=10, channels=24, classes=0)
    with pytest.raises(ValueError, match="no classifier"):
        build(name, student=STUDENT, teacher=headless, generator=seeded())
    build(name, student=STUDENT, teacher=headless, options={"logits": False}, generator=seeded())


@pytest.mark.parametrize("name", ["soft_kd", "deit_hard"])
def test_logits_of_other_classes_cannot_be_compared(name):
    other = network(depth=10, channels=24, classes=CLASSES + 1)
    with pytest.raises(ValueError, match=f"{CLASSES} classes and the teacher {CLASSES + 1}"):
        build(name, student=STUDENT, teacher=other, generator=seeded())


def test_hard_distillation_uses_the_token_where_there_is_one():
    own, taught, labels = both(Taps())
    method = made("deit_hard", alpha=0.3)
    chosen = taught.logits.argmax(-1)
    plain = run(method, own, taught, labels)
    torch.testing.assert_close(plain["kd"], 0.3 * F.cross_entropy(own.logits, chosen))
    token = torch.randn(own.logits.shape, generator=seeded(8)).requires_grad_()
    terms = run(method, Outputs(own.logits, distillation_logits=token), taught, labels)
    torch.testing.assert_close(terms["kd"], 0.3 * F.cross_entropy(token, chosen))
    torch.testing.assert_close(terms["ce"], plain["ce"])
    torch.testing.assert_close(plain["ce"], 0.7 * F.cross_entropy(own.logits, labels, label_smoothing=0.1))
    total(terms).backward()
    assert token.grad is not None
