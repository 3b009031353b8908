"""SpectralKD's gain of 5.2 points is due to the spectral term.

Printed in SpectralKD: DeiT-Tiny at 77.4, a gain of 5.2, from one run of 400 epochs.

Here: what the baseline of that gain was, and what the spectral term adds to logits in the released logs of Distillation
Dynamics, which come from the same code.

Cost: reads embedded figures; a second.
Expect: the baseline had no teacher at all, and logits alone give nearly all of the gain.
Command: ``python -m suite claims -k released_spectral --profile released``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claims._released_checks import best_epoch, exact
from claims._released_gaps import GAP, gap, itself
from claims._released_printed import LOGITS
from claims._released_runs import ONLY_RELEASED, SOFT, SPECTRAL_BOTH
from claims.papers import SPECTRAL_KD
from suite.claim import Claim, Control, Criterion, Deviation, Published, Quantity, Released, Role
from suite.judge import Observed, Region

if TYPE_CHECKING:
    from suite.evidence.released import TrainingLog

PRINTED, GAIN = 77.4, 5.2
UNTAUGHT = 72.2  # DeiT-Tiny in arXiv 2012.12877


def _baseline_against_logits(baseline: float) -> Released:
    def value(log: TrainingLog) -> Observed:
        accuracy, where = best_epoch(SOFT.whole(log))
        return exact(baseline - accuracy, f"{baseline:.1f} less SoftKD at its best epoch, {where}")

    return Released((SOFT.original,), value)


CLAIM = Claim(
    key="released_spectral_gain",
    sentence="The gain of 5.2 points that SpectralKD prints is due to the spectral term.",
    papers=(SPECTRAL_KD,),
    where="SpectralKD, abstract",
    finding="spectral_alignment",
    deviations=(
        Deviation("epoch of the accuracies", "best or last, not stated", "as printed"),
        Deviation("source of the 77.4", "table of the paper", "public summaries; the gain: its abstract"),
    ),
    criteria=(
        Criterion(
            key="baseline_of_5_2",
            sentence="The baseline of SpectralKD's gain of 5.2 points was taught by logits: features gave it.",
            quantity=Quantity("baseline of the printed gain, less SoftKD", "points", "harder baseline"),
            region=Region.around(0.0, 1.1),
            because="SoftKD itself gains 1.1 points from 300 to 500 epochs; the printed run had 400",
            evidence=_baseline_against_logits(PRINTED - GAIN),
            positive_controls=(
                Control(
                    "soft_kd_500",
                    "a baseline that was taught by logits: SoftKD of 500 epochs, 78.07",
                    _baseline_against_logits(78.07),
                ),
            ),
            negative_controls=(
                Control("no_teacher", "DeiT-Tiny without any teacher, 72.2", _baseline_against_logits(UNTAUGHT)),
            ),
            published=(Published(SPECTRAL_KD, "abstract", value=GAIN, text="+5.2 for DeiT-Tiny"),),
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="spectral_term",
            sentence="The spectral term gives at least a tenth of the 5.2 points on top of logits.",
            quantity=GAP,
            region=Region.at_least(GAIN / 10),
            because="a tenth is the least share of a gain one would name the method after",
            role=Role.PROBE,
            evidence=gap(SPECTRAL_BOTH, SOFT),
            positive_controls=(LOGITS,),
            negative_controls=(itself(SOFT),),
            published=(Published(SPECTRAL_KD, "abstract", value=GAIN, text="+5.2 for DeiT-Tiny"),),
            needs=ONLY_RELEASED,
            deviations=(Deviation("aligned layers", "eight pairs, 400 epochs", "first and last pair, 300 epochs"),),
        ),
    ),
)
