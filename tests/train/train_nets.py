"""A tiny block: images, two teachers and a student under every method, at milliseconds a step."""

from __future__ import annotations

import math
from dataclasses import fields
from functools import cache

import torch

from baselines import METHODS, Network
from baselines import build as build_method
from baselines.students import Tapped, ViTConfig, build_student, width_aware
from suite.models import build, choose_attention
from suite.train.distributed import Processes
from suite.train.loop import train
from suite.train.numerics import Numerics
from suite.train.order import Order
from suite.train.recipe import Recipe
from suite.train.stream import Mix, Stream
from suite.train.student import Student
from suite.train.targets import target
from suite.train.teacher import Kept, Live, Teacher

CLASSES, IMAGES, SIDE, SEED = 4, 24, 8, 3
ALONE = Processes()
RECIPE = {
    "epochs": 2,
    "batch": 12,
    "micro_batch": 4,
    "lr": 4e-3,
    "weight_decay": 0.05,
    "min_lr": 1e-5,
    "clip": 1.0,
    "ema_decay": 0.5,
}
PER_EPOCH, STEPS = 2, 4
# As the desk trains: one slice a step, no average, a rate for every step, views that return.
DESK = {"micro_batch": 0, "ema_decay": 0.0, "schedule": "step", "warmup": 0.45, "views": 2, "epochs": 3}
CONFIG = ViTConfig(embed_dim=8, depth=2, num_heads=2, img_size=SIDE, patch_size=2, in_chans=1, num_classes=CLASSES)
GRID = {"img_size": SIDE, "patch_size": 2, "in_chans": 1}
CAIT = {
    "timm": "cait_s24_224",
    "init": "narrow",
    "overrides": GRID | {"embed_dim": 16, "depth": 3, "num_heads": 2, "init_values": 0.5},
}
# Students that learn from something else, by the name of the method they are shown to.
TARGETS = ("shuffled_images", "permuted_channels", "zeros", "noise", "label_code")
ODD = (*(f"spectral_kd, {name}" for name in TARGETS), "soft_kd from another teacher")
EVERY = (*METHODS, *ODD)
EXAMPLE = torch.zeros(2, 1, SIDE, SIDE)


def recipe(**changes) -> Recipe:
    return Recipe.of(RECIPE | changes)


def order(how: Recipe | None = None, *, images: int = IMAGES) -> Order:
    how = how or recipe()
    return Order(images, how.batch, how.slice, how.repeats, SEED, how.views)


class Noise:
    """Images that depend on what is asked for alone; remembers what it was asked for."""

    def __init__(self, images: int = IMAGES):
        self.images, self.asked = images, []

    def __len__(self):
        return self.images

    def view(self, view):
        generator = torch.Generator().manual_seed(view.image * 7919 + view.epoch * 104_729 + view.place * 13 + 1)
        return torch.randn(1, SIDE, SIDE, generator=generator)

    def read(self, slices):
        for views in slices:
            self.asked.append(list(views))
            yield torch.stack([self.view(view) for view in views]), torch.tensor([v.image % CLASSES for v in views])


def teacher(seed: int = 0) -> Tapped:
    return Tapped(build(CAIT, classes=CLASSES, seed=seed)).eval().requires_grad_(False)


@cache
def taught_shapes() -> Network:
    return teacher().network(EXAMPLE)


def teachers(numerics: Numerics) -> dict[str, Teacher]:
    """Two, each tapped at every layer."""
    found = {"trained": teacher(0), "random": teacher(1)}
    for network in found.values():
        numerics.place(network)
    return {name: Teacher(network, taught_shapes().everything()) for name, network in found.items()}


def stream(*, numerics: Numerics | None = None, source=None, mixup=0.0, cutmix=0.0, processes=ALONE, **changes):
    numerics, how, source = numerics or Numerics("cpu"), recipe(**changes), source or Noise()
    asked = teachers(numerics)
    answers = Kept(asked, source, how.repeats, numerics) if how.views else Live(asked, numerics)
    mix = Mix(mixup, cutmix, CLASSES, SEED)
    return Stream(source, order(how), answers, mix=mix, processes=processes, numerics=numerics)


def fitting(name: str) -> dict[str, list[int]]:
    """Options that fit a method to these shallow networks: first and last layer, where it names pairs of layers."""
    named = {field.name for field in fields(METHODS[name].options_type) if field.default}
    return {key: [0, -1] for key in ("student_layers", "teacher_layers") if key in named}


def modules(name: str, *, seed: int = 0, options=None, architecture: str = "plain", width: int | None = None):
    """Network and method, drawn from the seed alone."""
    choose_attention(GRID)  # timm keeps the choice of kernel for the whole process
    network = build_student(
        architecture,
        CONFIG,
        generator=torch.Generator().manual_seed(seed),
        init=width_aware,
        options={} if width is None else {"width": width},
    )
    method = build_method(
        name,
        student=network.network(EXAMPLE),
        teacher=taught_shapes() if METHODS[name].needs_teacher else None,
        options=fitting(name) | (options or {}),
        generator=torch.Generator().manual_seed(seed + 1),
    )
    return network, method


def student(
    kind: str,
    folder,
    *,
    key: str = "",
    seed: int = 0,
    method=None,
    numerics: Numerics | None = None,
    processes=ALONE,
    prepare=lambda _network: None,
    options=None,
    architecture: str = "plain",
    width: int | None = None,
    **changes,
) -> Student:
    """A student of one of `EVERY` kinds, resumed if its checkpoint lies in the folder."""
    name, _, other = kind.partition(", ")
    name = name.partition(" ")[0]
    network, built = modules(name, seed=seed, options=options, architecture=architecture, width=width)
    prepare(network)
    how = recipe(**changes)
    return Student(
        key=key or kind,
        label=kind,
        network=network,
        method=built if method is None else method,
        recipe=how,
        steps_per_epoch=order(how).steps_per_epoch,
        slices=order(how).slices,
        seed=2,
        numerics=numerics or Numerics("cpu"),
        processes=processes,
        checkpoint=folder / f"{key or kind}.pt",
        milestones=frozenset({1}),
        teacher=("random" if "another" in kind else "trained") if METHODS[name].needs_teacher else "",
        target=(target(other or "features"), 0),
    )


@cache
def _shown() -> torch.Tensor:
    return torch.randn(8, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(5))


def fingerprint(network: Tapped) -> float:
    """A number that any change of any weight shows in."""
    network.eval()
    with torch.no_grad():
        return float(network(_shown().to(next(network.parameters()).dtype)).logits.double().square().sum())


def evaluate(due):
    return {one.key: {"accuracy": float(one.done), "logits": fingerprint(one.network)} for one in due}


def run(students, *, source=None, share=math.inf, **changes):
    """Train to the end, writing checkpoints after every epoch; by key."""
    train(students, stream(source=source, **changes), processes=ALONE, evaluate=evaluate, share=share)
    return {one.key: one for one in students}


class Outcome(dict):
    """All that training left behind, shown in brief."""

    def __repr__(self) -> str:
        return f"<outcome of {len(self)} parts>"


def outcome(student: Student) -> Outcome:
    """All that training left behind, by name; not how fast it went."""
    found = {f"network {name}": value.clone() for name, value in student.network.state_dict().items()}
    found |= {f"method {name}": value.clone() for name, value in student.method.state_dict().items()}
    if student.average:
        found |= {f"average {name}": value.clone() for name, value in student.average.module.state_dict().items()}
    for number, state in student._optimiser.state_dict()["state"].items():
        found |= {f"optimiser {number} {name}": value.clone() for name, value in state.items()}
    history = [{k: v for k, v in record.items() if k != "images_per_second"} for record in student.history]
    return Outcome(found | {"history": history, "done": student.done, "scale": (student._scale, student._healthy)})


def assert_same(one, other) -> None:
    """Bit for bit the same: outcomes, or students."""
    one, other = (outcome(each) if isinstance(each, Student) else each for each in (one, other))
    assert one.keys() == other.keys()
    unequal = [
        name
        for name, value in one.items()
        if not (torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else value == other[name])
    ]
    assert not unequal, f"{len(unequal)} of {len(one)} differ: {unequal[:3]} ..."


class Killed(BaseException):
    """What a signal does: nothing catches it."""


class Interrupted:
    """A stream that kills the process that asks for a certain step."""

    def __init__(self, inner, at: int):
        self.inner, self.at, self.order = inner, at, inner.order

    def step(self, number: int):
        if number == self.at:
            raise Killed
        return self.inner.step(number)

    def close(self):
        self.inner.close()
