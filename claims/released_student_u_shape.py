"""Distillation leaves its mark on the student's U.

Printed in Distillation Dynamics as figures: a SoftKD student grows a U, aligning the last layer suppresses its
expansion, aligning the first delays its compression, both together flatten it. The repository releases the
numbers: entropy over 12 layers of four DeiT-Tiny students at every 30th epoch.

Here: the same numbers. A layer's entropy is the log2 of its spread less the log2 of the bin width, and a
checkpoint's bins span its own extremes. So levels are not comparable between checkpoints; a difference of two
layers is, as the bin width cancels (above one bit or so); a ratio of two entropies is not, as it does not.

Cost: reads embedded figures; a second.
Expect: late alignment suppresses the rise midway in training and the last layer's level; at the end the rise is no
smaller than that of the student aligned on its first layer, and by ratio it is the largest of all.
Command: ``python -m suite claims -k released_student --profile released``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claims._released_layers import (
    BOTH,
    CHECKPOINTS,
    END,
    EPOCHS,
    FIRST,
    LAST,
    MIDWAY,
    SMALLEST,
    SOFT,
    START,
    above,
    delay,
    emergence,
    kept,
    last_layer,
    of_one,
    planted_u,
    ratio,
    rise,
    shuffled,
)
from claims._released_runs import ONLY_RELEASED
from claims.papers import DISTILLATION_DYNAMICS
from suite.claim import Claim, Control, Criterion, Deviation, Published, Quantity, Role
from suite.judge import Region
from suite.measure.depth import u_depth

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from suite.claim import Released

WHY_SMALLEST = "no size is printed; ten per cent of the spread of activations, log2(1.1) = 0.14 bits"


def _figure(text: str) -> tuple[Published, ...]:
    return (Published(DISTILLATION_DYNAMICS, "figure of students' entropy over layers and epochs", text=text),)


def _criterion(
    key: str,
    sentence: str,
    quantity: Quantity,
    region: Region,
    evidence: Released,
    positive: Control,
    control: Control,
    *,
    role: Role = Role.ASSERTED,
    because: str = WHY_SMALLEST,
    text: str = "figure only",
    deviations: tuple[Deviation, ...] = (),
) -> Criterion:
    return Criterion(
        key=key,
        sentence=sentence,
        quantity=quantity,
        region=region,
        because=because,
        evidence=evidence,
        positive_controls=(positive,),
        negative_controls=(control,),
        role=role,
        published=_figure(text),
        needs=ONLY_RELEASED,
        deviations=deviations,
    )


def _half(value: Callable[[NDArray[np.float64]], float], names: tuple[str, ...] = END) -> Control:
    return Control(
        "half_the_rise",
        "the SoftKD student with half of what rises above its smallest layer, planted",
        above(SOFT, (SOFT,), value, names, own_value=kept(0.5, value)),
    )


def _first_instead(evidence: Released) -> Control:
    return Control("first_layer", "the student aligned on its first layer instead", evidence)


RISE = Quantity("rise of the last layer above the smallest, less that of the SoftKD student", "bits", "more expansion")

CLAIM = Claim(
    key="released_student_u_shape",
    sentence="Aligning layers shapes the student's U: late suppresses expansion, early delays compression.",
    papers=(DISTILLATION_DYNAMICS,),
    where="Distillation Dynamics, entropy of students over training; repository, folder Analysis_Results",
    finding="u_shape",
    notes=(
        "At the end, entropies of the late-aligned student rise by 1.34 bits, of the first-aligned one by 1.29, of "
        "SoftKD by 1.53. Ratios of entropies exaggerate where the smallest is near one bit."
    ),
    deviations=(
        Deviation("error", "none stated", "spread over neighbouring checkpoints; runs and images are left out"),
    ),
    criteria=(
        _criterion(
            "soft_kd_u",
            "The entropy of the SoftKD student is U-shaped over depth after 300 epochs.",
            Quantity("depth of the entropy's U over layers", "bits", "a deeper U"),
            Region.at_least(SMALLEST),
            of_one(SOFT, u_depth),
            Control(
                "planted",
                "the first checkpoints with a U of one bit added",
                of_one(SOFT, planted_u(1.0, u_depth), START),
            ),
            Control("epochs_30_to_90", "the same student at its first checkpoints", of_one(SOFT, u_depth, START)),
        ),
        _criterion(
            "u_emerges",
            "The U of the SoftKD student's entropy grows deeper as training goes on.",
            Quantity("rank correlation of the U's depth with the epoch, ten checkpoints", "", "steadier growth"),
            Region.at_least(0.9),
            emergence(CHECKPOINTS),
            Control(
                "ordered", "the same checkpoints in the order of their depth", emergence(CHECKPOINTS, ordered=True)
            ),
            Control("shuffled", "the same checkpoints in another order", emergence(shuffled(CHECKPOINTS))),
            because="nine steps of growth with at most small setbacks",
        ),
        _criterion(
            "late_lowers_last_layer",
            "Aligning the last layer lowers its entropy below that of the SoftKD student.",
            Quantity("entropy of the last layer less that of the SoftKD student", "bits", "more expansion"),
            Region.at_most(-SMALLEST),
            above(LAST, (SOFT,), last_layer),
            _half(last_layer),
            _first_instead(above(FIRST, (SOFT,), last_layer)),
            role=Role.PROBE,
            deviations=(Deviation("bins", "one axis for all checkpoints", "each checkpoint has bins of its own"),),
        ),
        _criterion(
            "late_suppresses_midway",
            "Around epoch 150, aligning the last layer suppresses the rise of entropy towards the last layers.",
            RISE,
            Region.at_most(-SMALLEST),
            above(LAST, (SOFT,), rise, MIDWAY),
            _half(rise, MIDWAY),
            _first_instead(above(FIRST, (SOFT,), rise, MIDWAY)),
            role=Role.PROBE,
        ),
        _criterion(
            "late_suppresses_at_end",
            "After 300 epochs, aligning the last layer suppresses the rise of entropy towards the last layers.",
            RISE,
            Region.at_most(-SMALLEST),
            above(LAST, (SOFT,), rise),
            _half(rise),
            _first_instead(above(FIRST, (SOFT,), rise)),
        ),
        _criterion(
            "late_suppresses_ratio",
            "After 300 epochs, aligning the last layer suppresses the ratio of the last entropy to the smallest.",
            Quantity("last / smallest entropy, less that of the SoftKD student", "", "more expansion"),
            Region.at_most(-0.1),
            above(LAST, (SOFT,), ratio),
            _half(ratio),
            _first_instead(above(FIRST, (SOFT,), ratio)),
            role=Role.PROBE,
            because="a tenth of the smallest entropy is the least one would report",
        ),
        _criterion(
            "first_delays_compression",
            "Aligning the first layer delays the fall of entropy from the first layer.",
            Quantity(
                "epochs until the first layer is 0.14 bits above the smallest, more than SoftKD", "epochs", "later"
            ),
            Region.at_least(EPOCHS[0]),
            delay(FIRST),
            Control("set_back", "the SoftKD student set back by three checkpoints", delay(SOFT, shift=3)),
            Control("last_layer", "the student aligned on its last layer instead", delay(LAST)),
            because="checkpoints are 30 epochs apart: nothing shorter can be seen",
        ),
        _criterion(
            "both_flatten",
            "Aligning first and last layers leaves the flattest U of all four students.",
            Quantity("depth of the entropy's U less the smallest of the other students", "bits", "less flattened"),
            Region.at_most(-SMALLEST),
            above(BOTH, (FIRST, LAST, SOFT), u_depth),
            Control(
                "flattened",
                "the SoftKD student with a tenth of its U left, planted",
                above(SOFT, (FIRST, LAST), u_depth, own_value=kept(0.1, u_depth)),
            ),
            Control("no_layer", "the student aligned on no layer, SoftKD", above(SOFT, (FIRST, LAST), u_depth)),
        ),
    ),
)
