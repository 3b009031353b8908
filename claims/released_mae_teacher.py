"""With a MAE-pretrained teacher, too, aligning the last layer harms.

The repository of Distillation Dynamics releases two logs with a MAE teacher, SoftKD at 72.4 and SpectralKD on the
last layer at 67.1; no row of the paper's table belongs to them.

Here: does the pair say anything about teachers? A teacher must have a classifier for its logits to teach.

Cost: reads embedded figures; a second.
Expect: no. The teacher's logits were all but uniform, as those of a head that was never trained (MAE weights come
without one), and the aligned run broke down at the peak of the warm-up. Check a teacher's accuracy first.
Command: ``python -m suite claims -k released_mae --profile released``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claims._released_checks import exact, last_ten
from claims._released_gaps import GAP, HARM, WHY_SMALLEST_EFFECT, gap, itself
from claims._released_printed import NO_TEACHER
from claims._released_runs import (
    ACCURACY,
    ONLY_RELEASED,
    SOFT,
    SOFT_MAE,
    SPECTRAL_LAST,
    SPECTRAL_LAST_MAE,
    Run,
)
from claims.papers import DISTILLATION_DYNAMICS
from suite.claim import Claim, Constant, Control, Criterion, Deviation, Published, Quantity, Released, Role
from suite.judge import Observed, Region

if TYPE_CHECKING:
    from suite.evidence.released import TrainingLog

TERM, LOSS = "train_loss_dist", "test_loss"
ALPHA = 0.9  # default of the released code; weight of the divergence in the logged term
CLASSES = 1000
FIRST_REAL_EPOCH = 2  # epochs 0 and 1 run at the warm-up's 1e-6
LEAST_TARGETS = 0.1 * float(np.log(CLASSES))

# Logits of an untrained classifier are Gaussian; of variance v, their softmax diverges from uniform by v / 2.
HEAD_SD, HEAD_WIDTH = 0.02, 768
UNTRAINED_HEAD = HEAD_WIDTH * HEAD_SD**2 / 2

# What the loss asks for if the teacher's targets are uniform: (1 - alpha) of a smoothed label, the rest for no class.
SMOOTHING = 0.1
RIGHT_CLASS = (1 - ALPHA) * (1 - SMOOTHING) + (1 - (1 - ALPHA) * (1 - SMOOTHING)) / CLASSES
SURE_OF_LABEL = -float(np.log(RIGHT_CLASS))

TAUGHT_BY_CAIT = "the SoftKD run with the CaiT teacher, which has a trained classifier"
PRINTED = (Published(DISTILLATION_DYNAMICS, "released logs of two runs with a MAE teacher", text="no table row"),)


def _divergence(log: TrainingLog, epoch: int) -> tuple[float, str]:
    figure = log.figure(TERM, epoch)
    return figure.value / ALPHA, f"{figure.value / ALPHA:.4f} nats ({figure.source})"


def _targets(mae: TrainingLog, cait: TrainingLog) -> Observed:
    value, words = _divergence(SOFT_MAE.whole(mae), 0)
    return exact(value, f"{words}; the CaiT teacher's: {_divergence(SOFT.whole(cait), 0)[1]}")


def _approach(run: Run, *, backwards: bool = False) -> Released:
    """Divergence from the teacher in the last epoch less that in the first real one."""

    def value(found: TrainingLog) -> Observed:
        log = run.whole(found)
        start, end = _divergence(log, FIRST_REAL_EPOCH), _divergence(log, run.epochs - 1)
        change = start[0] - end[0] if backwards else end[0] - start[0]
        return exact(change, f"from {start[1]} to {end[1]}{', read backwards' if backwards else ''}")

    return Released((run.original,), value)


def _targets_of_cait(cait: TrainingLog) -> Observed:
    return exact(*_divergence(SOFT.whole(cait), 0))


def _loss_of_cait(cait: TrainingLog) -> Observed:
    figure = SOFT.whole(cait).figure(LOSS, 299)
    return exact(figure.value, str(figure))


def _final_loss(mae: TrainingLog, cait: TrainingLog) -> Observed:
    figure, other = SOFT_MAE.whole(mae).figure(LOSS, 299), SOFT.whole(cait).figure(LOSS, 299)
    return exact(figure.value, f"{figure}; taught by CaiT {other}")


def _loss_of_uniform_targets(mae: TrainingLog) -> Observed:
    """Cross-entropy of a student that fits uniform targets exactly and is right as often as the released one."""
    right, where = last_ten(SOFT_MAE.whole(mae))
    wrong_class = (1 - RIGHT_CLASS) / (CLASSES - 1)
    loss = -(right * np.log(RIGHT_CLASS) + (100 - right) * np.log(wrong_class)) / 100
    return exact(float(loss), f"right in {where} % of all images")


def _worst_relapse(run: Run, *, restart_at: int = 0) -> Released:
    """Smallest ratio of an epoch's accuracy to the best before it; the run started over at an epoch, if given."""

    def value(found: TrainingLog) -> Observed:
        log = run.whole(found)
        curve = log.column(ACCURACY)
        curve = np.concatenate([curve[:restart_at], curve])
        ratio = curve[1:] / np.maximum.accumulate(curve)[:-1]
        epoch = int(np.argmin(ratio)) + 1
        where = "started over" if restart_at else str(log.figure(ACCURACY, epoch))
        return exact(float(ratio.min()), f"down to {where} from {curve[:epoch].max():.3f}")

    return Released((run.original,), value)


CLAIM = Claim(
    key="released_mae_teacher",
    sentence="Aligning the last layer harms with a MAE-pretrained teacher as well.",
    papers=(DISTILLATION_DYNAMICS,),
    where="Distillation Dynamics, repository, logs SoftKD_MAE and SpectralKD_Last_1_MAE",
    finding="books",
    notes="A pair in which the teacher has no trained classifier says nothing about logits against features.",
    deviations=(Deviation("weight of the divergence", "not logged", "0.9, the default of the released code"),),
    criteria=(
        Criterion(
            key="teacher_targets",
            sentence="The teacher's logits tell classes apart.",
            quantity=Quantity(
                "divergence of an untrained student from the teacher, first epoch", "nats", "more telling targets"
            ),
            region=Region.at_least(LEAST_TARGETS),
            because=(
                "it is what the targets tell of the class; a label tells ln 1000 = 6.9 nats, "
                "and less than a tenth of that is not worth distilling"
            ),
            role=Role.PROBE,
            evidence=Released((SOFT_MAE.original, SOFT.original), _targets),
            positive_controls=(Control("cait_teacher", TAUGHT_BY_CAIT, Released((SOFT.original,), _targets_of_cait)),),
            negative_controls=(
                Control(
                    "untrained_head",
                    "a random classifier, standard deviation 0.02, on 768 standardised features",
                    Constant(lambda: UNTRAINED_HEAD, "768 × 0.02² / 2"),
                ),
            ),
            published=PRINTED,
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="student_approaches_teacher",
            sentence="As it learns, the student comes nearer to its teacher.",
            quantity=Quantity("divergence from the teacher, last less third epoch", "nats", "further away"),
            region=Region.at_most(0.0),
            because="a teacher worth imitating is imitated better the longer one trains",
            role=Role.PROBE,
            evidence=_approach(SOFT_MAE),
            positive_controls=(Control("cait_teacher", TAUGHT_BY_CAIT, _approach(SOFT)),),
            negative_controls=(
                Control("backwards", "the CaiT-taught run read backwards", _approach(SOFT, backwards=True)),
            ),
            published=PRINTED,
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="student_is_sure",
            sentence="The student ends surer of the right class than uniform targets would leave it.",
            quantity=Quantity("cross-entropy on the evaluation set, last epoch", "nats", "less sure"),
            region=Region.at_most(SURE_OF_LABEL),
            because=(
                "with uniform targets the loss asks for 0.091 on the right class even of a student never wrong, "
                "a cross-entropy of 2.4 nats; below it, the teacher has told classes apart"
            ),
            role=Role.PROBE,
            evidence=Released((SOFT_MAE.original, SOFT.original), _final_loss),
            positive_controls=(Control("cait_teacher", TAUGHT_BY_CAIT, Released((SOFT.original,), _loss_of_cait)),),
            negative_controls=(
                Control(
                    "uniform_targets",
                    "a student that fits uniform targets exactly, right as often as the released one",
                    Released((SOFT_MAE.original,), _loss_of_uniform_targets),
                ),
            ),
            published=PRINTED,
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="training_is_stable",
            sentence="The aligned run trains without breaking down.",
            quantity=Quantity("smallest ratio of an epoch's accuracy to the best before it", "", "steadier"),
            region=Region.at_least(0.9),
            because="in every other released run an epoch keeps at least 98 % of what was reached",
            role=Role.PROBE,
            evidence=_worst_relapse(SPECTRAL_LAST_MAE),
            positive_controls=(
                Control("cait_teacher", "the same alignment with the CaiT teacher", _worst_relapse(SPECTRAL_LAST)),
            ),
            negative_controls=(
                Control(
                    "started_over", "the SoftKD run started over at epoch 6", _worst_relapse(SOFT_MAE, restart_at=6)
                ),
            ),
            published=PRINTED,
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="gap",
            sentence="SpectralKD on the last layer ends below SoftKD.",
            quantity=GAP,
            region=HARM,
            because=WHY_SMALLEST_EFFECT,
            role=Role.PROBE,
            evidence=gap(SPECTRAL_LAST_MAE, SOFT_MAE),
            positive_controls=(NO_TEACHER,),
            negative_controls=(itself(SOFT_MAE),),
            published=PRINTED,
            needs=ONLY_RELEASED,
        ),
    ),
)
