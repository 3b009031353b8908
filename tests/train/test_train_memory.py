"""What students need in memory, told before they are trained."""

import pytest
import torch
from train_nets import SIDE, outcome, student, teacher

from baselines.students import Tapped, ViTConfig, build_student
from suite.train.memory import GIB, MARGIN, Need, available, fitting, kept_for_backward, need
from suite.train.numerics import Numerics
from suite.train.stream import Batch
from suite.train.teacher import Live, Teacher


def probe(one, images, *, numerics=None, side=SIDE, channels=1):
    numerics = numerics or Numerics("cpu")
    asked = {"trained": Teacher.of(teacher(), [one.method.taps])} if one.teacher else {}
    pixels = torch.randn(images, channels, side, side, generator=torch.Generator().manual_seed(images))
    return Batch(pixels, torch.zeros(images, dtype=torch.long), Live(asked, numerics)((), pixels))


def weighed(one, micro):
    return need(one, (probe(one, 2), probe(one, 4)), micro)


def test_what_is_held_for_the_backward_pass_grows_with_the_slice_and_the_rest_does_not(tmp_path):
    one = student("projector_kd", tmp_path)
    before = outcome(one)
    small, large = weighed(one, 8), weighed(one, 16)
    assert small.activations == pytest.approx(kept_for_backward(one, probe(one, 8)), rel=0.02), "as it is"
    assert large.activations == pytest.approx(kept_for_backward(one, probe(one, 16)), rel=0.02)
    assert small.gradients == 4 * sum(p.numel() for p in one.both.parameters() if p.requires_grad)
    assert small.optimiser == 2 * small.gradients
    assert small.average == 4 * sum(p.numel() for p in one.network.parameters())
    assert small.weights >= small.gradients
    after = outcome(one)
    assert all(torch.equal(v, after[k]) for k, v in before.items() if isinstance(v, torch.Tensor)), "no trace is left"
    assert "activations" in small.line()
    assert weighed(student("none", tmp_path, ema_decay=0.0), 8).average == 0


def test_half_precision_copies_of_weights_are_not_multiplied(tmp_path):
    """Autocast keeps one copy of each weight, whatever the slice: a quarter too much at a DeiT-Tiny otherwise."""
    half = Numerics("cpu", "bfloat16")
    wide = ViTConfig(embed_dim=96, depth=2, num_heads=2, img_size=8, patch_size=4, in_chans=1, num_classes=4)
    network = build_student("plain", wide, generator=torch.Generator().manual_seed(0))
    assert isinstance(network, Tapped)
    one = student("none", tmp_path, numerics=half)
    one.network, one.both = network, torch.nn.ModuleDict({"student": network, "method": one.method})
    found = need(one, (probe(one, 2), probe(one, 4)), 64)
    true = kept_for_backward(one, probe(one, 64))
    assert found.activations == pytest.approx(true, rel=0.02)
    assert kept_for_backward(one, probe(one, 2)) * 32 > 1.3 * true


def test_students_that_do_not_fit_are_named_in_order():
    def one(label, lasting, activations):
        return Need(label, weights=lasting, gradients=0, optimiser=0, average=0, activations=activations)

    def fits(shared, room):
        return fitting(needs, shared=shared, available=round(MARGIN * room))

    needs = [one("a", 10, 30), one("b", 10, 50), one("c", 40, 10), one("d", 5, 10)]
    assert fits(20, 200) == [True] * 4
    assert fits(20, 100) == [True, True, False, True]
    assert fits(20, 89) == [True, False, False, True]
    assert fits(95, 100) == [False] * 4
    assert fitting(needs[:1], shared=0, available=40) == [False], "something is left for what is not counted"


def test_the_memory_there_is_can_be_limited():
    assert available("cpu", 2.0) == 2 * GIB
    assert available("cpu", None) > GIB // 16
