"""Students distilled from CaiT-S24, as released, are nearer its profile over depth than a student trained alone.

Printed in SpectralKD by a figure: after distillation the student's layers mirror the teacher's. That paper released no
weights; Encoding Mismatch's Lift and WideLast are students of the same teacher, aligned at their last layer, and timm's
DeiT-Tiny is one that had no teacher.

Cost: six passes over 1,000 images, one and a half times that of CaiT-S24 in all.
Expect: not run before weights and images are at hand.
Command: ``python -m suite claims -k student_mirror --profile released-weights --images DIR --weights lift=FILE
--weights wide_last=FILE``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from claims.papers import ENCODING_MISMATCH, SPECTRAL_KD
from claims.spectral_alignment import APPROACH, _standard
from suite.claim import Claim, Control, Criterion, Deviation, PerSeed, Published, Quantity, Role
from suite.judge import Region
from suite.studies.cells import representation

if TYPE_CHECKING:
    from suite.claim.readings import Subject
    from suite.evidence.cell import Result

TITLES = {"lift": "Lift", "wide_last": "WideLast"}
VIEWS = {
    "magnitude": ("activation profile", Role.ASSERTED),
    "entropy_standardised": ("profile of entropy on standardised tokens, where no scale is left,", Role.PROBE),
}


def _shape(name: str, result: Result) -> np.ndarray:
    """A profile over depth, mean over images, on a common grid and without its level and spread."""
    profile = np.asarray(np.mean(result.arrays[name], axis=1, dtype=np.float64))
    return _standard(np.log2(profile) if name == "magnitude" else profile)


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(np.mean((one - other) ** 2)))


def made_up(name: str, alone: Result, ours: Result, teacher: Result) -> float:
    """Share of the distance to the teacher of a student trained alone that another has made up: 1 is all of it."""
    theirs = _shape(name, teacher)
    return 1.0 - _apart(_shape(name, ours), theirs) / _apart(_shape(name, alone), theirs)


def half_way(name: str, alone: Result, teacher: Result) -> float:
    """The same of a profile half-way between that of the student trained alone and the teacher's."""
    own, theirs = _shape(name, alone), _shape(name, teacher)
    return 1.0 - _apart(_standard((own + theirs) / 2), theirs) / _apart(own, theirs)


def _mirror(role: str, name: str) -> Criterion:
    words, kind = VIEWS[name]

    def measured(network: str, *, trained: bool = True) -> Subject:
        return representation(network, trained=trained, probes=name)

    alone, teacher = measured("deit_tiny"), measured("cait_s24")

    def share(subject: Subject) -> PerSeed:
        return PerSeed((alone, subject, teacher), partial(made_up, name))

    return Criterion(
        key=f"{role}_{name}",
        role=kind,
        sentence=f"The {words} over depth of the released {TITLES[role]} mirrors its teacher's.",
        quantity=Quantity(
            "share of the distance of DeiT-Tiny to CaiT-S24's depth profile that distillation makes up", "", "nearer"
        ),
        region=Region.at_least(APPROACH),
        because="1 is the most that can be gained at any scale; a tenth of it is the least one would see in a figure",
        evidence=share(measured(role)),
        positive_controls=(
            Control(
                "half_way",
                "a profile half-way between DeiT-Tiny's and the teacher's",
                PerSeed((alone, teacher), partial(half_way, name)),
            ),
        ),
        negative_controls=(
            Control("untrained", "the same student as initialised", share(measured(role, trained=False))),
            Control("no_teacher", "DeiT-Small, which had no teacher either", share(measured("deit_small"))),
        ),
        published=(Published(SPECTRAL_KD, "figure 3 a-c", text="mirrors the teacher, by eye"),),
        needs=(f"networks.{role}", "networks.cait_s24"),
    )


CLAIM = Claim(
    key="student_mirror",
    finding="spectral_alignment",
    sentence="A student distilled from CaiT-S24 comes to mirror its profile over depth.",
    papers=(SPECTRAL_KD, ENCODING_MISMATCH),
    where="SpectralKD, Fig. 3; weights that Encoding Mismatch released",
    deviations=(
        Deviation("student", "DeiT-Tiny aligned at eight layers", "Lift and WideLast, aligned at the last one"),
        Deviation("student trained alone", "same recipe", "timm's DeiT-Tiny, by DeiT's own recipe"),
        Deviation("depth", "12 layers beside 24, by eye", "both on one grid of relative depth"),
    ),
    criteria=tuple(_mirror(role, name) for role in TITLES for name in VIEWS),
)
