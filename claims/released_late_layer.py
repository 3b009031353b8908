"""Aligning a ViT student's late layers with its teacher's harms it; aligning early layers does not.

Printed in Distillation Dynamics (accuracy table: DeiT-Tiny taught by CaiT-S24 on ImageNet), from one run per
method at its best epoch on the validation set: 0.16 points below SoftKD after 300 epochs, 0.48 after 500.

Here: the authors' logs, means of the last ten epochs, early training apart from late.

Cost: reads nine text files; a second.
Expect: at the end consistent with harm, which one run cannot show; early in training contradicted, as there
late alignment leads by points; the run that aligns first and last layers leads to the end.
Command: ``python -m suite claims -k released_late --profile released --released DIR``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claims.papers import DISTILLATION_DYNAMICS
from claims.released_gaps import SMALLEST_EFFECT, WHY_SMALLEST_EFFECT, Pair, gap, growth, itself, repeated_gap
from claims.released_runs import (
    ACCURACY,
    ONLY_RELEASED,
    PROJECTOR_BOTH,
    PROJECTOR_FIRST,
    PROJECTOR_LAST,
    SOFT,
    SOFT_500,
    SPECTRAL_BOTH,
    SPECTRAL_FIRST,
    SPECTRAL_LAST,
    SPECTRAL_LAST_500,
    registered,
)
from suite.claim import Claim, Control, Criterion, Deviation, Kind, Published, Quantity, Released
from suite.evidence.released import NeverReleased
from suite.judge import Observed, Region, Sampling, Verdict

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "accuracy table, DeiT-Tiny from CaiT-S24"
SMOOTH = 11  # epochs in the running mean whose sign is followed

GAP = Quantity("accuracy less that of SoftKD", "points", "better than SoftKD")
HARM = Region.at_most(-SMALLEST_EFFECT)
FIRST_SPECTRAL = Control("first_layer", "SpectralKD on the first layer only: nothing late", gap(SPECTRAL_FIRST, SOFT))
FIRST_PROJECTOR = Control(
    "first_layer", "ProjectorKD on the first layer only: nothing late", gap(PROJECTOR_FIRST, SOFT)
)
UNTRAINED_PROJECTOR = Deviation(
    "projector",
    "learned along with the student",
    "in the released code it is created after the optimiser and stays random",
)
CHECKPOINT = Deviation(
    "short training", "runs of 300 and 500 epochs", "the first epochs of these runs, not runs of that length"
)


def _printed(value: float, row: str) -> tuple[Published, ...]:
    return (Published(DISTILLATION_DYNAMICS, f"{TABLE}, {row}", value=value),)


def _early(center: int, verdict: Verdict, because: str) -> Criterion:
    """Harm around an epoch, over the ten epochs from five before to four after it."""
    epochs = range(center - 5, center + 5)
    return Criterion(
        key=f"spectral_early_{center}",
        sentence=f"SpectralKD on the last layer trails SoftKD around epoch {center} as well.",
        kind=Kind.DIFFERENCE,
        quantity=GAP,
        region=HARM,
        because=f"harm from late layers must show at every length of training; {WHY_SMALLEST_EFFECT}",
        evidence=repeated_gap(SPECTRAL_LAST, SOFT, (SPECTRAL_LAST_500, SOFT_500), epochs),
        controls=(Control("first_layer", "SpectralKD on the first layer only", gap(SPECTRAL_FIRST, SOFT, epochs)),),
        published=(Published(DISTILLATION_DYNAMICS, TABLE, text="not examined"),),
        profiles=ONLY_RELEASED,
        expected=registered(verdict, because),
        deviations=(CHECKPOINT,),
    )


def _last_sign_change(run: Path, reference: Path) -> Observed:
    logs = SPECTRAL_LAST.read(run), SOFT.read(reference)
    ahead = logs[0].column(ACCURACY) - logs[1].column(ACCURACY)
    smooth = np.convolve(ahead, np.full(SMOOTH, 1 / SMOOTH), mode="valid")
    changes = np.flatnonzero(np.diff(np.sign(smooth)) != 0) + 1 + SMOOTH // 2
    if not len(changes):
        always = "ahead" if smooth[0] > 0 else "behind"
        return Observed((0.0,), Sampling.SINGLE, standard_error=0.0, note=f"{always} at every epoch")
    return Observed(
        values=(float(changes[-1]),),
        sampling=Sampling.SINGLE,
        standard_error=float(changes[-1] - changes[0]) / 2,
        note=(
            f"sign changes at epochs {', '.join(map(str, changes))} (means of {SMOOTH} epochs of {logs[0].file} "
            f"less {logs[1].file}); standard error: half their span"
        ),
    )


CLAIM = Claim(
    key="released_late_layer",
    sentence="Aligning a student's late layers with its teacher's harms it.",
    papers=(DISTILLATION_DYNAMICS,),
    where="Distillation Dynamics, accuracy table and the text on negative transfer",
    notes=(
        "Late alignment speeds up early training and costs a little at the end, and so does early alignment. The "
        "feature weight is a mean over aligned layers, so the best run, first and last, weighs its last layer at "
        "0.1, the weight said to be the most harmful when the last layer stands alone."
    ),
    criteria=(
        Criterion(
            key="spectral_300",
            sentence="SpectralKD on the last layer ends below SoftKD after 300 epochs.",
            kind=Kind.DIFFERENCE,
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=gap(SPECTRAL_LAST, SOFT),
            controls=(FIRST_SPECTRAL, itself(SOFT)),
            published=_printed(76.83 - 76.99, "SpectralKD Last1 less SoftKD"),
            profiles=ONLY_RELEASED,
            expected=registered(Verdict.CONSISTENT, "-0.16 points, one standard error of the images, one run"),
        ),
        Criterion(
            key="spectral_500",
            sentence="SpectralKD on the last layer ends below SoftKD after 500 epochs.",
            kind=Kind.DIFFERENCE,
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=gap(SPECTRAL_LAST_500, SOFT_500),
            controls=(itself(SOFT_500),),
            published=_printed(77.59 - 78.07, "500 epochs, SpectralKD Last1 less SoftKD"),
            profiles=ONLY_RELEASED,
            expected=registered(Verdict.CONSISTENT, "-0.45 points, 2.7 standard errors of the images, one run"),
        ),
        Criterion(
            key="gap_grows",
            sentence="The gap to SoftKD is larger after 500 epochs than after 300.",
            kind=Kind.DIFFERENCE,
            quantity=Quantity("gap after 500 epochs less gap after 300", "points", "gap shrinks"),
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=growth(Pair(SPECTRAL_LAST_500, SOFT_500), Pair(SPECTRAL_LAST, SOFT)),
            controls=(
                Control(
                    "same_length",
                    "the 300-epoch pair less itself ten epochs earlier: no longer training",
                    growth(Pair(SPECTRAL_LAST, SOFT), Pair(SPECTRAL_LAST, SOFT, range(280, 290))),
                ),
            ),
            published=_printed(-0.48 + 0.16, "500 less 300 epochs"),
            profiles=ONLY_RELEASED,
            expected=registered(Verdict.CONSISTENT, "-0.29 points, 1.2 standard errors, one pair of each length"),
        ),
        _early(11, Verdict.CONTRADICTED, "it leads by 4.7 points, twelve standard errors, and so when repeated"),
        _early(20, Verdict.CONTRADICTED, "it leads by 3.0 points, eight standard errors, and so when repeated"),
        _early(50, Verdict.INCONCLUSIVE, "it leads by 0.8 points, but by then the repetitions differ as much"),
        Criterion(
            key="spectral_from_the_start",
            sentence="SpectralKD on the last layer trails SoftKD from the first tenth of training on.",
            kind=Kind.TREND,
            quantity=Quantity("epoch of 300 after which its sign against SoftKD stays", "epochs", "later"),
            region=Region.at_most(30),
            because="a tenth of training is the most one would call the start",
            evidence=Released((SPECTRAL_LAST.file, SOFT.file), _last_sign_change),
            published=(Published(DISTILLATION_DYNAMICS, TABLE, text="not examined"),),
            profiles=ONLY_RELEASED,
            expected=registered(Verdict.INCONCLUSIVE, "behind for good from epoch 178 only, in one pair of runs"),
        ),
        Criterion(
            key="spectral_first_and_last",
            sentence="What contains late alignment ends below SoftKD: SpectralKD on the first and last layers.",
            kind=Kind.DIFFERENCE,
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=gap(SPECTRAL_BOTH, SOFT),
            controls=(FIRST_SPECTRAL, itself(SOFT)),
            published=_printed(77.08 - 76.99, "SpectralKD First1+Last1 less SoftKD"),
            profiles=ONLY_RELEASED,
            expected=registered(Verdict.INCONCLUSIVE, "it leads all 300-epoch runs by 0.10 points, in one run"),
        ),
        Criterion(
            key="projector_300",
            sentence="ProjectorKD on the last layer ends below SoftKD after 300 epochs.",
            kind=Kind.DIFFERENCE,
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=gap(PROJECTOR_LAST, SOFT),
            controls=(FIRST_PROJECTOR, itself(SOFT)),
            published=_printed(76.72 - 76.99, "ProjectorKD Last1 less SoftKD"),
            profiles=ONLY_RELEASED,
            expected=registered(Verdict.CONSISTENT, "-0.26; its first-layer control, -0.096, is outside by a hair"),
            deviations=(UNTRAINED_PROJECTOR,),
        ),
        Criterion(
            key="projector_early_50",
            sentence="ProjectorKD on the last layer trails SoftKD around epoch 50 as well.",
            kind=Kind.DIFFERENCE,
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=gap(PROJECTOR_LAST, SOFT, range(45, 55)),
            controls=(
                Control(
                    "first_layer",
                    "ProjectorKD on the first layer only",
                    gap(PROJECTOR_FIRST, SOFT, range(45, 55)),
                ),
            ),
            published=(Published(DISTILLATION_DYNAMICS, TABLE, text="not examined"),),
            profiles=ONLY_RELEASED,
            expected=registered(Verdict.CONSISTENT, "-0.5 points: here the early lead is over by epoch 26"),
            deviations=(UNTRAINED_PROJECTOR, CHECKPOINT),
        ),
        Criterion(
            key="projector_first_and_last",
            sentence="ProjectorKD on the first and last layers ends below SoftKD.",
            kind=Kind.DIFFERENCE,
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=gap(PROJECTOR_BOTH, SOFT),
            controls=(FIRST_PROJECTOR, itself(SOFT)),
            published=_printed(76.80 - 76.99, "ProjectorKD First1+Last1 less SoftKD"),
            profiles=ONLY_RELEASED,
            expected=registered(Verdict.CONSISTENT, "-0.16; its first-layer control, -0.096, is outside by a hair"),
            deviations=(UNTRAINED_PROJECTOR,),
        ),
        Criterion(
            key="smaller_weight",
            sentence="A smaller feature weight on the last layer, 0.1 instead of 0.2, harms more.",
            kind=Kind.DIFFERENCE,
            quantity=Quantity("accuracy at weight 0.1 less accuracy at 0.2", "points", "less harm"),
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=NeverReleased("no log of the run at weight 0.1 was released, nor weights, nor a second run"),
            published=_printed(76.48 - 76.83, "SpectralKD Last1, weight 0.1 less 0.2"),
            profiles=ONLY_RELEASED,
            expected=registered(Verdict.UNVERIFIABLE, "no log; first+last, whose last layer weighs 0.1, is the best"),
        ),
    ),
)
