"""Students, teacher and stream of the desk profile, with random weights: speed does not depend on what they know."""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

import torch

from baselines import METHODS, Network
from baselines import build as build_method
from baselines.students import Tapped, ViTConfig, build_student, width_aware
from suite import profile
from suite.models import build, choose_attention
from suite.studies.cells import student as student_cell
from suite.studies.images import open_sets
from suite.train.distributed import Processes
from suite.train.loop import train
from suite.train.numerics import Numerics
from suite.train.order import Order
from suite.train.recipe import Evaluate, Recipe
from suite.train.stream import Mix, Stream
from suite.train.student import Student
from suite.train.teacher import Kept, Live, Teacher

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

DESK = profile.load("desk")
DISTILL = DESK.section("distill")
SPEC = student_cell()(DESK, 0).spec
LAST = {"student_layers": [-1], "teacher_layers": [-1]}
FIRST = {"student_layers": [0], "teacher_layers": [0]}
BOTH = {"student_layers": [0, -1], "teacher_layers": [0, -1]}
CPU, ALONE = Numerics("cpu"), Processes()
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
_turn = count()


def recipe(**changes: Any) -> Recipe:
    return Recipe.of(SPEC["recipe"] | changes)


def sets(how: Recipe) -> Any:
    return open_sets(
        SPEC["data"],
        SPEC["augmentation"],
        recipe=how,
        evaluate=Evaluate.of(SPEC["evaluate"]),
        seed=0,
        local={},
        processes=1,
        device="cpu",
    )


@cache
def example() -> torch.Tensor:
    return next(iter(sets(recipe()).clean.read([range(2)])))[0]


@cache
def teacher() -> Tapped:
    return Tapped(build(DESK.network(DISTILL["teacher"]), classes=10, seed=0)).eval()


@cache
def taught_shapes() -> Network:
    return teacher().network(example())


def order(how: Recipe) -> Order:
    return Order(how.images, how.batch, how.slice, how.repeats, 0, how.views)


def student(
    name: str, options: Mapping[str, Any], folder: Path, *, key: str = "student", epochs: int = 1000, seed: int = 0
) -> Student:
    """A student of the profile."""
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
        student=network.network(example()),
        teacher=taught_shapes() if METHODS[name].needs_teacher else None,
        options=options,
        generator=torch.Generator().manual_seed(1),
    )
    how = recipe(epochs=epochs)
    return Student(
        key=key,
        label=key,
        network=network,
        method=method,
        recipe=how,
        steps_per_epoch=order(how).steps_per_epoch,
        slices=1,
        seed=2,
        numerics=CPU,
        processes=ALONE,
        checkpoint=folder / f"{key}-{next(_turn)}.pt",
        teacher="it" if METHODS[name].needs_teacher else "",
    )


def stream(students: Sequence[Student], *, kept: bool = False) -> Stream:
    """Slices for these students; teachers are asked anew for every step, or once for every view."""
    how = recipe() if kept else recipe(views=0)
    source = sets(how).train
    asked = {"it": Teacher.of(teacher(), [each.method.taps for each in students if each.teacher])}
    answers = Kept(asked, source, how.repeats, CPU) if kept else Live(asked, CPU)
    return Stream(source, order(how), answers, mix=Mix(0.0, 0.0, 10, 0), processes=ALONE, numerics=CPU)


def run(students: Sequence[Student], batches: Stream) -> None:
    """Train without looking, and without checkpoints."""
    train(
        students,
        batches,
        processes=ALONE,
        evaluate=lambda due: {each.key: {} for each in due},
        share=1e-12,
    )


def batch(students: Sequence[Student]) -> Any:
    """The first slice of the training."""
    ((_, found),) = stream(students).step(0)
    return found


def step(each: Student, given: Any) -> None:
    """One step on a slice, alone."""
    each.begin()
    each.learn(given, 0)
    values = each.gathered().tolist()
    each.update(dict(zip(each.named, values, strict=True)))
