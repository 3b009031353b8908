"""Plots of distilled students: accuracy over training and over width, profiles over depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from suite.claim import PerSeed
from suite.show.figures import gather, names
from suite.show.figures.curves import Curves
from suite.show.figures.series import Series
from suite.studies.cells import TRAIN

if TYPE_CHECKING:
    from suite.assess import Assessment, Evidence
    from suite.evidence.cell import Result
    from suite.show.figures.gather import Arm, Array

REFERENCES = ("none", "soft_kd")  # students that others are compared with


def trajectory(assessment: Assessment, evidence: Evidence) -> Curves:
    """How far a student is ahead of its reference, over training."""
    found = gather.pairs(gather.arms(assessment.criterion.evidence, evidence))
    lengths = {names.steps(pair[0].results[0]) for pair in found}
    series = [_ahead(pair, role, len(lengths) > 1) for pair, role in zip(found, ("ours", "second"), strict=False)]
    for key, subjects in gather.control_arms(assessment.criterion, evidence).items():
        for index, pair in enumerate(gather.pairs(subjects)):
            one = _ahead(pair, "control", len(lengths) > 1, dashed=index > 0)
            series.append(one if len(subjects) > 2 else _named(one, key))
    reference = names.student(found[0][1].cell)
    return Curves(
        tuple(series),
        "training [% of its steps]" if len(lengths) > 1 else "training [steps]",
        f"top-1 accuracy less {reference} [points]",
        zero=True,
        flips="%" if len(lengths) > 1 else "steps",
        region=assessment.criterion.region if len(found) == 1 else None,
    )


def _named(series: Series, key: str) -> Series:
    return Series(key.replace("_", " "), series.x, series.y, series.role, series.dashed)


def _ahead(pair: tuple[Arm, Arm], role: str, relative: bool, *, dashed: bool = False) -> Series:
    x = np.asarray(pair[0].results[0].arrays["steps"], dtype=np.float64)
    name = names.student(pair[0].cell)
    if relative:
        x, name = 100 * x / x[-1], f"{name}, {names.steps(pair[0].results[0])} steps"
    return Series(name, x, gather.gains(pair, gather.trajectory), role, dashed)


def student_depth(assessment: Assessment, evidence: Evidence, name: str = "") -> Curves:
    """Layer profiles of students at the end of training; shapes alone, where the reading has a teacher to mirror.

    Without a name, the profile is the one that the reading takes its number from.
    """
    reading = gather.per_seed(assessment.criterion.evidence)
    found = gather.arms(reading, evidence)
    read = gather.arrays_read(reading, [one.results[0] for one in found])
    name = name or next(array.removeprefix("profile.") for array in read if array.startswith("profile."))
    mirrored = any(one.cell.study == "measure" for one in found)
    drawn: dict[str, Series] = {}
    for one in found:
        drawn.setdefault(one.cell.key, _arm_profile(one, name, mirrored=mirrored))
    for subjects in gather.control_arms(assessment.criterion, evidence).values():
        for one in subjects:
            drawn.setdefault(one.cell.key, _arm_profile(one, name, mirrored=mirrored, control=True))
    words, unit = names.ARRAYS.get(name, (name, "no unit"))
    label = f"{words}: shape (mean 0, spread 1)" if mirrored else f"{words} [{unit}]"
    return Curves(tuple(drawn.values()), gather.DEPTH, label)


def _arm_profile(one: Arm, name: str, *, mirrored: bool, control: bool = False) -> Series:
    """The profile at the end of training; with a teacher to mirror, its shape alone."""
    taught = one.cell.study == TRAIN

    def read(result: Result) -> Array:
        profile = result.arrays[f"profile.{name}"][-1] if taught else gather.layer_profile(result, name)
        values = np.log2(profile) if mirrored and name == "magnitude" else np.asarray(profile, dtype=np.float64)
        return gather.shape(values) if mirrored else values

    rows = one.stack(read)
    if not taught:
        return Series("its teacher", gather.depth(rows.shape[1]), rows, "third")
    reference = one.cell.spec["method"]["name"] in REFERENCES
    role = "control" if control else "second" if reference else "ours"
    return Series(names.student(one.cell), gather.depth(rows.shape[1]), rows, role)


def trend(assessment: Assessment, evidence: Evidence) -> Curves:
    """The gain over the student's width."""

    def series(reading: object, role: str) -> Series:
        found = gather.pairs(gather.arms(reading, evidence))
        x = np.array([names.width(pair[0].results[0]) for pair in found])
        y = np.stack([gather.gains(pair, gather.accuracy) for pair in found], axis=1)
        return Series(names.student(found[0][0].cell), x, y, role)

    criterion = assessment.criterion
    drawn = [series(criterion.evidence, "ours")]
    computed = gather.control_arms(criterion, evidence)
    drawn += [
        series(control.evidence, "control")
        for control in criterion.controls
        if control.key in computed and isinstance(control.evidence, PerSeed)
    ]
    return Curves(
        tuple(drawn),
        "width of the student [channels]",
        "gain in accuracy [points]",
        x_ticks=tuple(drawn[0].x),
        doubling=True,
        zero=True,
    )
