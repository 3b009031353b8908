"""How far one released run lies above another, and how far that may be off.

A log holds one run and no per-image results. So two errors are stated: that of the images alone, which leaves
out the noise between runs, and, early in training, one that covers it, as there the runs were repeated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from claims._released_runs import ACCURACY, Run
from suite.claim import Control, Deviation, Quantity, Released
from suite.evidence.released import binomial_error, evaluation_images, paired_error, run_noise
from suite.judge import Observed, Region, Sampling

if TYPE_CHECKING:
    from suite.evidence.released import Original, TrainingLog

# Assumed, as no per-image result is released: how strongly right answers of two runs correlate over images.
# At 77 % accuracy it means that on 14 % of the images exactly one of the two is right.
CORRELATION = 0.6

SMALLEST_EFFECT = 0.1
WHY_SMALLEST_EFFECT = (
    "choosing the best epoch alone is worth up to 0.1 points in these logs; no smaller effect can be told from that"
)


GAP = Quantity("accuracy less that of SoftKD", "points", "better than SoftKD")
HARM = Region.at_most(-SMALLEST_EFFECT)

UNTRAINED_PROJECTOR = Deviation(
    "projector",
    "learned along with the student",
    "in the released code it is created after the optimiser and stays random",
)


REPEATED = 2  # runs that were repeated once each: degrees of freedom of the noise between runs


@dataclass(frozen=True)
class Pair:
    """Mean accuracy of a run over some epochs less that of a reference over as many.

    Attributes:
        run: whose accuracy counts up.
        reference: whose accuracy counts down.
        epochs: of the run; its last ten if not given.
        reference_epochs: of the reference; those of the run if not given.
    """

    run: Run
    reference: Run
    epochs: range | None = None
    reference_epochs: range | None = None

    @property
    def originals(self) -> tuple[Original[TrainingLog], Original[TrainingLog]]:
        """The two logs."""
        return self.run.original, self.reference.original

    def difference(self, run: TrainingLog, reference: TrainingLog) -> Difference:
        """What the two logs say."""
        logs = self.run.whole(run), self.reference.whole(reference)
        epochs = self.epochs or self.run.last_ten
        spans = epochs, self.reference_epochs or epochs
        up, down = (float(log.at(ACCURACY, span).mean()) for log, span in zip(logs, spans, strict=True))
        images = min(evaluation_images(log.column(ACCURACY)) for log in logs)
        return Difference(
            value=up - down,
            error=paired_error(up, down, images, correlation=CORRELATION),
            error_if_independent=paired_error(up, down, images, correlation=0.0),
            words=f"{up:.3f} ({logs[0].cite(spans[0])}) - {down:.3f} ({logs[1].cite(spans[1])})",
        )


@dataclass(frozen=True)
class Difference:
    """A difference of two accuracies in points, its standard errors, and where its terms stand."""

    value: float
    error: float
    error_if_independent: float
    words: str


def gap(run: Run, reference: Run, epochs: range | None = None) -> Released:
    """How far a run lies above a reference: over their last ten epochs unless others are given."""
    pair = Pair(run, reference, epochs)
    return Released(pair.originals, lambda *logs: _observed(pair.difference(*logs)))


def growth(later: Pair, earlier: Pair) -> Released:
    """How much one gap exceeds another, in points."""

    def value(*logs: TrainingLog) -> Observed:
        up, down = later.difference(*logs[:2]), earlier.difference(*logs[2:])
        return _observed(
            Difference(
                value=up.value - down.value,
                error=math.hypot(up.error, down.error),
                error_if_independent=math.hypot(up.error_if_independent, down.error_if_independent),
                words=f"({up.words}) - ({down.words})",
            )
        )

    return Released((*later.originals, *earlier.originals), value)


def itself(run: Run) -> Control:
    """A run against itself: the even less the odd ones of its last twenty epochs; no method differs."""
    first = run.epochs - 20
    pair = Pair(run, run, range(first, run.epochs, 2), range(first + 1, run.epochs, 2))
    return Control(
        "itself",
        f"{run.title} against itself, the even less the odd ones of its last twenty epochs",
        Released(pair.originals, lambda *logs: _observed(pair.difference(*logs))),
    )


def behind(run: Run, epochs: range) -> Control:
    """A run against itself at half the epochs: what has trained half as long lies behind by construction.

    Both terms are of one run, so that no noise between runs enters and the error of the images covers all there is.
    """
    half = range(epochs.start // 2, epochs.start // 2 + len(epochs))
    pair = Pair(run, run, half, epochs)
    return Control(
        "half_as_long",
        f"{run.title} after half as many epochs: behind by construction",
        Released(pair.originals, lambda *logs: replace(_observed(pair.difference(*logs)), covers_runs=True)),
    )


def _observed(found: Difference) -> Observed:
    return Observed(
        values=(found.value,),
        sampling=Sampling.SINGLE,
        standard_error=found.error,
        note=(
            f"{found.words} = {found.value:+.3f} points; standard error {found.error:.3f} of the images alone "
            f"if right answers correlate at {CORRELATION}, {found.error_if_independent:.3f} if not at all"
        ),
    )


def repeated_gap(run: Run, reference: Run, again: tuple[Run, Run], epochs: range) -> Released:
    """A gap early in training, with a standard error that covers the noise between runs.

    The same two methods were also trained with a longer schedule. Early on the learning rates nearly agree, so
    the second pair repeats the first with a difference that starts small and that training amplifies as it does
    another seed. Whatever differs between repetitions counts as noise, averaging over epochs earns no credit,
    and right answers are taken as uncorrelated: three upper estimates.

    Args:
        run: whose accuracy counts up.
        reference: whose accuracy counts down.
        again: the repetitions of both.
        epochs: over which to average.

    Returns:
        The reading.

    References:
        Summers and Dinneen, arXiv 2103.04514: a change of a single bit spreads runs as another seed does.
    """
    runs = (run, reference, *again)

    def value(*logs: TrainingLog) -> Observed:
        whole = [each.whole(log) for each, log in zip(runs, logs, strict=True)]
        curves = [log.at(ACCURACY, epochs) for log in whole]
        up, down, up_again, down_again = (float(curve.mean()) for curve in curves)
        noise = run_noise(np.concatenate(curves[:2]), np.concatenate(curves[2:]))
        images = evaluation_images(whole[0].column(ACCURACY))
        error = math.hypot(binomial_error(up, images), binomial_error(down, images), noise, noise)
        lines = [log.cite(epochs) for log in whole]
        return Observed(
            values=(up - down,),
            sampling=Sampling.SINGLE,
            standard_error=error,
            covers_runs=True,
            error_df=REPEATED,
            note=(
                f"{up:.3f} ({lines[0]}) - {down:.3f} ({lines[1]}) = {up - down:+.3f} points; repeated "
                f"{up_again - down_again:+.3f} ({lines[2]}, {lines[3]}); standard error {error:.3f} of the "
                f"images and of two runs at {noise:.3f} each, which is how far repetitions lie apart"
            ),
        )

    return Released(tuple(each.original for each in runs), value)
