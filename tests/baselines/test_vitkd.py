"""ViTKD: what is dropped, what that touches, and what its weights mean."""

from dataclasses import replace

import pytest
import torch
from baseline_nets import STUDENT, TEACHER, both, network, seeded
from hypothesis import given
from hypothesis import strategies as st

from baselines import MapShape, build
from baselines.vitkd import draw_mask

WEIGHTS = {"mimic_weight": 1.0, "generation_weight": 1.0}
"""Of order one, so that absolute tolerances mean something."""


def made(*, student=STUDENT, teacher=TEACHER, **options):
    return build("vitkd", student=student, teacher=teacher, options=WEIGHTS | options, generator=seeded())


def finals(seed=1):
    generator = seeded(seed)
    student = torch.randn(3, 12, 4, 4, generator=generator, requires_grad=True)
    return student, torch.randn(3, 24, 4, 4, generator=generator, requires_grad=True)


@given(
    images=st.integers(1, 5),
    tokens=st.integers(1, 200),
    ratio=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**31),
)
def test_every_image_drops_the_published_number_of_tokens(images, tokens, ratio, seed):
    dropped = draw_mask(images, tokens, ratio=ratio, generator=seeded(seed))
    assert dropped.shape == (images, tokens)
    assert (dropped.sum(1) == tokens - int(tokens * (1 - ratio))).all()
    assert torch.equal(dropped, draw_mask(images, tokens, ratio=ratio, generator=seeded(seed)))


def test_masks_favour_no_token_and_differ_between_images():
    dropped = draw_mask(4000, 16, ratio=0.5, generator=seeded())
    rates = dropped.double().mean(0)
    assert (rates - 0.5).abs().max() < 5 * 0.5 / 4000**0.5  # five standard errors of a fair draw
    assert len(dropped.unique(dim=0)) > 1000


@given(seed=st.integers(0, 2**31))
def test_kept_tokens_are_not_compared(seed):
    method = made()
    student, teacher = finals(seed)
    dropped = draw_mask(3, 16, ratio=0.5, generator=seeded(seed))
    as_map = dropped.reshape(3, 1, 4, 4)
    plain = method.part.generate(student, teacher, dropped=dropped)
    noise = torch.randn(teacher.shape, generator=seeded(seed + 1))
    assert torch.equal(method.part.generate(student, teacher + noise * ~as_map, dropped=dropped), plain)
    assert not torch.equal(method.part.generate(student, teacher + noise * as_map, dropped=dropped), plain)


@given(seed=st.integers(0, 2**31))
def test_dropped_tokens_of_the_student_are_hidden(seed):
    method = made()
    student, teacher = finals(seed)
    dropped = draw_mask(3, 16, ratio=0.5, generator=seeded(seed))
    (gradient,) = torch.autograd.grad(method.part.generate(student, teacher, dropped=dropped), student)
    touched = gradient.abs().sum(1).flatten(1) > 0
    assert not (touched & dropped).any()
    assert touched.any()


def test_a_kept_token_matters_only_near_a_dropped_one():
    """Two 3x3 convolutions see two tokens away and no further."""
    method = made(
        student=network(depth=2, channels=12, height=8, width=8),
        teacher=network(depth=2, channels=24, height=8, width=8),
    )
    student = torch.randn(1, 12, 8, 8, generator=seeded(), requires_grad=True)
    teacher = torch.randn(1, 24, 8, 8, generator=seeded(1))
    dropped = torch.zeros(1, 64, dtype=torch.bool)
    dropped[0, 0] = True
    (gradient,) = torch.autograd.grad(method.part.generate(student, teacher, dropped=dropped), student)
    reached = gradient[0].abs().sum(0) > 0
    near = torch.zeros(8, 8, dtype=torch.bool)
    near[:3, :3] = True
    near[0, 0] = False  # the dropped token itself is hidden
    assert torch.equal(reached, near)


def test_equal_shallow_maps_cost_nothing_at_equal_width():
    method = made(student=network(depth=8, channels=24))
    maps = [torch.randn(2, 24, 4, 4, generator=seeded(i)) for i in range(2)]
    assert method.part.mimic(maps, maps) == 0
    assert method.part.mimic([maps[0] + 1, maps[1]], maps) == 24 * 16


def test_only_unequal_widths_are_aligned():
    """2,877,696 parameters from 192 to 384 channels, 2,655,360 at 384, as in the released module."""

    def size(narrow):
        student = network(depth=12, channels=narrow)
        method = made(student=student, teacher=network(depth=12, channels=384))
        return sum(parameter.numel() for parameter in method.parameters())

    assert size(192) == 2_877_696
    assert size(384) == 2_655_360


def test_taps_the_first_two_blocks_and_the_normed_final_map():
    taps = made().taps
    assert taps.student == taps.teacher == (0, 1)
    assert taps.student_final
    assert taps.teacher_final


def features(method, seed=1):
    own, taught, labels = both(method.taps, student=STUDENT, teacher=TEACHER, seed=seed)
    terms = method(own, taught, labels, generator=seeded(3))
    return {name: terms[name].detach() for name in ("mimic", "generation")}


def test_the_mean_form_weighs_as_the_sum_form_at_the_published_size():
    """At another size the sum form follows tokens x channels, the mean form does not."""
    summed, averaged = features(made(form="sum")), features(made(form="mean"))
    published, here = 14 * 14 * 384, 4 * 4 * 24
    for name, value in summed.items():
        torch.testing.assert_close(averaged[name], value * published / here)


def test_the_mean_form_is_the_published_weight_on_a_mean():
    """α·2·N·D = 4.52 on the mean over both shallow layers, (β/λ)·N/2·D = .226 on the dropped half."""
    method = made(form="mean", mimic_weight=3e-5, generation_weight=3e-6, student=TEACHER)
    zeros = [torch.zeros(2, 24, 4, 4)] * 2
    ones = [torch.ones(2, 24, 4, 4)] * 2
    assert method.part.mimic(zeros, ones).item() == pytest.approx(4.52, abs=0.005)
    method.part.generation.requires_grad_(False)
    for parameter in method.part.generation.parameters():
        parameter.zero_()
    half = torch.arange(16).repeat(2, 1) < 8
    assert method.part.generate(zeros[0], ones[0], dropped=half).item() == pytest.approx(0.226, abs=0.0005)


def test_other_grids_of_the_final_map_are_refused():
    with pytest.raises(ValueError, match="final map has a 4x5 grid"):
        made(student=replace(STUDENT, final=MapShape(12, 4, 5)))
