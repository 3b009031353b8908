"""Feature alignment fails for want of width: Lift and WideLast, which give the last layer the teacher's, gain by it.

Printed in Encoding Mismatch (accuracies of DeiT-Tiny, Lift and WideLast from CaiT-S24, with and without features,
with and without logits; parameter counts). The printed contrast mixes three effects - width, readout, logits - and
two losses; here one loss serves all arms, and each effect has its control.

Cost: 20 students per seed at ``desk``, about four minutes on two cores.
Expect: few of the differences can be resolved with six seeds; parameter counts are exact.
Command: ``nox -s claims -- -k width``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from claims import _arms as arms
from claims.papers import ENCODING_MISMATCH
from suite.claim import Claim, Constant, Control, Criterion, Deviation, PerSeed, Published, Quantity
from suite.judge import Region
from suite.studies.cells import student

if TYPE_CHECKING:
    from suite.claim.readings import Subject
    from suite.evidence.cell import Result

ALIGN = {**arms.LAST, "weight": 0.2}
LIFT, WIDE, UNIFORM, POOLED = "lift", "wide_last", "uniform_wide", "pooled"


def _alone(architecture: str) -> Subject:
    return student("none", architecture=architecture)


def _features(architecture: str) -> Subject:
    return student("feature_mse", {**ALIGN, "logits": False}, architecture=architecture)


def _soft(architecture: str) -> Subject:
    return student("soft_kd", architecture=architecture)


def _soft_and_features(architecture: str) -> Subject:
    return student("feature_mse", ALIGN, architecture=architecture)


PLAIN = (_features("plain"), _alone("plain"))
TRAIN_ONLY = (student("train_only_projector", {"logits": False}), _alone("plain"))
RANDOM = (student("feature_mse", {**ALIGN, "logits": False}, weights="random"), _alone("plain"))


def _gain(architecture: str) -> tuple[Subject, Subject]:
    return (_features(architecture), _alone(architecture))


def _count(architecture: str, width: int | None) -> float:
    """Parameters at paper size."""
    import torch  # noqa: PLC0415 - only where a network is built

    from baselines.students import ViTConfig, build_student  # noqa: PLC0415

    options = {} if width is None else {"width": width}
    network = build_student(architecture, ViTConfig(), generator=torch.Generator().manual_seed(0), options=options)
    return float(sum(p.numel() for p in network.parameters()))


def _parameters(key: str, sentence: str, architecture: str, width: int | None, printed: int) -> Criterion:
    return Criterion(
        key=key,
        sentence=sentence,
        quantity=Quantity("parameters at paper size", "", "a larger network"),
        region=Region.equal(printed, 0),
        because="a count is exact",
        evidence=Constant(partial(_count, architecture, width), note="built from the description and counted"),
        control_free="a count has no case in which it must fail",
        published=(Published(ENCODING_MISMATCH, "cost table", value=printed, text=f"{printed:,}"),),
    )


POINTS = Quantity("gain by features in points of accuracy, this student minus the plain one", "points", "width helps")
WIDTHS = (8, 16, 24)


def _slope(*results: Result) -> float:
    """Least-squares slope of the gain over log2 of the student's width, points per doubling."""
    gains = [arms.accuracy(a) - arms.accuracy(b) for a, b in zip(results[::2], results[1::2], strict=True)]
    return float(np.polyfit(np.log2(WIDTHS), gains, 1)[0])


def _trend(method: str) -> PerSeed:
    pairs = [(student(method, arms.LAST, width=width), student("soft_kd", width=width)) for width in WIDTHS]
    return PerSeed(tuple(subject for pair in pairs for subject in pair), _slope)


CLAIM = Claim(
    key="width_alignment",
    finding="width",
    sentence=(
        "Feature alignment needs width: it is weak on a narrow student and strong once the student's last layer "
        "is as wide as the teacher's."
    ),
    papers=(ENCODING_MISMATCH,),
    where="Encoding Mismatch, accuracy and cost tables of Lift and WideLast",
    notes=(
        "The printed headline, 74.86 to 77.53 and 78.23, sums width, readout and logits; alone, the feature term adds "
        ".27 to .35 beside logits."
    ),
    deviations=(
        Deviation("loss", "SpectralKD on the plain student, MSE on the lifted ones", "MSE on all"),
        Deviation(
            "student",
            "DeiT-Tiny: 12 layers, 192 channels, teacher 384",
            "6 layers, 24 channels, teacher 48",
            small=True,
        ),
    ),
    criteria=(
        Criterion(
            key="plain_gain",
            sentence="Without logits, aligning features helps the plain, narrow student a little.",
            quantity=Quantity("top-1 accuracy, features only minus no teacher", "points", "features help"),
            region=Region.at_least(arms.SMALLEST_EFFECT),
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain(*PLAIN),
            negative_controls=(
                Control("random_teacher", "a teacher that was never trained must not help", arms.gain(*RANDOM)),
            ),
            published=(Published(ENCODING_MISMATCH, "DeiT-Tiny, SpectralKD only: 75.07 against 74.86", value=0.21),),
            figure="paired",
        ),
        Criterion(
            key="lift_gains_more",
            sentence="Lift gains more from features (without logits) than the plain student.",
            quantity=POINTS,
            region=Region.at_least(arms.SMALLEST_EFFECT),
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain_of_gains(_gain(LIFT), PLAIN),
            negative_controls=(
                Control(
                    "pooled_readout",
                    "the plain student with Lift's readout, but not its width",
                    arms.gain_of_gains(_gain(POOLED), PLAIN),
                ),
                Control(
                    "train_only_projector",
                    "a projector to the teacher's width that is thrown away after training",
                    arms.gain_of_gains(TRAIN_ONLY, PLAIN),
                ),
            ),
            published=(Published(ENCODING_MISMATCH, "+1.20 (Lift, MSE only) minus +.21", value=0.99),),
            figure="paired",
        ),
        Criterion(
            key="wide_last_gains_more",
            sentence="WideLast gains more from features (without logits) than the plain student.",
            quantity=POINTS,
            region=Region.at_least(arms.SMALLEST_EFFECT),
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain_of_gains(_gain(WIDE), PLAIN),
            negative_controls=(
                Control(
                    "uniform_wide",
                    "as many parameters, spread evenly over all blocks",
                    arms.gain_of_gains(_gain(UNIFORM), PLAIN),
                ),
                Control(
                    "train_only_projector",
                    "a projector to the teacher's width that is thrown away after training",
                    arms.gain_of_gains(TRAIN_ONLY, PLAIN),
                ),
            ),
            published=(Published(ENCODING_MISMATCH, "+1.61 (WideLast, MSE only) minus +.21", value=1.40),),
            figure="paired",
        ),
        *(
            Criterion(
                key=f"{name}_beside_logits",
                sentence=f"Beside logits, too, features help {title}.",
                quantity=Quantity("top-1 accuracy, SoftKD + features minus SoftKD", "points", "features help"),
                region=Region.at_least(arms.SMALLEST_EFFECT),
                because=arms.WHY_SMALLEST_EFFECT,
                evidence=arms.gain(_soft_and_features(name), _soft(name)),
                negative_controls=(
                    Control(
                        "plain",
                        "the plain student, where width is missing and features should not help",
                        arms.gain(_soft_and_features("plain"), arms.SOFT),
                    ),
                ),
                published=(Published(ENCODING_MISMATCH, where, value=value),),
                figure="paired",
            )
            for name, title, where, value in (
                (LIFT, "Lift", "Lift, SoftKD + MSE 77.50 against SoftKD 77.23", 0.27),
                (WIDE, "WideLast", "WideLast, SoftKD + MSE 78.23 against SoftKD 77.88", 0.35),
            )
        ),
        *(
            Criterion(
                key=f"{name}_alone",
                sentence=f"{title} is better than the plain student even without a teacher.",
                quantity=Quantity("top-1 accuracy without a teacher, minus the plain student's", "points", "better"),
                region=Region.at_least(arms.SMALLEST_EFFECT),
                because=arms.WHY_SMALLEST_EFFECT,
                evidence=arms.gain(_alone(name), _alone("plain")),
                negative_controls=(Control(f"{against}", f"{why}", arms.gain(_alone(against), _alone("plain"))),),
                published=(Published(ENCODING_MISMATCH, where, value=value),),
                figure="paired",
            )
            for name, title, where, value, against, why in (
                (LIFT, "Lift", "75.41 against 74.86", 0.55, POOLED, "Lift's readout without its width"),
                (WIDE, "WideLast", "75.54 against 74.86", 0.68, UNIFORM, "as many parameters, spread evenly"),
            )
        ),
        Criterion(
            key="gain_over_width",
            sentence="The narrower the student, the less it gains from aligning its last layer.",
            quantity=Quantity(
                "slope of the gain by SpectralKD (last layer, beside logits) over student width",
                "points per doubling",
                "narrow students gain less",
            ),
            region=Region.at_least(arms.SMALLEST_EFFECT),
            because=arms.WHY_SMALLEST_EFFECT + ", per doubling of width",
            evidence=_trend("spectral_kd"),
            negative_controls=(
                Control(
                    "projector",
                    "with a learned projector no width is missing, so its gain must not follow width",
                    _trend("projector_kd"),
                ),
            ),
            published=(Published(ENCODING_MISMATCH, "the mechanism it describes", text="not measured over widths"),),
            needs=("distill.widths",),
            figure="trend",
        ),
        _parameters("parameters_plain", "DeiT-Tiny has 5,717,416 parameters.", "plain", None, 5_717_416),
        _parameters("parameters_lift", "Lift has 5,983,528 parameters.", LIFT, 384, 5_983_528),
        _parameters("parameters_wide_last", "WideLast has 7,239,016 parameters.", WIDE, 384, 7_239_016),
    ),
)
