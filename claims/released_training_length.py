"""Late-layer alignment harms however long one trains.

Distillation Dynamics prints accuracies at the end of 300 and 500 epochs and speaks of late layers without naming
a length; a reader with a smaller budget must know whether the finding holds for it.

Here: the same logs, early. Until epoch 5 the 300- and 500-epoch runs of a method are one run, bit for bit; after
that they are repetitions with nearly the same learning rate, so the noise between runs is known there.

Cost: reads embedded figures; a second.
Expect: contradicted early on, by points: SpectralKD leads with late layers as it does with early ones; ProjectorKD
is behind from epoch 27 on. A training of a few dozen epochs will find the opposite of the printed sign.
Command: ``python -m suite claims -k released_training_length --profile released``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claims._released_gaps import GAP, HARM, UNTRAINED_PROJECTOR, WHY_SMALLEST_EFFECT, behind, gap, repeated_gap
from claims._released_runs import (
    ACCURACY,
    ONLY_RELEASED,
    PROJECTOR_FIRST,
    PROJECTOR_LAST,
    SOFT,
    SOFT_500,
    SPECTRAL_FIRST,
    SPECTRAL_LAST,
    SPECTRAL_LAST_500,
    Run,
)
from claims.papers import DISTILLATION_DYNAMICS
from suite.claim import Claim, Control, Criterion, Deviation, Published, Quantity, Released, Role
from suite.judge import Observed, Region, Sampling

if TYPE_CHECKING:
    from suite.evidence.released import TrainingLog

SMOOTH = 11  # epochs in the running mean whose sign is followed

NOT_EXAMINED = (Published(DISTILLATION_DYNAMICS, "text on negative transfer", text="names no length"),)


def _around(epoch: int) -> range:
    """Ten epochs, from five before to four after."""
    return range(epoch - 5, epoch + 5)


def _early(epoch: int) -> Criterion:
    return Criterion(
        key=f"spectral_epoch_{epoch}",
        sentence=f"SpectralKD on the last layer trails SoftKD around epoch {epoch}.",
        quantity=GAP,
        region=HARM,
        because=WHY_SMALLEST_EFFECT,
        role=Role.PROBE,
        positive_controls=(behind(SOFT, _around(epoch)),),
        evidence=repeated_gap(SPECTRAL_LAST, SOFT, (SPECTRAL_LAST_500, SOFT_500), _around(epoch)),
        negative_controls=(
            Control("first_layer", "SpectralKD on the first layer only", gap(SPECTRAL_FIRST, SOFT, _around(epoch))),
        ),
        published=NOT_EXAMINED,
        needs=ONLY_RELEASED,
    )


def trails_from(run: Run, reference: Run, *, less: float = 0.0) -> Released:
    """The epoch from which a run, less so many points, lies below a reference for good, in running means.

    Its standard error is half the span of epochs over which the sign goes back and forth.
    """

    def value(own: TrainingLog, other: TrainingLog) -> Observed:
        logs = run.whole(own), reference.whole(other)
        ahead = logs[0].column(ACCURACY) - less - logs[1].column(ACCURACY)
        smooth = np.convolve(ahead, np.full(SMOOTH, 1 / SMOOTH), mode="valid") > 0
        changes = np.flatnonzero(np.diff(smooth)) + 1 + SMOOTH // 2
        from_epoch = 0 if not smooth.any() else run.epochs if smooth[-1] else int(changes[-1])
        span = float(changes[-1] - changes[0]) if len(changes) else 0.0
        return Observed(
            values=(from_epoch,),
            sampling=Sampling.SINGLE,
            standard_error=span / 2,
            note=(
                f"means of {SMOOTH} epochs of {logs[0].file} less {logs[1].file} change sign at epochs "
                f"{', '.join(map(str, changes)) or 'none'}; standard error: half their span"
            ),
        )

    return Released((run.original, reference.original), value)


CLAIM = Claim(
    key="released_training_length",
    sentence="Aligning a student's late layers harms it however long one trains.",
    papers=(DISTILLATION_DYNAMICS,),
    where="Distillation Dynamics, text on negative transfer, which names no length",
    finding="late_layer",
    notes=(
        "No paper names a length: everything asked here is our own scrutiny. Feature terms speed up early training and "
        "cost a little at the end, on the first layer as on the last: that describes all the released SpectralKD runs."
    ),
    deviations=(
        Deviation(
            "short training",
            "runs of 300 and 500 epochs",
            "the first epochs of these runs, at a learning rate not yet annealed",
        ),
    ),
    criteria=(
        _early(11),
        _early(20),
        _early(50),
        Criterion(
            key="spectral_from_the_start",
            sentence="SpectralKD on the last layer trails SoftKD from the first tenth of training on.",
            quantity=Quantity("epoch of 300 from which it lies below SoftKD for good", "epochs", "later"),
            region=Region.at_most(30),
            because="a tenth of training is the most one would call its start",
            role=Role.PROBE,
            evidence=trails_from(SPECTRAL_LAST, SOFT),
            positive_controls=(
                Control("point_less", "SoftKD less a point at every epoch, planted", trails_from(SOFT, SOFT, less=1.0)),
            ),
            negative_controls=(
                Control("first_layer", "SpectralKD on the first layer only", trails_from(SPECTRAL_FIRST, SOFT)),
            ),
            published=NOT_EXAMINED,
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="projector_epoch_50",
            sentence="ProjectorKD on the last layer trails SoftKD around epoch 50.",
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            role=Role.PROBE,
            evidence=gap(PROJECTOR_LAST, SOFT, _around(50)),
            positive_controls=(behind(SOFT, _around(50)),),
            negative_controls=(
                Control("first_layer", "ProjectorKD on the first layer only", gap(PROJECTOR_FIRST, SOFT, _around(50))),
            ),
            published=NOT_EXAMINED,
            needs=ONLY_RELEASED,
            deviations=(UNTRAINED_PROJECTOR,),
        ),
    ),
)
