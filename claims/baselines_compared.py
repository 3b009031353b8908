"""Feature distillation beats plain SoftKD: every method's own paper says so of itself.

Printed in the methods' papers at recipes of their own; here all methods share one recipe, one stream of batches and
one teacher pass, and each is compared with SoftKD seed by seed, with Holm's adjustment over the family. Methods are
found, not listed: a new file in ``baselines/`` is compared from then on.

Each method has controls of its own. A method that compares features is also run on the teacher's features of other
images, and on zeros: one that gains as much from either gains nothing from what its teacher knows of the image. A
method on the logits alone is also run under a teacher that was never trained.

A weight of .2 on a sum is not a weight of .2 on a mean. Where a profile asks for one effective weight
(``[distill.options.all]``), every method that adds terms to SoftKD's is judged a second time with them counting alike,
and the comparison says which verdicts depend on it.

Cost: two or three students per method and seed, and as many again at an effective weight; ``[distill] left_out`` names
the methods that a profile leaves to a wider one.
Expect: the order of methods cannot be resolved at small scale; what their gain is made of can.
Command: ``nox -s claims -- -k baselines``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from claims import _arms as arms
from claims.papers import DISTILLATION_DYNAMICS
from suite.claim import Claim, Control, Criterion, Deviation, PerSeed, Published, Role
from suite.judge import Region
from suite.methods import methods
from suite.studies.cells import student
from suite.studies.weighted_cells import ASKED, OF_ALL, student_at_weight

if TYPE_CHECKING:
    from suite.claim.readings import Subject
    from suite.evidence.cell import Result
    from suite.methods import MethodFacts

REFERENCE = "soft_kd"
NOT_COMPARED = (
    "none",
    REFERENCE,
    "train_only_projector",
)  # no teacher, the reference, Lift's control
LAYERS: dict[str, dict[str, Any]] = {  # aligned at the layers that the papers compare, which every student has
    "spectral_kd": arms.BOTH,
    "projector_kd": arms.LAST,
    "projector_kd_released": arms.LAST,
    "feature_mse": {**arms.LAST, "weight": arms.MSE_AS_SPECTRAL},
}
ASSERTED = ("spectral_kd", "projector_kd", "projector_kd_released")  # of which the judged papers print a comparison

COMPARED = {name: method for name, method in methods().items() if name not in NOT_COMPARED}


def _under(name: str, *, weights: str = "trained", target: str = "features") -> Subject:
    return student(name, LAYERS.get(name), weights=weights, target=target)


TABLE = {REFERENCE: arms.SOFT, **{name: _under(name) for name in COMPARED}}


def _negative(name: str, method: MethodFacts) -> tuple[Control, ...]:
    """The same method where it cannot know anything of the image."""
    if not method.compares_features:
        return (
            Control(
                "random_teacher",
                "The same method under a teacher that was never trained must not beat SoftKD.",
                arms.gain(_under(name, weights="random"), arms.SOFT),
            ),
        )
    return (
        Control(
            "shuffled_images",
            "The same method on the teacher's features of other images must not beat SoftKD.",
            arms.gain(_under(name, target="shuffled_images"), arms.SOFT),
        ),
        Control(
            "zeros",
            "The same method on zeros in place of the teacher's features must not beat SoftKD.",
            arms.gain(_under(name, target="zeros"), arms.SOFT),
        ),
    )


def _criterion(name: str, method: MethodFacts) -> Criterion:
    return Criterion(
        key=name,
        role=Role.ASSERTED if name in ASSERTED else Role.PROBE,
        sentence=f"{method.title} ends above SoftKD.",
        quantity=arms.points(f"top-1 accuracy, {method.title} minus SoftKD", "the method is better"),
        region=Region.at_least(arms.SMALLEST_EFFECT),
        because=arms.WHY_SMALLEST_EFFECT,
        evidence=arms.gain(TABLE[name], arms.SOFT, companions=TABLE),
        positive_controls=(arms.GAIN_SEEN,),
        negative_controls=_negative(name, method),
        published=(Published(DISTILLATION_DYNAMICS, f"text of {method.source}", text="at its own recipe"),),
        figure="paired",
        title=method.title,
        beside=_effective_weight(TABLE[name]),
    )


def _effective_weight(subject: Subject) -> dict[str, PerSeed]:
    """How much the method's own terms count beside SoftKD, at both ends of training (`baselines.effective`)."""
    return {
        f"effective weight, {end}": PerSeed((subject,), partial(_recorded, f"effective_weight_{array}"))
        for end, array in (("start", "first"), ("end", "last"))
    }


def _recorded(array: str, result: Result) -> float:
    return float(result.arrays[array])


def _at_equal_weight(name: str, method: MethodFacts) -> Criterion:
    """The same criterion where every method's own terms count as much, whatever weight their papers print."""

    def under(target: str) -> Subject:
        return student_at_weight(name, LAYERS.get(name), target=target)

    return replace(
        _criterion(name, method),
        key=f"{name}_at_equal_weight",
        role=Role.PROBE,
        sentence=f"{method.title} ends above SoftKD where its own terms count as much as every other method's.",
        evidence=arms.gain(under("features"), arms.SOFT),
        negative_controls=(
            Control(
                "shuffled_images",
                "The same method and weight on the teacher's features of other images must not beat SoftKD.",
                arms.gain(under("shuffled_images"), arms.SOFT),
            ),
            Control(
                "zeros",
                "The same method and weight on zeros in place of the teacher's features must not beat SoftKD.",
                arms.gain(under("zeros"), arms.SOFT),
            ),
        ),
        needs=(f"distill.options.{OF_ALL}.{ASKED}",),
        variant_of=name,
        condition="at equal effective weight",
        beside=_effective_weight(under("features")),
    )


WEIGHED = {name: method for name, method in COMPARED.items() if method.compares_features}

CLAIM = Claim(
    key="baselines_compared",
    finding="baselines",
    compared_with=methods()[REFERENCE].title,
    sentence="Distilling features beats SoftKD at the same recipe.",
    papers=(DISTILLATION_DYNAMICS,),
    where="the methods' own papers; for ProjectorKD and SpectralKD the table of Distillation Dynamics",
    notes="Weights are the published ones; none was tuned here. The noise is pooled over methods where that is fair. "
    "Effective weight: norm of the gradient of a method's own terms beside that of SoftKD's loss, on the last block of "
    "the student that they reach, from the first to the last step.",
    deviations=(Deviation("recipe", "each paper its own", "one for all: alpha .9, temperature 1, no mixup"),),
    criteria=(
        *(_criterion(name, method) for name, method in COMPARED.items()),
        *(_at_equal_weight(name, method) for name, method in WEIGHED.items()),
    ),
)
