"""A tiny block: images, two teachers and a student under every method, at milliseconds a step."""

from __future__ import annotations

from dataclasses import fields
from functools import cache, partial

import torch

from baselines import METHODS, Network
from baselines import build as build_method
from baselines.students import Tapped, ViTConfig, build_student, width_aware
from suite.data import Images
from suite.models import build, choose_attention
from suite.train.block import Student
from suite.train.teacher import Live, Teacher, permute_channels, shuffle_images

CLASSES, COUNT, SIDE, STEPS = 4, 24, 8, 6
DATA = {"mean": 0.3, "std": 0.4}
DISTORT = {"rotate": 15, "scale": 0.1, "shear": 0.1, "shift": 0.1, "occlude": 2, "noise": 0.1}
NO_DISTORTION = dict.fromkeys(DISTORT, 0)
RECIPE = {
    "steps": STEPS,
    "lr": 4e-3,
    "weight_decay": 0.05,
    "warmup": 0.45,
    "warmup_lr": 1e-6,
    "min_lr": 1e-5,
    "clip": 1.0,
}
CONFIG = ViTConfig(embed_dim=8, depth=2, num_heads=2, img_size=SIDE, patch_size=2, in_chans=1, num_classes=CLASSES)
GRID = {"img_size": SIDE, "patch_size": 2, "in_chans": 1}
CAIT = {
    "timm": "cait_s24_224",
    "init": "narrow",
    "overrides": GRID | {"embed_dim": 16, "depth": 3, "num_heads": 2, "init_values": 0.5},
}
# Controls that change what the teacher says, by the name of the method they are shown to.
DISTORTED = {
    "spectral_kd, shuffled": shuffle_images,
    "spectral_kd, permuted": partial(permute_channels, seed=0),
    "soft_kd, shuffled": shuffle_images,
}
EVERY = (*METHODS, *DISTORTED, "soft_kd from another teacher")
EXAMPLE = torch.zeros(2, 1, SIDE, SIDE)


def images(count: int = COUNT) -> Images:
    """Images as different from each other as noise is."""
    generator = torch.Generator().manual_seed(5)
    pixels = torch.rand(count, 1, SIDE, SIDE, generator=generator)
    return Images(pixels, torch.randint(CLASSES, (count,), generator=generator))


def teacher(seed: int = 0) -> Tapped:
    return Tapped(build(CAIT, classes=CLASSES, seed=seed))


@cache
def taught_shapes() -> Network:
    return teacher().network(EXAMPLE)


def live(*, batch: int = 8, seed: int = 0, **changes) -> Live:
    """A stream with two teachers, each tapped at every layer."""
    names = {"trained": teacher(0), "random": teacher(1)}
    taught = {name: Teacher(network, taught_shapes().everything()) for name, network in names.items()}
    options = {"data": DATA, "distort": DISTORT, "batch": batch, "seed": seed, "device": "cpu"}
    return Live(images(), taught, **(options | changes))


def fitting(name: str) -> dict[str, list[int]]:
    """Options that fit a method to these shallow networks: first and last layer, where it names pairs of layers."""
    named = {field.name for field in fields(METHODS[name].options_type) if field.default}
    return {key: [0, -1] for key in ("student_layers", "teacher_layers") if key in named}


def fingerprint(network: Tapped) -> dict[str, float]:
    """A record that any change of any weight shows in."""
    with torch.no_grad():
        logits = network(images().pixels).logits.double()
    return {"accuracy": float(logits.argmax(dim=1).double().mean()), "logits": float(logits.square().sum())}


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
        teacher=None if name == "none" else taught_shapes(),
        options=fitting(name) | (options or {}),
        generator=torch.Generator().manual_seed(seed + 1),
    )
    return network, method


def student(kind: str, folder, *, key: str = "", seed: int = 0, steps: int = STEPS, method=None, **changes) -> Student:
    """A student of one of `EVERY` kinds, resumed if its checkpoint lies in the folder."""
    name = kind.partition(",")[0].partition(" ")[0]
    network, built = modules(name, seed=seed, **changes)
    key = key or kind
    return Student(
        key=key,
        network=network,
        method=built if method is None else method,
        recipe=RECIPE | {"steps": steps},
        generator=torch.Generator().manual_seed(seed + 2),
        evaluate=fingerprint,
        checkpoint=folder / f"{key}.pt",
        teacher="" if name == "none" else ("random" if "another" in kind else "trained"),
        distort=DISTORTED.get(kind),
        milestones=(3,),
    )


class Outcomes(dict):
    """Outcomes by key, shown in brief."""

    def __repr__(self) -> str:
        return f"<outcomes of {', '.join(self)}>"


def outcomes(students) -> Outcomes:
    return Outcomes((each.key, outcome(each)) for each in students)


def outcome(student: Student) -> dict[str, object]:
    """All that training left behind, by name."""
    found = {f"network {name}": value for name, value in student.network.state_dict().items()}
    found |= {f"method {name}": value for name, value in student.method.state_dict().items()}
    for number, state in student._optimiser.state_dict()["state"].items():
        found |= {f"optimiser {number} {name}": value for name, value in state.items()}
    return found | {"generator": student.generator.get_state(), "history": student.history, "done": student.done}


def assert_same(one: dict[str, object], other: dict[str, object]) -> None:
    """Bit for bit the same."""
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

    def __init__(self, stream, at: int):
        self.stream, self.at = stream, at

    def batch(self, step: int):
        if step == self.at:
            raise Killed
        return self.stream.batch(step)
