"""The students that several claims share, and how two of them are compared.

Features are aligned on the last (-1), the first (0) or both layers; widths, depths and training lengths are
the profile's. Every difference is paired: same seed, same images, same batches, one teacher pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baselines.spectral_kd import generic_weight
from suite.claim import Control, PerSeed
from suite.studies.cells import student

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.claim.readings import Subject
    from suite.evidence.cell import Result

# The smallest effect on accuracy, in points, that these papers print as a finding is .16; a claim that means less
# than a tenth of a point is not one.
SMALLEST_EFFECT = 0.1
WHY_SMALLEST_EFFECT = "the smallest effect these papers print as a finding is 0.16 points; 0.1 is less than any of them"

Layers = dict[str, Any]

LAST: Layers = {"student_layers": (-1,), "teacher_layers": (-1,)}
FIRST: Layers = {"student_layers": (0,), "teacher_layers": (0,)}
BOTH: Layers = {"student_layers": (0, -1), "teacher_layers": (0, -1)}
SEVERAL: Layers = {"student_layers": (-4, -3, -2, -1), "teacher_layers": (-4, -3, -2, -1)}
MSE_AS_SPECTRAL = 0.2 * generic_weight(4)  # SpectralKD's weight .2 at every frequency of a 4-wide map but two

ALONE = student("none")
SOFT = student("soft_kd")
SPECTRAL_LAST = student("spectral_kd", LAST)
SPECTRAL_FIRST = student("spectral_kd", FIRST)
SPECTRAL_BOTH = student("spectral_kd", BOTH)
SPECTRAL_SEVERAL = student("spectral_kd", SEVERAL)
SPECTRAL_LAST_HALF = student("spectral_kd", {**LAST, "weight": 0.1})
SPECTRAL_LAST_ZERO = student("spectral_kd", {**LAST, "weight": 0.0})
SPECTRAL_LAST_SHUFFLED = student("spectral_kd", LAST, target="shuffled_images")
SPECTRAL_LAST_PERMUTED = student("spectral_kd", LAST, target="permuted_channels")
MSE_LAST = student("feature_mse", {**LAST, "weight": MSE_AS_SPECTRAL})
MSE_LAST_FULL = student("feature_mse", {**LAST, "weight": 0.2})
PROJECTOR_LAST = student("projector_kd", LAST)
PROJECTOR_RELEASED_LAST = student("projector_kd_released", LAST)


def accuracy(result: Result) -> float:
    """Top-1 accuracy at the last step, percent."""
    return float(result.arrays["accuracy_last"])


def step(*results: Result) -> float:
    """One test view more or less, in percent: the step of an accuracy."""
    return 100.0 / len(results[0].arrays["correct"])


def gain(with_it: Subject, without: Subject, *, companions: dict[str, Subject] | None = None) -> PerSeed:
    """Accuracy with minus accuracy without, percentage points, paired by seed."""
    return PerSeed(
        (with_it, without),
        lambda a, b: accuracy(a) - accuracy(b),
        resolution=step,
        companions=companions or {},
        level=accuracy if companions else None,
    )


def gain_of_gains(more: tuple[Subject, Subject], less: tuple[Subject, Subject]) -> PerSeed:
    """One gain minus another, percentage points, paired by seed."""
    return PerSeed(
        (*more, *less),
        lambda a, b, c, d: (accuracy(a) - accuracy(b)) - (accuracy(c) - accuracy(d)),
        resolution=step,
    )


def gain_at(share: float, with_it: Subject, without: Subject) -> PerSeed:
    """The gain after a share of the training, from the trajectories."""

    def value(a: Result, b: Result) -> float:
        return _at(share, a) - _at(share, b)

    return PerSeed((with_it, without), value, resolution=step)


def _at(share: float, result: Result) -> float:
    steps = result.arrays["steps"]
    nearest = abs(steps - share * steps[-1]).argmin()
    return float(result.arrays["trajectory"][nearest])


def weight_zero(of: Callable[[Subject, Subject], PerSeed] = gain) -> Control:
    """The feature term at weight 0 is SoftKD, bit for bit: no gain and no harm."""
    return Control(
        "weight_0", "the feature term at weight 0 is SoftKD itself: no effect at all", of(SPECTRAL_LAST_ZERO, SOFT)
    )
