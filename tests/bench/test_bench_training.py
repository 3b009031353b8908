"""Training side by side against one after the other, at the size of the desk profile."""

from __future__ import annotations

import pytest
import torch
from bench_blocks import DISTILL, EIGHT, batch, run, step, stream, student
from bench_timing import Seconds, added, always, take_turns
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from baselines import METHODS
from baselines._logits import soft_kd

EPOCHS, PER_EPOCH = 3, 6
STEPS = EPOCHS * PER_EPOCH
ROUNDS = 4
# What eight students cost together over what they cost one by one, teacher's passes included.
MOST_OF_SEPARATE = 0.40


def crew(folder, *, epochs=EPOCHS):
    return [
        student(name, options, folder, key=f"{number} {name}", epochs=epochs)
        for number, (name, options) in enumerate(EIGHT)
    ]


def times_as_long(seconds, count):
    return Seconds(count * seconds.wall, count * seconds.cpu)


def passes(batches):
    """All slices of the training, with what the teacher says of them."""
    return [list(batches.step(number)) for number in range(STEPS)]


@pytest.fixture
def folder(tmp_path_factory):
    """A new folder for every turn, so that nothing resumes."""
    return lambda: tmp_path_factory.mktemp("turn")


def test_training_together_against_one_by_one(ledger, one_thread, folder):
    def together():
        students = crew(folder())
        batches = stream(students)
        return lambda: run(students, batches)

    def apart():
        students = crew(folder())
        streams = [stream([each]) for each in students]
        return lambda: [run([each], batches) for each, batches in zip(students, streams, strict=True)]

    def teacher_alone():
        batches = stream(crew(folder()))
        return lambda: passes(batches)

    def students_alone():
        students = crew(folder(), epochs=10 * EPOCHS)
        given = batch(students)
        return lambda: [step(each, given) for _ in range(STEPS) for each in students]

    times = take_turns(
        ROUNDS, together=together, apart=apart, teacher_alone=teacher_alone, students_alone=students_alone
    )
    ledger.show(together())
    parts = added(times["teacher_alone"], times["students_alone"])
    count = len(EIGHT)
    one_step = added(times["teacher_alone"], times_as_long(times["students_alone"], 1 / count))
    for what, whole in ((f"{count} students", parts), ("1 student", one_step)):
        ledger.compare(f"teacher's share of a step, {what}", times["teacher_alone"], whole, threads=one_thread)
    names = f"{count} students together, {STEPS} steps / "
    to_parts = ledger.compare(f"{names}teacher + students", times["together"], parts, threads=one_thread, limit=1.1)
    to_apart = ledger.compare(
        f"{names}one by one", times["together"], times["apart"], threads=one_thread, limit=MOST_OF_SEPARATE
    )
    assert to_parts <= 1.1
    assert to_apart <= MOST_OF_SEPARATE


def test_what_answers_that_are_kept_buy(ledger, one_thread, folder):
    """The teacher is asked once for each view, or once a step."""
    students = crew(folder())
    live, kept = stream(students), stream(students, kept=True)
    views = 32 * PER_EPOCH
    times = take_turns(
        2,
        fill=lambda: _fill(students, views),
        live=always(lambda: passes(live)),
        kept=always(lambda: passes(kept)),
    )
    ledger.show(lambda: passes(kept))
    for name, epochs in DISTILL["lengths"].items():
        steps = epochs * PER_EPOCH
        with_answers = added(times["fill"], times_as_long(times["kept"], steps / STEPS))
        without = times_as_long(times["live"], steps / STEPS)
        ledger.compare(f"the {name} length, {steps} steps: answers kept / live", with_answers, without, threads=1)
    ledger.compare(f"{STEPS} steps: answers kept / live", times["kept"], times["live"], threads=one_thread)


def _fill(students, views):
    fresh = stream(students, kept=True)
    return lambda: [list(fresh.step(number)) for number in range(0, views, PER_EPOCH)]


def test_what_every_method_costs(ledger, one_thread, folder):
    """A step of each method with its defaults, against a step of SoftKD."""
    students = {name: student(name, {}, folder(), key=name) for name in METHODS}
    given = batch(list(students.values()))

    def steps(each):
        return lambda: [step(each, given) for _ in range(4)]

    times = take_turns(ROUNDS, **{name: always(steps(each)) for name, each in students.items()})
    ledger.show(steps(students["soft_kd"]))
    assert not [name for name, each in students.items() if each.fault]
    for name in sorted(METHODS, key=lambda name: times[name].wall):
        ledger.compare(f"4 steps of {name} / of soft_kd", times[name], times["soft_kd"], threads=one_thread)


def stacked(students, batch):
    """The same students as one network with a further dimension; returns its step."""
    networks = [each.network for each in students]
    parameters, buffers = stack_module_state(networks)
    skeleton = networks[0]
    recipe = students[0].recipe
    flat = [p for p in parameters.values() if p.ndim <= 2]
    rest = [p for p in parameters.values() if p.ndim > 2]
    adam = torch.optim.AdamW(
        [{"params": flat, "weight_decay": 0.0}, {"params": rest}],
        lr=recipe.warmup_lr,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    taught = batch.teachers["it"].logits

    def loss(own, state, pixels, labels, teacher_logits):
        logits = functional_call(skeleton, (own, state), (pixels,)).logits
        hard = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
        return 0.1 * hard + 0.9 * soft_kd(logits, teacher_logits)

    gradients = vmap(grad_and_value(loss), in_dims=(0, 0, None, None, None))

    def one():
        found, losses = gradients(parameters, buffers, batch.pixels, batch.labels, taught)
        norms = torch.stack([g.flatten(1).square().sum(1) for g in found.values()]).sum(0).sqrt()
        shrink = (recipe.clip / (norms + 1e-6)).clamp(max=1)
        for name, parameter in parameters.items():
            parameter.grad = found[name] * shrink.view(-1, *[1] * (parameter.ndim - 1))
        adam.step()
        return losses

    return one


def test_whether_stacking_equal_students_pays(ledger, one_thread, folder):
    """No threshold: training keeps its loop, whose students are bit-identical to single runs."""
    for count in (4, 8):
        one_by_one = [student("soft_kd", {}, folder(), key=str(n), seed=n) for n in range(count)]
        stack = [student("soft_kd", {}, folder(), key=str(n), seed=n) for n in range(count)]
        given = batch(one_by_one)
        together = stacked(stack, given)
        losses = together()
        for each, value in zip(one_by_one, losses, strict=True):
            step(each, given)
            torch.testing.assert_close(torch.tensor(each._sums["loss"]), value.double(), rtol=1e-5, atol=1e-6)
        times = take_turns(
            ROUNDS,
            ours=always(lambda together=together: [together() for _ in range(4)]),
            loop=always(lambda crew=one_by_one, given=given: [step(e, given) for _ in range(4) for e in crew]),
        )
        ledger.compare(f"4 steps of {count} stacked students / in a loop", times["ours"], times["loop"], threads=1)
    ledger.show(together)
