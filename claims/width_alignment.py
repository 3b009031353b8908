"""Feature alignment fails for want of width: Lift and WideLast, which give the last layer the teacher's, gain by it.

Printed in Encoding Mismatch (accuracies of DeiT-Tiny, Lift and WideLast from CaiT-S24, with and without features,
with and without logits; parameter counts). The printed contrast mixes three effects - width, readout, logits - and
two losses; here one loss serves all arms, and each effect has its control.

Whether a profile could show a gain that needs width is asked of a target made for it: a code of the label in
differences of neighbouring channels, which pooling takes away from the narrow student and width lets through.

Cost: 26 students per seed where a profile trains students of several widths; a profile that trains the plain student
alone asks parameter counts only.
Expect: few of the differences can be resolved with few seeds; parameter counts are exact.
Command: ``nox -s claims -- -k width``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from claims import _arms as arms
from claims.papers import ENCODING_MISMATCH
from suite.claim import Claim, Constant, Control, Criterion, Deviation, PerSeed, Published, Quantity, Role
from suite.judge import Region
from suite.studies.cells import student

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.claim.readings import Subject
    from suite.evidence.cell import Result
    from suite.profile import Profile

ALIGN = {**arms.LAST, "weight": arms.WEIGHT}
STRONGLY = {**arms.LAST, "weight": arms.OVERDOSE}
LIFT, WIDE, UNIFORM, POOLED = "lift", "wide_last", "uniform_wide", "pooled"
TITLES = {LIFT: "Lift", WIDE: "WideLast"}


def _alone(architecture: str) -> Subject:
    return student("none", architecture=architecture)


def _features(architecture: str, *, target: str = "features") -> Subject:
    return student("feature_mse", {**ALIGN, "logits": False}, architecture=architecture, target=target)


def _fine(architecture: str) -> Subject:
    """Aligned, strongly, with a code that only a student of the teacher's width can see."""
    return student("feature_mse", {**STRONGLY, "logits": False}, architecture=architecture, target="fine_label_code")


def _zeros(architecture: str) -> Subject:
    return student("feature_mse", {**STRONGLY, "logits": False}, architecture=architecture, target="zeros")


def _soft(architecture: str) -> Subject:
    return student("soft_kd", architecture=architecture)


def _soft_and_features(architecture: str, *, target: str = "features") -> Subject:
    return student("feature_mse", ALIGN, architecture=architecture, target=target)


PLAIN = (_features("plain"), _alone("plain"))
TRAIN_ONLY = (student("train_only_projector", {"logits": False}), _alone("plain"))
RANDOM = (student("feature_mse", {**ALIGN, "logits": False}, weights="random"), _alone("plain"))


def _gain(architecture: str) -> tuple[Subject, Subject]:
    return (_features(architecture), _alone(architecture))


def _count(architecture: str, width: int | None) -> float:
    """Parameters at paper size."""
    import torch

    from baselines.students import ViTConfig, build_student

    options = {} if width is None else {"width": width}
    network = build_student(architecture, ViTConfig(), generator=torch.Generator().manual_seed(0), options=options)
    return float(sum(p.numel() for p in network.parameters()))


def _printed(value: float, row: str, runs: int = 2) -> tuple[Published, ...]:
    return (arms.difference_of_runs(ENCODING_MISMATCH, "accuracy tables", value, row, runs=runs),)


def _parameters(key: str, sentence: str, architecture: str, width: int | None, printed: int, row: str) -> Criterion:
    return Criterion(
        key=key,
        role=Role.PROBE,  # the books of the cost table, not what the claim says
        sentence=sentence,
        quantity=Quantity("parameters at paper size", "", "a larger network"),
        region=Region.equal(printed, 0),
        because="a count is exact",
        evidence=Constant(partial(_count, architecture, width), note="built from the description and counted"),
        control_free="a count has no case in which it must fail, and none in which it could hold by chance",
        published=(Published(ENCODING_MISMATCH, "cost table", printed, f"{printed:,}", row=row, column="parameters"),),
    )


WIDER = arms.points("gain by features in accuracy, this student minus the plain one", "width helps")
WIDTHS = 3  # of the widths that a profile trains students of, so many, the narrowest first


def _gains_more(name: str, controls: tuple[Control, ...], published: tuple[Published, ...]) -> Criterion:
    return Criterion(
        key=f"{name}_gains_more",
        sentence=f"{TITLES[name]} gains more from features (without logits) than the plain student.",
        quantity=WIDER,
        region=Region.at_least(arms.SMALLEST_EFFECT),
        because=arms.WHY_SMALLEST_EFFECT,
        evidence=arms.gain_of_gains(_gain(name), PLAIN),
        positive_controls=(
            Control(
                "fine_label_code",
                "A target that only the teacher's width can see, over zeros, must help this student more.",
                arms.gain_of_gains((_fine(name), _zeros(name)), (_fine("plain"), _zeros("plain"))),
            ),
        ),
        negative_controls=(
            *controls,
            Control(
                "train_only_projector",
                "A projector to the teacher's width that is thrown away after training.",
                arms.gain_of_gains(TRAIN_ONLY, PLAIN),
            ),
            Control(
                "zeros",
                "Zeros in place of the teacher's features must not gain more by width.",
                arms.gain_of_gains((_features(name, target="zeros"), _alone(name)), PLAIN),
            ),
        ),
        published=published,
        needs=("distill.asks.architectures",),
        figure="paired",
    )


def _narrow(place: int) -> Callable[[Profile], int]:
    """One of the profile's widths, by its place among them."""
    return lambda profile: int(sorted(profile.section("distill")["widths"])[place])


def _slope(*results: Result) -> float:
    """Least-squares slope of the gain over log2 of the student's width, points per doubling."""
    gains = [arms.accuracy(a) - arms.accuracy(b) for a, b in zip(results[::2], results[1::2], strict=True)]
    return float(np.polyfit(np.log2([int(result.arrays["width"]) for result in results[::2]]), gains, 1)[0])


def _trend(method: str, *, target: str = "features", weight: float | None = None) -> PerSeed:
    options = arms.LAST if weight is None else {**arms.LAST, "weight": weight}
    pairs = [
        (student(method, options, width=_narrow(place), target=target), student("soft_kd", width=_narrow(place)))
        for place in range(WIDTHS)
    ]
    return PerSeed(tuple(subject for pair in pairs for subject in pair), _slope)


def _beside_logits(name: str, published: tuple[Published, ...]) -> Criterion:
    return Criterion(
        key=f"{name}_beside_logits",
        sentence=f"Beside logits, too, features help {TITLES[name]}.",
        quantity=arms.points("top-1 accuracy, SoftKD + features minus SoftKD", "features help"),
        region=Region.at_least(arms.SMALLEST_EFFECT),
        because=arms.WHY_SMALLEST_EFFECT,
        evidence=arms.gain(_soft_and_features(name), _soft(name)),
        positive_controls=(
            Control(
                "logits",
                f"A gain that is known to exist: {TITLES[name]} with logits over {TITLES[name]} without a teacher.",
                arms.gain(_soft(name), _alone(name)),
            ),
        ),
        negative_controls=(
            Control(
                "plain",
                "The plain student, where width is missing and features should not help.",
                arms.gain(_soft_and_features("plain"), arms.SOFT),
            ),
            Control(
                "zeros",
                "Zeros in place of the teacher's features must not help.",
                arms.gain(_soft_and_features(name, target="zeros"), _soft(name)),
            ),
        ),
        published=published,
        needs=("distill.asks.architectures",),
        figure="paired",
    )


def _better_alone(name: str, against: str, why: str, published: tuple[Published, ...]) -> Criterion:
    return Criterion(
        key=f"{name}_alone",
        sentence=f"{TITLES[name]} is better than the plain student even without a teacher.",
        quantity=arms.points("top-1 accuracy without a teacher, minus the plain student's", "better"),
        region=Region.at_least(arms.SMALLEST_EFFECT),
        because=arms.WHY_SMALLEST_EFFECT,
        evidence=arms.gain(_alone(name), _alone("plain")),
        positive_controls=(
            Control(
                "narrowest",
                "The plain student over the narrowest of the profile's, both without a teacher.",
                arms.gain(_alone("plain"), student("none", width=_narrow(0))),
            ),
        ),
        negative_controls=(Control(against, why, arms.gain(_alone(against), _alone("plain"))),),
        published=published,
        needs=("distill.asks.architectures", "distill.widths"),
        figure="paired",
    )


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
            quantity=arms.points("top-1 accuracy, features only minus no teacher", "features help"),
            region=Region.at_least(arms.SMALLEST_EFFECT),
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain(*PLAIN),
            positive_controls=(arms.GAIN_SEEN, arms.CONTENT_SEEN, arms.KNOWLEDGE_SEEN),
            negative_controls=(
                Control("random_teacher", "A teacher that was never trained must not help.", arms.gain(*RANDOM)),
                Control(
                    "zeros",
                    "Zeros in place of the teacher's features must not help.",
                    arms.gain(_features("plain", target="zeros"), _alone("plain")),
                ),
            ),
            published=_printed(0.21, "DeiT-Tiny, SpectralKD only (75.07) and DeiT-Tiny (74.86)"),
            needs=("distill.asks.architectures",),
            figure="paired",
        ),
        _gains_more(
            LIFT,
            (
                Control(
                    "pooled_readout",
                    "The plain student with Lift's readout, but not its width.",
                    arms.gain_of_gains(_gain(POOLED), PLAIN),
                ),
            ),
            _printed(0.99, "Lift, MSE only (76.61 - 75.41) and DeiT-Tiny, SpectralKD only (75.07 - 74.86)", 4),
        ),
        _gains_more(
            WIDE,
            (
                Control(
                    "uniform_wide",
                    "As many parameters, spread evenly over all blocks.",
                    arms.gain_of_gains(_gain(UNIFORM), PLAIN),
                ),
            ),
            _printed(1.40, "WideLast, MSE only (77.15 - 75.54) and DeiT-Tiny, SpectralKD only (75.07 - 74.86)", 4),
        ),
        _beside_logits(LIFT, _printed(0.27, "Lift, SoftKD + MSE (77.50) and Lift, SoftKD (77.23)")),
        _beside_logits(WIDE, _printed(0.35, "WideLast, SoftKD + MSE (78.23) and WideLast, SoftKD (77.88)")),
        _better_alone(
            LIFT,
            POOLED,
            "Lift's readout without its width.",
            _printed(0.55, "Lift, no teacher (75.41) and DeiT-Tiny (74.86)"),
        ),
        _better_alone(
            WIDE,
            UNIFORM,
            "As many parameters, spread evenly.",
            _printed(0.68, "WideLast, no teacher (75.54) and DeiT-Tiny (74.86)"),
        ),
        Criterion(
            key="gain_over_width",
            role=Role.PROBE,
            sentence="The narrower the student, the less it gains from aligning its last layer.",
            quantity=Quantity(
                "slope of the gain by SpectralKD (last layer, beside logits) over student width",
                "points per doubling",
                "narrow students gain less",
            ),
            region=Region.at_least(arms.SMALLEST_EFFECT),
            because=arms.WHY_SMALLEST_EFFECT + ", per doubling of width",
            evidence=_trend("spectral_kd"),
            positive_controls=(
                Control(
                    "noise_overdose",
                    "Harm that a narrow student can bear least: noise at a hundred times the weight.",
                    _trend("spectral_kd", target="noise", weight=arms.OVERDOSE),
                ),
            ),
            negative_controls=(
                Control(
                    "projector",
                    "With a learned projector no width is missing, so its gain must not follow width.",
                    _trend("projector_kd"),
                ),
            ),
            published=(Published(ENCODING_MISMATCH, "text on the mechanism", text="not measured over student widths"),),
            needs=("distill.widths",),
            figure="trend",
        ),
        _parameters("parameters_plain", "DeiT-Tiny has 5,717,416 parameters.", "plain", None, 5_717_416, "DeiT-Tiny"),
        _parameters("parameters_lift", "Lift has 5,983,528 parameters.", LIFT, 384, 5_983_528, "Lift"),
        _parameters("parameters_wide_last", "WideLast has 7,239,016 parameters.", WIDE, 384, 7_239_016, "WideLast"),
    ),
)
