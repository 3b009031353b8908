"""Aligning a ViT student's late layers with its teacher's harms it; aligning early layers does not.

Printed in Distillation Dynamics (accuracy table: DeiT-Tiny taught by CaiT-S24 on ImageNet), from one run per
method at its best epoch on the validation set: 0.16 points below SoftKD after 300 epochs, 0.48 after 500.

Here: the authors' logs, means of the last ten epochs. What happens earlier is ``released_training_length``.

Cost: reads embedded figures; a second.
Expect: consistent with harm, which one run cannot show; but the run that aligns the first and last layers, and so
contains late alignment, leads all others of 300 epochs.
Command: ``python -m suite claims -k released_late --profile released``.
"""

from __future__ import annotations

from claims._released_gaps import (
    GAP,
    HARM,
    UNTRAINED_PROJECTOR,
    WHY_SMALLEST_EFFECT,
    Pair,
    gap,
    growth,
    itself,
)
from claims._released_printed import NO_TEACHER
from claims._released_runs import (
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
)
from claims.papers import DISTILLATION_DYNAMICS
from suite.claim import Claim, Control, Criterion, NeverReleased, Published, Quantity, Role

TABLE = "accuracy table, DeiT-Tiny taught by CaiT-S24"

FIRST_SPECTRAL = Control("first_layer", "SpectralKD on the first layer only: nothing late", gap(SPECTRAL_FIRST, SOFT))
FIRST_PROJECTOR = Control(
    "first_layer", "ProjectorKD on the first layer only: nothing late", gap(PROJECTOR_FIRST, SOFT)
)


COLUMN = "top-1, best epoch"


def _printed(value: float, row: str, column: str = COLUMN) -> tuple[Published, ...]:
    return (Published(DISTILLATION_DYNAMICS, TABLE, value=value, row=row, column=column),)


CLAIM = Claim(
    key="released_late_layer",
    sentence="Aligning a student's late layers with its teacher's harms it.",
    papers=(DISTILLATION_DYNAMICS,),
    where="Distillation Dynamics, accuracy table and the text on negative transfer",
    finding="late_layer",
    notes=(
        "The feature loss is a mean over aligned layers, so the best run, first and last, weighs its last layer at "
        "0.1, the weight said to be the most harmful when the last layer stands alone."
    ),
    criteria=(
        Criterion(
            key="spectral_300",
            sentence="SpectralKD on the last layer ends below SoftKD after 300 epochs.",
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=gap(SPECTRAL_LAST, SOFT),
            positive_controls=(NO_TEACHER,),
            negative_controls=(FIRST_SPECTRAL, itself(SOFT)),
            published=_printed(76.83 - 76.99, "SpectralKD Last1 less row SoftKD, 300 epochs"),
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="spectral_500",
            sentence="SpectralKD on the last layer ends below SoftKD after 500 epochs.",
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=gap(SPECTRAL_LAST_500, SOFT_500),
            positive_controls=(NO_TEACHER,),
            negative_controls=(itself(SOFT_500),),
            published=_printed(77.59 - 78.07, "SpectralKD Last1 less row SoftKD, 500 epochs"),
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="gap_grows",
            sentence="The gap to SoftKD is larger after 500 epochs than after 300.",
            quantity=Quantity("gap after 500 epochs less gap after 300", "points", "gap shrinks"),
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=growth(Pair(SPECTRAL_LAST_500, SOFT_500), Pair(SPECTRAL_LAST, SOFT)),
            positive_controls=(
                Control(
                    "stopped_at_300",
                    "the aligned student stopped at epoch 300 against SoftKD of 500: further behind by construction",
                    growth(
                        Pair(SPECTRAL_LAST, SOFT_500, SPECTRAL_LAST.last_ten, SOFT_500.last_ten),
                        Pair(SPECTRAL_LAST, SOFT),
                    ),
                ),
            ),
            negative_controls=(
                Control(
                    "same_length",
                    "the 300-epoch pair less itself ten epochs earlier: no longer training",
                    growth(Pair(SPECTRAL_LAST, SOFT), Pair(SPECTRAL_LAST, SOFT, range(280, 290))),
                ),
            ),
            published=_printed(-0.48 + 0.16, "SpectralKD Last1 less row SoftKD, 500 epochs less 300"),
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="spectral_first_and_last",
            role=Role.PROBE,
            sentence="What contains late alignment ends below SoftKD: SpectralKD on the first and last layers.",
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=gap(SPECTRAL_BOTH, SOFT),
            positive_controls=(NO_TEACHER,),
            negative_controls=(FIRST_SPECTRAL, itself(SOFT)),
            published=_printed(77.08 - 76.99, "SpectralKD First1+Last1 less row SoftKD, 300 epochs"),
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="projector_300",
            sentence="ProjectorKD on the last layer ends below SoftKD after 300 epochs.",
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=gap(PROJECTOR_LAST, SOFT),
            positive_controls=(NO_TEACHER,),
            negative_controls=(FIRST_PROJECTOR, itself(SOFT)),
            published=_printed(76.72 - 76.99, "ProjectorKD Last1 less row SoftKD, 300 epochs"),
            needs=ONLY_RELEASED,
            deviations=(UNTRAINED_PROJECTOR,),
        ),
        Criterion(
            key="projector_first_and_last",
            role=Role.PROBE,
            sentence="ProjectorKD on the first and last layers ends below SoftKD.",
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=gap(PROJECTOR_BOTH, SOFT),
            positive_controls=(NO_TEACHER,),
            negative_controls=(FIRST_PROJECTOR, itself(SOFT)),
            published=_printed(76.80 - 76.99, "ProjectorKD First1+Last1 less row SoftKD, 300 epochs"),
            needs=ONLY_RELEASED,
            deviations=(UNTRAINED_PROJECTOR,),
        ),
        Criterion(
            key="smaller_weight",
            sentence="A smaller feature weight on the last layer, 0.1 instead of 0.2, harms more.",
            quantity=Quantity("accuracy at weight 0.1 less accuracy at 0.2", "points", "less harm"),
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            evidence=NeverReleased("no log of the run at weight 0.1 was released, nor weights, nor a second run"),
            published=_printed(76.48 - 76.83, "SpectralKD Last1, weight 0.1 less 0.2, 300 epochs"),
            needs=ONLY_RELEASED,
        ),
    ),
)
