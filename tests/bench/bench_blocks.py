"""Students, teacher and stream of the desk profile, with random weights: speed does not depend on what they know."""

from __future__ import annotations

from functools import cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import torch

from baselines import METHODS, Network, Reading
from baselines import build as build_method
from baselines.students import Tapped, ViTConfig, build_student, width_aware
from suite import profile
from suite.data import Images, load
from suite.models import build, choose_attention
from suite.train.block import Student
from suite.train.teacher import Bank, Live, Teacher

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

DESK = profile.load("desk")
DISTILL = DESK.section("distill")
DATA = DESK.section("data")
LAST = {"student_layers": [-1], "teacher_layers": [-1]}
FIRST = {"student_layers": [0], "teacher_layers": [0]}
BOTH = {"student_layers": [0, -1], "teacher_layers": [0, -1]}
# Eight students of the claims' arms: method and options.
EIGHT: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("soft_kd", {}),
    ("spectral_kd", LAST),
    ("spectral_kd", FIRST),
    ("spectral_kd", BOTH),
    ("feature_mse", LAST),
    ("projector_kd", LAST),
    ("projector_kd_released", LAST),
    ("fitnet", {}),
)


@cache
def few() -> Images:
    split = load(DATA)
    return split.train.first(DISTILL["images"]["few_shot"])


@cache
def teacher() -> Tapped:
    return Tapped(build(DESK.network(DISTILL["teacher"]), classes=10, seed=0)).eval()


@cache
def taught_shapes() -> Network:
    return teacher().network(few().pixels[:2])


def student(
    name: str, options: Mapping[str, Any], folder: Path, *, key: str = "student", steps: int = 10_000, seed: int = 0
) -> Student:
    """A student of the profile; it is evaluated after its last step only, at no cost."""
    config = DISTILL["student"]["config"]
    choose_attention(config)
    network = build_student(
        "plain",
        ViTConfig(**config, num_classes=10),
        generator=torch.Generator().manual_seed(seed),
        init=width_aware,
    )
    method = build_method(
        name,
        student=network.network(few().pixels[:2]),
        teacher=taught_shapes() if METHODS[name].needs_teacher else None,
        options=options,
        generator=torch.Generator().manual_seed(1),
    )
    return Student(
        key=key,
        network=network,
        method=method,
        recipe=DISTILL["recipe"] | {"steps": steps},
        generator=torch.Generator().manual_seed(2),
        evaluate=lambda _network: {},
        checkpoint=folder / f"{key}.pt",
        teacher="it" if METHODS[name].needs_teacher else "",
    )


def tapped(students: Sequence[Student]) -> dict[str, Teacher]:
    """The teacher with the union of what the students tap."""
    asked = [each.method.taps.of_teacher for each in students]
    return {"it": Teacher(teacher(), reduce(or_, asked, Reading()))}


def live(students: Sequence[Student]) -> Live:
    images = DISTILL["images"]
    return Live(
        few(), tapped(students), data=DATA, distort=images["distort"], batch=images["batch"], seed=0, device="cpu"
    )


def bank(students: Sequence[Student]) -> Bank:
    images = DISTILL["images"]
    return Bank(
        few(),
        tapped(students),
        data=DATA,
        views=images["views"],
        distort=images["distort"],
        batch=images["batch"],
        seed=0,
        device="cpu",
    )
