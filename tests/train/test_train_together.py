"""Students trained together are, bit for bit, the students trained alone: as at the desk and as printed."""

import math
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from train_nets import (
    DESK,
    EVERY,
    ODD,
    RECIPE,
    assert_same,
    fingerprint,
    modules,
    order,
    outcome,
    recipe,
    run,
    stream,
    student,
    teacher,
)

WAYS = {"printed": {}, "desk": DESK}
SOME = ("none", "soft_kd", "projector_kd", "vitkd", "manifold_kd", "fitnet_two_stage")


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    @cache
    def trained(way):
        folder = tmp_path_factory.mktemp("together")
        kinds = EVERY if way == "printed" else (*SOME, *ODD)
        found = run([student(kind, folder, **WAYS[way]) for kind in kinds], **WAYS[way])
        assert not [str(one.fault) for one in found.values() if one.fault]
        return {kind: outcome(one) for kind, one in found.items()}

    return trained


@pytest.mark.parametrize("way", WAYS)
def test_every_student_learns_and_every_method_in_its_own_way(together, way, tmp_path):
    weight = "network backbone.patch_embed.proj.weight"
    for kind, result in together(way).items():
        assert not torch.equal(result[weight], outcome(student(kind, tmp_path, **WAYS[way]))[weight])
        assert [record["epoch"] for record in result["history"]] == [1, recipe(**WAYS[way]).epochs]
    ends = {kind: result["history"][-1]["logits"] for kind, result in together(way).items()}
    assert len(set(ends.values())) == len(ends)


@pytest.mark.parametrize(("way", "kind"), [*(("printed", k) for k in EVERY), *(("desk", k) for k in (*SOME, *ODD))])
def test_a_student_alone_is_the_student_in_a_block(together, way, kind, tmp_path):
    assert_same(run([student(kind, tmp_path, **WAYS[way])], **WAYS[way])[kind], together(way)[kind])


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=4)
@given(kinds=st.lists(st.sampled_from((*SOME, *ODD)), unique=True, min_size=2, max_size=6))
def test_neighbours_and_their_order_change_nothing(together, way, tmp_path_factory, kinds):
    folder = tmp_path_factory.mktemp("some")
    for kind, one in run([student(kind, folder, **WAYS[way]) for kind in kinds], **WAYS[way]).items():
        assert_same(one, together(way)[kind])


def test_neither_does_the_global_generator(together, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(1234)
        before = torch.get_rng_state()
        results = run([student(kind, tmp_path) for kind in SOME])
        assert torch.equal(torch.get_rng_state(), before)
    for kind, one in results.items():
        assert_same(one, together("printed")[kind])


def test_nor_a_neighbour_of_another_length(together, tmp_path):
    lengths = {"vitkd": 2, "manifold_kd": 1, "none": 5}
    found = run([student(kind, tmp_path, epochs=epochs) for kind, epochs in lengths.items()])
    assert [one.epoch for one in found.values()] == list(lengths.values())
    assert_same(found["vitkd"], together("printed")["vitkd"])


@pytest.mark.parametrize("kind", ["vitkd", "manifold_kd", "fitnet_two_stage"])
def test_twins_stay_alike(kind, tmp_path):
    found = run([student(kind, tmp_path, key=key) for key in ("one", "other")])
    assert_same(found["one"], found["other"])


def _rate(how, step, steps):
    """Linear warm-up from `warmup_lr`, then the cosine that a run without warm-up would be on."""
    warm = round(how.warmup * steps)
    if step < warm:
        return how.warmup_lr + step * (how.rate - how.warmup_lr) / warm
    return how.min_lr + 0.5 * (how.rate - how.min_lr) * (1 + math.cos(math.pi * step / steps))


def plain_run(name):
    """One student, one teacher, one loop: what a script for a single run would do."""
    how = recipe(**DESK)
    steps = how.epochs * order(how).steps_per_epoch
    network, method = modules(name)
    one = student(name, _Nowhere(), **DESK)  # asked for the seeds of its draws alone
    own, batches, losses, norms = teacher(), stream(**DESK), [], []
    named = [*network.named_parameters(), *method.named_parameters()]
    named = [(key, p) for key, p in named if p.requires_grad]
    flat = [p for key, p in named if p.ndim <= 1 or key.endswith(".bias")]
    rest = [p for key, p in named if not (p.ndim <= 1 or key.endswith(".bias"))]
    groups = [{"params": flat, "weight_decay": 0.0}, {"params": rest, "weight_decay": how.weight_decay}]
    adam = torch.optim.AdamW(groups, lr=how.rate, fused=True)
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = _rate(how, step, steps)
        ((number, batch),) = batches.step(step)
        with torch.no_grad():
            taught = None if name == "none" else own(batch.pixels, **method.taps.of_teacher.keywords())
        network.train()
        outputs = network(batch.pixels, **method.taps.of_student.keywords())
        generator = torch.Generator().manual_seed(_seed(one.seed, step, number))
        terms = method(outputs, taught, batch.labels, generator=generator, progress=step / steps)
        loss = sum(terms.values())
        adam.zero_grad()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_([p for _, p in named], how.clip)))
        adam.step()
        method.after_step()
        losses.append(float(loss.detach()))
    return network, method, losses, norms


class _Nowhere:
    """A folder without a checkpoint."""

    def __truediv__(self, name):
        from pathlib import Path

        return Path("/nonexistent") / name


def _seed(*numbers):
    from suite.seeding import mixed_seed

    return mixed_seed(*numbers)


@pytest.mark.parametrize("name", SOME)
def test_a_block_of_one_is_a_plain_run(name, together):
    """A teacher that is asked for each batch, another loop, another optimiser: the same weights to rounding.

    The answers that a block keeps were computed for all images of a view at once, which may be summed in another
    order than those of a batch.
    """
    network, method, losses, norms = plain_run(name)
    expected = {f"network {key}": value for key, value in network.state_dict().items()}
    expected |= {f"method {key}": value for key, value in method.state_dict().items()}
    found = together("desk")[name]
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-5, msg=key)
    if name == "none":
        assert_same({key: found[key] for key in expected}, expected)
        assert found["history"][-1]["logits"] == fingerprint(network)
    last, since = found["history"][-1], order(recipe(**DESK)).steps_per_epoch
    assert last["loss"] == pytest.approx(sum(losses[since:]) / len(losses[since:]), rel=1e-5)
    assert last["gradient"] == pytest.approx(sum(norms[since:]) / len(norms[since:]), rel=1e-4)
    assert max(norms) > RECIPE["clip"], "clipping took part"
