"""Training as printed: what a step costs beside the student's bare step, in time and memory, and what it uses of a GPU.

On a CPU at a small scale; the full-size pair, with random weights, takes one step of four images and shows shapes and
costs alone. On a GPU the full-size pair trains in bfloat16 at the recipe's slice, and model FLOP utilisation is
printed: FLOPs of teacher and students by timm's table, against the chip's dense peak.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from bench_timing import always, take_turns
from timm.layers import set_fused_attn
from torch.utils.flop_counter import FlopCounterMode

from baselines import METHODS
from baselines import build as build_method
from baselines.students import Tapped, ViTConfig, build_student
from suite.models import build
from suite.train.distributed import Processes
from suite.train.memory import GIB, footprint, need
from suite.train.numerics import Numerics
from suite.train.recipe import Recipe
from suite.train.stream import Batch
from suite.train.student import Student
from suite.train.teacher import Live, Teacher

CAIT_S24 = {"timm": "cait_s24_224", "overrides": {"init_values": 1.0}}
SMALL_CAIT = {"timm": "cait_s24_224", "overrides": {"img_size": 64, "embed_dim": 96, "depth": 8, "num_heads": 4}}
SMALL = ViTConfig(img_size=64, embed_dim=48, depth=6, num_heads=3, num_classes=1000)
LAST = {"student_layers": [-1], "teacher_layers": [-1]}
CROWD = [("soft_kd", {}), ("spectral_kd", LAST), ("feature_mse", LAST), ("projector_kd", LAST)]
CUDA = torch.cuda.is_available()
PEAK = {"H200": 989e12, "H100": 989e12, "A100": 312e12}  # dense bfloat16 FLOP/s, from the makers' data sheets
RECIPE = {
    "epochs": 300,
    "lr": 5e-4,
    "lr_batch": 512,
    "weight_decay": 0.05,
    "warmup_epochs": 5,
    "warmup_lr": 1e-6,
    "min_lr": 1e-5,
    "clip": 0.0,
    "ema_decay": 0.99996,
}


def setting(pair, config, micro, *, numerics):
    """A slice of random images, of which a step has one."""
    teacher = Tapped(build(pair, seed=0)).eval().requires_grad_(False)
    shapes = teacher.network(torch.zeros(2, 3, config.img_size, config.img_size))
    numerics.place(teacher)
    generator = torch.Generator().manual_seed(0)
    pixels = numerics.pixels(torch.randn(micro, 3, config.img_size, config.img_size, generator=generator))
    labels = torch.randint(1000, (micro,), generator=generator).to(numerics.device)
    return SimpleNamespace(
        teacher=teacher, shapes=shapes, pixels=pixels, labels=labels, numerics=numerics, config=config, micro=micro
    )


def student(made, name, options, folder):
    network = build_student("plain", made.config, generator=torch.Generator().manual_seed(0))
    size = made.config.img_size
    method = build_method(
        name,
        student=network.network(torch.zeros(2, 3, size, size)),
        teacher=made.shapes if METHODS[name].needs_teacher else None,
        options=options,
        generator=torch.Generator().manual_seed(1),
    )
    return Student(
        key=name,
        label=name,
        network=network,
        method=method,
        recipe=Recipe.of(RECIPE | {"batch": made.micro}),
        steps_per_epoch=4,
        slices=1,
        seed=0,
        numerics=made.numerics,
        processes=Processes(),
        checkpoint=Path(folder) / f"{name}.pt",
        teacher="it" if METHODS[name].needs_teacher else "",
    )


def batch_for(made, students, count=None):
    """A slice, or its first images, with what the teacher says of it."""
    taps = [one.method.taps for one in students if one.teacher]
    asked = {"it": Teacher.of(made.teacher, taps)} if taps else {}
    pixels, labels = made.pixels[:count], made.labels[:count]
    return Batch(pixels, labels, Live(asked, made.numerics)((), pixels))


def step(made, students):
    """One step of all of them, with the teacher's pass."""

    def task():
        for one in students:
            one.begin()
        batch = batch_for(made, students)
        for one in students:
            one.learn(batch, 0)
        for one, values in zip(students, [one.gathered() for one in students], strict=True):
            one.update(dict(zip(one.named, values.tolist(), strict=True)))
        if CUDA and made.numerics.device == "cuda":
            torch.cuda.synchronize()

    return task


def bare(made, one):
    """The student alone: forward, cross-entropy, backward, AdamW."""
    network = one.network
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-6, fused=True)

    def task():
        network.train()
        optimiser.zero_grad(set_to_none=True)
        with made.numerics.autocast():
            logits = network(made.pixels).logits
        torch.nn.functional.cross_entropy(logits.float(), made.labels).backward()
        optimiser.step()
        if CUDA and made.numerics.device == "cuda":
            torch.cuda.synchronize()

    return task


def compare_all(made, folder, ledger, *, rounds, threads, what):
    """Each method, and crowds of students on one teacher pass, against the bare step."""
    students = {name: student(made, name, options, folder) for name, options in CROWD}
    alone = student(made, "none", {}, folder)
    crowd = list(students.values())
    makers = {"bare": always(bare(made, student(made, "none", {}, folder))), "none": always(step(made, [alone]))}
    makers |= {name: always(step(made, [one])) for name, one in students.items()}
    makers |= {f"together {count}": always(step(made, crowd[:count])) for count in (2, len(crowd))}
    times = take_turns(rounds, **makers)
    ledger.show(step(made, crowd[:1]))
    assert not [one.label for one in (*crowd, alone) if one.fault]
    for name in ("none", *students):
        ledger.compare(
            f"{what}: a step of {name} / the student's bare step", times[name], times["bare"], threads=threads
        )
    for count in (2, len(crowd)):
        several = f"{what}: {count} students on one teacher pass / bare steps of as many"
        reference = type(times["bare"])(count * times["bare"].wall, count * times["bare"].cpu)
        ledger.compare(several, times[f"together {count}"], reference, threads=threads)
    return times, crowd


def show_memory(made, crowd):
    """What a block of these students needs, by what for."""
    probes = batch_for(made, crowd, 2), batch_for(made, crowd, min(4, made.micro))
    print(f"\nteacher {footprint(made.teacher) / GIB:.3g} GiB")
    for one in crowd:
        print(need(one, probes, made.micro).line())


def test_a_step_against_the_students_bare_step(ledger, one_thread, tmp_path):
    made = setting(SMALL_CAIT, SMALL, 32, numerics=Numerics("cpu"))
    times, crowd = compare_all(made, tmp_path, ledger, rounds=3, threads=one_thread, what="64 px")
    show_memory(made, crowd)
    ratio = times["none"].wall / times["bare"].wall
    assert ratio < 1.5, "schedule, average of weights and bookkeeping are a small part of a step"


def test_one_step_of_the_full_size_pair(ledger, one_thread, tmp_path):
    """DeiT-T from CaiT-S24, random weights, four images: shapes, FLOPs and memory."""
    made = setting(CAIT_S24, ViTConfig(), 4, numerics=Numerics("cpu"))
    one = student(made, "spectral_kd", LAST, tmp_path)
    assert (made.shapes.depth, made.shapes.maps[23].channels, made.shapes.maps[23].height) == (24, 384, 14)
    set_fused_attn(enable=False)  # the counter does not see into the fused kernel
    with FlopCounterMode(display=False) as teacher, torch.no_grad():
        made.teacher(made.pixels)
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        one.network(made.pixels)
    set_fused_attn(enable=True)
    times = take_turns(1, step=always(step(made, [one])), bare=always(bare(made, student(made, "none", {}, tmp_path))))
    ledger.show(step(made, [one]))
    ledger.compare(
        "DeiT-T from CaiT-S24, 4 images: a step of spectral_kd / bare", times["step"], times["bare"], threads=one_thread
    )
    show_memory(made, [one])
    each = [counter.get_total_flops() / 2 / len(made.pixels) / 1e9 for counter in (teacher, counted)]
    print(f"GMACs an image: teacher {each[0]:.2f}, student {each[1]:.2f}")
    assert one.fault is None


@pytest.mark.skipif(not CUDA, reason="utilisation is that of a GPU")
def test_what_is_used_of_a_gpu(ledger, tmp_path):
    made = setting(CAIT_S24, ViTConfig(), 256, numerics=Numerics("cuda", "bfloat16"))
    torch.cuda.reset_peak_memory_stats()
    times, crowd = compare_all(made, tmp_path, ledger, rounds=5, threads=0, what="DeiT-T from CaiT-S24, bfloat16")
    macs = {"teacher": 9.35e9, "student": 1.26e9}  # timm's table, at 224 px
    name = torch.cuda.get_device_name()
    peak = next((value for key, value in PEAK.items() if key in name), None)
    for what, count in (("soft_kd", 1), (f"together {len(crowd)}", len(crowd))):
        flops = 2 * made.micro * (macs["teacher"] + 3 * count * macs["student"])
        rate = flops / times[what].wall
        share = "" if peak is None else f", {rate / peak:.1%} of the peak"
        speed = made.micro / times[what].wall
        print(f"\n{name}: {count} students, {speed:.0f} images/s, {rate / 1e12:.0f} TFLOP/s{share}")
    print(f"peak memory {torch.cuda.max_memory_allocated() / GIB:.2f} GiB")
    show_memory(made, crowd)
