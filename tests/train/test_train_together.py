"""Students trained together are, bit for bit, the students trained alone."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from train_nets import (
    EVERY,
    RECIPE,
    STEPS,
    assert_same,
    fingerprint,
    live,
    modules,
    outcome,
    outcomes,
    student,
    teacher,
)

from suite.train.block import train


def trained(kinds, folder, **changes):
    """Outcome by kind of students trained together."""
    block = [student(kind, folder, **changes) for kind in kinds]
    train(block, live())
    return outcomes(block)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    return trained(EVERY, tmp_path_factory.mktemp("together"))


def test_every_student_learns_and_every_method_in_its_own_way(together, tmp_path):
    weight = "network backbone.patch_embed.proj.weight"
    for kind, result in together.items():
        assert not torch.equal(result[weight], outcome(student(kind, tmp_path))[weight])
        assert [record["step"] for record in result["history"]] == [3, STEPS]
    ends = {kind: result["history"][-1]["logits"] for kind, result in together.items()}
    assert ends.pop("soft_kd, shuffled") == ends["soft_kd"]  # it reads no map
    assert len(set(ends.values())) == len(ends)


@pytest.mark.parametrize("kind", EVERY)
def test_a_student_alone_is_the_student_in_a_block(kind, together, tmp_path):
    assert_same(trained([kind], tmp_path)[kind], together[kind])


@settings(max_examples=6)
@given(st.lists(st.sampled_from(EVERY), unique=True, min_size=2, max_size=6))
def test_neighbours_and_their_order_change_nothing(together, tmp_path_factory, kinds):
    for kind, result in trained(kinds, tmp_path_factory.mktemp("some")).items():
        assert_same(result, together[kind])


def test_neither_does_the_global_generator(together, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(1234)
        before = torch.get_rng_state()
        results = trained(["vitkd", "manifold_kd", "projector_kd", "none"], tmp_path)
        assert torch.equal(torch.get_rng_state(), before)
    for kind, result in results.items():
        assert_same(result, together[kind])


def test_nor_a_neighbour_of_another_length(together, tmp_path):
    block = [student("vitkd", tmp_path), student("manifold_kd", tmp_path, steps=2), student("none", tmp_path, steps=9)]
    train(block, live())
    assert [each.done for each in block] == [STEPS, 2, 9]
    assert_same(outcome(block[0]), together["vitkd"])


@pytest.mark.parametrize("kind", ["vitkd", "manifold_kd", "fitnet_two_stage"])
def test_twins_stay_alike(kind, tmp_path):
    one, other = (student(kind, tmp_path, key=key) for key in ("one", "other"))
    train([one, other], live())
    assert_same(outcome(one), outcome(other))


def _rate(step):
    """Linear warm-up from `warmup_lr`, then the cosine that a run without warm-up would be on."""
    warm = round(RECIPE["warmup"] * STEPS)
    if step < warm:
        return RECIPE["warmup_lr"] + step * (RECIPE["lr"] - RECIPE["warmup_lr"]) / warm
    return RECIPE["min_lr"] + 0.5 * (RECIPE["lr"] - RECIPE["min_lr"]) * (1 + math.cos(math.pi * step / STEPS))


def plain_run(name):
    """One student, one teacher, one loop: what a script for a single run would do."""
    network, method = modules(name)
    teacher_network, generator = teacher().eval(), torch.Generator().manual_seed(2)
    named = [*network.named_parameters(), *method.named_parameters()]
    named = [(key, p) for key, p in named if p.requires_grad]
    flat = [p for key, p in named if p.ndim <= 1 or key.endswith(".bias")]
    rest = [p for key, p in named if not (p.ndim <= 1 or key.endswith(".bias"))]
    groups = [{"params": flat, "weight_decay": 0.0}, {"params": rest, "weight_decay": RECIPE["weight_decay"]}]
    adam = torch.optim.AdamW(groups, lr=RECIPE["lr"], fused=True)
    stream, losses, norms = live(), [], []
    for step in range(STEPS):
        for group in adam.param_groups:
            group["lr"] = _rate(step)
        batch = stream.batch(step)
        with torch.no_grad():
            taught = None if name == "none" else teacher_network(batch.pixels, **method.taps.of_teacher.keywords())
        network.train()
        own = network(batch.pixels, **method.taps.of_student.keywords())
        loss = sum(method(own, taught, batch.labels, generator=generator, progress=step / STEPS).values())
        adam.zero_grad()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_([p for _, p in named], RECIPE["clip"])))
        adam.step()
        method.after_step()
        losses.append(float(loss.detach()))
    return network, method, losses, norms


@pytest.mark.parametrize("name", ["none", "soft_kd", "projector_kd", "vitkd", "manifold_kd", "fitnet_two_stage"])
def test_a_block_of_one_is_a_plain_run(name, together):
    network, method, losses, norms = plain_run(name)
    expected = {f"network {key}": value for key, value in network.state_dict().items()}
    expected |= {f"method {key}": value for key, value in method.state_dict().items()}
    assert_same({key: together[name][key] for key in expected}, expected)
    last = together[name]["history"][-1]
    assert last["logits"] == fingerprint(network)["logits"]
    assert last["loss"] == pytest.approx(sum(losses[3:]) / 3, rel=1e-6)  # float32 sums in another order
    assert last["gradient"] == pytest.approx(sum(norms[3:]) / 3, rel=1e-12)
    assert max(norms) > RECIPE["clip"] > min(norms) or min(norms) > RECIPE["clip"]  # clipping took part
