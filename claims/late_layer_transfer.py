"""Aligning a student's late layers with its teacher's harms it; early layers do not, and first + last helps.

Printed in Distillation Dynamics (accuracy table: DeiT-Tiny from CaiT-S24, 300 and 500 epochs, one seed, best epoch
on the evaluation set). The authors' own logs show late alignment ahead for the first 100 epochs and behind only at
the end, so each statement is asked early and at the end.

Cost: 14 students per seed at ``desk``, three of them twice as long; about four minutes on two cores.
Expect: at this length late alignment helps; a contradiction at proxy scale, with the trajectory that explains it.
Command: ``nox -s claims -- -k late_layer``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claims import _arms as arms
from claims.papers import DISTILLATION_DYNAMICS
from suite.claim import Claim, Control, Criterion, Deviation, PerSeed, Published, Quantity
from suite.judge import Region
from suite.studies.cells import student

if TYPE_CHECKING:
    from suite.claim import Reading
    from suite.claim.readings import Subject
    from suite.evidence.cell import Result

HARM = Region.at_most(-arms.SMALLEST_EFFECT)
POINTS = Quantity("top-1 accuracy, aligned minus SoftKD", "points", "alignment helps")
SOFT_LONG = student("soft_kd", length="long")
LAST_LONG = student("spectral_kd", arms.LAST, length="long")
FIRST_LONG = student("spectral_kd", arms.FIRST, length="long")

# In scale a tenth, in entropy log2(1.1) bits: the smallest change of a profile one would draw.
SMALLEST_BITS = float(np.log2(1.1))


def _printed(value: float, where: str) -> tuple[Published, ...]:
    return (Published(DISTILLATION_DYNAMICS, f"accuracy table, {where}", value=value),)


def _early_layer(of: object = arms.gain) -> Control:
    return Control(
        "first_layer",
        "the same loss on the first layer, said to do no harm",
        of(arms.SPECTRAL_FIRST, arms.SOFT),  # type: ignore[operator]
    )


def _harm(key: str, sentence: str, aligned: Subject, published: tuple[Published, ...]) -> Criterion:
    return Criterion(
        key=key,
        sentence=sentence,
        quantity=POINTS,
        region=HARM,
        because=arms.WHY_SMALLEST_EFFECT,
        evidence=arms.gain(aligned, arms.SOFT),
        negative_controls=(arms.weight_zero(), _early_layer()),
        published=published,
        figure="paired",
    )


def _last_layer(name: str, result: Result) -> float:
    return float(result.arrays[f"profile.{name}"][-1, -1])


def _expansion(name: str, result: Result) -> float:
    """Entropy of the last layer above the lowest layer's, bits."""
    profile = result.arrays[f"profile.{name}"][-1]
    return float(profile[-1] - profile.min())


def _suppression(key: str, sentence: str, quantity: Quantity, read: object, published: str) -> Criterion:
    def difference(aligned: Subject) -> Reading:
        return PerSeed((aligned, arms.SOFT), lambda a, b: read(a) - read(b))  # type: ignore[operator]

    return Criterion(
        key=key,
        sentence=sentence,
        quantity=quantity,
        region=Region.at_most(-SMALLEST_BITS),
        because="ten per cent of scale, log2(1.1) = 0.14 bits, is the smallest change one would draw",
        evidence=difference(arms.SPECTRAL_LAST),
        negative_controls=(
            Control("first_layer", "aligning the first layer must not do it", difference(arms.SPECTRAL_FIRST)),
            Control("weight_0", "the feature term at weight 0 is SoftKD itself", difference(arms.SPECTRAL_LAST_ZERO)),
        ),
        published=(Published(DISTILLATION_DYNAMICS, "student entropy over training", text=published),),
        figure="student-depth",
    )


CLAIM = Claim(
    key="late_layer_transfer",
    finding="late_layer",
    sentence="Aligning a student's late layers with its teacher's harms the student.",
    papers=(DISTILLATION_DYNAMICS,),
    where="Distillation Dynamics, accuracy table and figures of student entropy",
    notes=(
        "Published accuracies are the best epoch of one seed on the evaluation set; ours are the last step's, "
        "with the best beside it. The sign depends on the length of training: see the trajectories."
    ),
    deviations=(
        Deviation("length", "300 and 500 epochs of ImageNet", "steps of 32 views: 200 and 400 at desk", small=True),
        Deviation("accuracy", "best epoch on the evaluation set", "last step"),
        Deviation("student", "DeiT-Tiny: 12 layers, 192 channels", "6 layers, 24 channels", small=True),
        Deviation(
            "augmentation",
            "RandAugment, random erasing, repeated augmentation",
            "affine views, one grey patch",
            small=True,
        ),
    ),
    criteria=(
        _harm(
            "spectral_end",
            "At the end of training, aligning the last layer by SpectralKD leaves the student below SoftKD.",
            arms.SPECTRAL_LAST,
            _printed(-0.16, "SpectralKD Last1 at 300 epochs: 76.83 against 76.99"),
        ),
        _harm(
            "several_end",
            "So does aligning the last several layers.",
            arms.SPECTRAL_SEVERAL,
            _printed(-0.30, "SpectralKD Last8: 76.69 against 76.99, no log released"),
        ),
        _harm(
            "projector_end",
            "So does a learned projection onto the teacher's last layer (ProjectorKD as described).",
            arms.PROJECTOR_LAST,
            _printed(-0.27, "ProjectorKD Last1: 76.72 against 76.99, its projector was never trained"),
        ),
        _harm(
            "projector_released_end",
            "So does ProjectorKD as released, with a frozen random projection and batch norm on both sides.",
            arms.PROJECTOR_RELEASED_LAST,
            _printed(-0.27, "ProjectorKD Last1: 76.72 against 76.99"),
        ),
        _harm(
            "mse_end",
            "So does a plain squared error on the last layer.",
            arms.MSE_LAST,
            (Published(DISTILLATION_DYNAMICS, "-", text="not examined"),),
        ),
        Criterion(
            key="spectral_early",
            sentence="Late alignment is behind SoftKD early in training as well.",
            quantity=Quantity("top-1 accuracy at 20 % of training, aligned minus SoftKD", "points", "alignment helps"),
            region=HARM,
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain_at(0.2, arms.SPECTRAL_LAST, arms.SOFT),
            negative_controls=(
                Control(
                    "weight_0",
                    "the feature term at weight 0 is SoftKD itself",
                    arms.gain_at(0.2, arms.SPECTRAL_LAST_ZERO, arms.SOFT),
                ),
            ),
            published=(
                Published(
                    DISTILLATION_DYNAMICS, "released logs, epoch 20 of 300", value=2.9, text="+2.9 (from the logs)"
                ),
            ),
            figure="trajectory",
        ),
        Criterion(
            key="smaller_weight",
            sentence="Halving the weight of the late alignment makes it worse still.",
            quantity=Quantity(
                "top-1 accuracy, weight .1 minus weight .2 on the last layer", "points", "less is better"
            ),
            region=HARM,
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain(arms.SPECTRAL_LAST_HALF, arms.SPECTRAL_LAST),
            negative_controls=(
                Control(
                    "mse_weight",
                    "the same change of weight (to a third) of a plain squared error, of which nothing is claimed",
                    arms.gain(arms.MSE_LAST, arms.MSE_LAST_FULL),
                ),
            ),
            published=_printed(-0.35, "beta .1: 76.48 against 76.83, no log released"),
            figure="paired",
        ),
        Criterion(
            key="first_and_last",
            sentence="Aligning the first layer besides the last makes good what the last one spoils.",
            quantity=Quantity("top-1 accuracy, first + last minus last", "points", "the first layer helps"),
            region=Region.at_least(arms.SMALLEST_EFFECT),
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain(arms.SPECTRAL_BOTH, arms.SPECTRAL_LAST),
            negative_controls=(
                Control(
                    "half_weight",
                    "two pairs share one weight: the last layer alone at half of it must not do the same",
                    arms.gain(arms.SPECTRAL_LAST_HALF, arms.SPECTRAL_LAST),
                ),
            ),
            published=_printed(0.25, "First1+Last1 77.08 against Last1 76.83"),
            figure="paired",
        ),
        Criterion(
            key="grows_with_length",
            sentence="The harm grows with the length of training.",
            quantity=Quantity(
                "gap to SoftKD after long training minus gap after short training", "points", "harm shrinks"
            ),
            region=HARM,
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain_of_gains((LAST_LONG, SOFT_LONG), (arms.SPECTRAL_LAST, arms.SOFT)),
            negative_controls=(
                Control(
                    "first_layer",
                    "the same for the first layer, whose alignment is said to do no harm at any length",
                    arms.gain_of_gains((FIRST_LONG, SOFT_LONG), (arms.SPECTRAL_FIRST, arms.SOFT)),
                ),
            ),
            published=_printed(-0.32, "-.16 at 300 epochs, -.48 at 500"),
            figure="trajectory",
        ),
        _suppression(
            "suppresses_expansion",
            "Late alignment suppresses the expansion: the last layer's entropy (global range) is lower than SoftKD's.",
            Quantity("entropy of the student's last layer, aligned minus SoftKD", "bits", "more expansion"),
            lambda result: _last_layer("entropy_global", result),
            "2.19 against 3.31 bits at epoch 300, each in a range of its own",
        ),
        _suppression(
            "suppresses_expansion_in_shape",
            "It suppresses expansion within the network: the last layer rises less above the lowest one.",
            Quantity("entropy of last minus lowest layer, aligned minus SoftKD", "bits", "more expansion"),
            lambda result: _expansion("entropy_global", result),
            "1.34 against 1.53 bits at epoch 300",
        ),
        _suppression(
            "suppresses_expansion_scale_free",
            "It does so when tokens are standardised, so that no scale is left.",
            Quantity(
                "entropy of the last layer on standardised tokens, aligned minus SoftKD", "bits", "more expansion"
            ),
            lambda result: _last_layer("entropy_standardised", result),
            "not examined",
        ),
    ),
)
