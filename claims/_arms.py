"""The students that several claims share, how two of them are compared, and the controls of such comparisons.

Features are aligned on the last (-1), the first (0) or both layers; widths, depths and training lengths are
the profile's. Every difference is paired: same seed, same images, same batches, one teacher pass.

Effects that must be there calibrate every comparison of accuracies at a scale: a teacher's logits help (`GAIN_SEEN`);
what a target holds counts (`CONTENT_SEEN`), and so does that it is of the right image (`KNOWLEDGE_SEEN`); noise at a
hundred times the weight harms (`HARM_SEEN`). Where one of them is missed, that scale could not have shown the claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claims._released_gaps import CORRELATION
from claims.papers import DISTILLATION_DYNAMICS
from suite.claim import Control, PerSeed, Published, Quantity
from suite.evidence.released import paired_error
from suite.studies.cells import student

if TYPE_CHECKING:
    from suite.claim import Paper
    from suite.claim.readings import Subject
    from suite.evidence.cell import Result

# The smallest effect on accuracy, in points, that these papers print as a finding is .16; a claim that means less
# than a tenth of a point is not one.
SMALLEST_EFFECT = 0.1
WHY_SMALLEST_EFFECT = "the smallest effect these papers print as a finding is 0.16 points; 0.1 is less than any of them"

PRINTED_LEVEL = 77.0  # percent: the accuracies in these tables lie within 2.2 points of it, the error within 4 %
IMAGES = 50_000  # of ImageNet's validation set

Layers = dict[str, Any]

LAST: Layers = {"student_layers": (-1,), "teacher_layers": (-1,)}
FIRST: Layers = {"student_layers": (0,), "teacher_layers": (0,)}
BOTH: Layers = {"student_layers": (0, -1), "teacher_layers": (0, -1)}
SEVERAL: Layers = {"student_layers": (-4, -3, -2, -1), "teacher_layers": (-4, -3, -2, -1)}
WEIGHT = 0.2  # of SpectralKD's term, as published
STRONG = 10 * WEIGHT
OVERDOSE = 100 * WEIGHT  # at which a target drowns the labels, so that what it knows is all the student has
# SpectralKD's weight at every frequency of a 4-wide map but two: `baselines.spectral_kd.generic_weight(4)` is a third.
MSE_AS_SPECTRAL = WEIGHT * (1 / 3)

ALONE = student("none")
SOFT = student("soft_kd")


def spectral(layers: Layers = LAST, *, weight: float = WEIGHT, target: str = "features") -> Subject:
    """A student under SpectralKD, its feature term aligned with a target (`suite.train.targets`)."""
    options = layers if weight == WEIGHT else {**layers, "weight": weight}
    return student("spectral_kd", options, target=target)


SPECTRAL_LAST = student("spectral_kd", LAST)
SPECTRAL_FIRST = student("spectral_kd", FIRST)
SPECTRAL_BOTH = student("spectral_kd", BOTH)
SPECTRAL_SEVERAL = student("spectral_kd", SEVERAL)
SPECTRAL_LAST_HALF = spectral(weight=WEIGHT / 2)
SPECTRAL_LAST_SHUFFLED = student("spectral_kd", LAST, target="shuffled_images")
SPECTRAL_LAST_PERMUTED = student("spectral_kd", LAST, target="permuted_channels")
SPECTRAL_LAST_ZEROS = student("spectral_kd", LAST, target="zeros")
SPECTRAL_LAST_NOISE = student("spectral_kd", LAST, target="noise")
MSE_LAST = student("feature_mse", {**LAST, "weight": MSE_AS_SPECTRAL})
MSE_LAST_FULL = student("feature_mse", {**LAST, "weight": WEIGHT})
PROJECTOR_LAST = student("projector_kd", LAST)
PROJECTOR_RELEASED_LAST = student("projector_kd_released", LAST)
LABEL_OVERDOSE = spectral(weight=OVERDOSE, target="label_code")
OTHER_LABEL_OVERDOSE = spectral(weight=OVERDOSE, target="shuffled_label_code")
ZEROS_OVERDOSE = spectral(weight=OVERDOSE, target="zeros")
NOISE_OVERDOSE = spectral(weight=OVERDOSE, target="noise")


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


def growth_of_gain(share: float, with_it: Subject, without: Subject) -> PerSeed:
    """The gain at the end of the training minus that after a share of it, percentage points, paired by seed."""

    def value(a: Result, b: Result) -> float:
        return (accuracy(a) - accuracy(b)) - (_at(share, a) - _at(share, b))

    return PerSeed((with_it, without), value, resolution=step)


def look_at(share: float, result: Result) -> int:
    """Which look of a trajectory is nearest to a share of the training."""
    steps = result.arrays["steps"]
    return int(abs(steps - share * steps[-1]).argmin())


def _at(share: float, result: Result) -> float:
    return float(result.arrays["trajectory"][look_at(share, result)])


# -------------------------------------------------------------------------------------------------- controls

GAIN_SEEN = Control(
    "soft_kd_over_none",
    "A gain that is known to exist: SoftKD over training without a teacher.",
    gain(SOFT, ALONE),
)
CONTENT_SEEN = Control(
    "label_over_zeros",
    "What a target holds must count: a code of the label over zeros, both at a hundred times the weight.",
    gain(LABEL_OVERDOSE, ZEROS_OVERDOSE),
)
KNOWLEDGE_SEEN = Control(
    "label_over_other_labels",
    "What a target knows of its image must count: a code of the label over that of another image, both at a "
    "hundred times the weight.",
    gain(LABEL_OVERDOSE, OTHER_LABEL_OVERDOSE),
)
HARM_SEEN = Control(
    "noise_overdose",
    "Harm that must be there: noise as the target, at a hundred times the weight.",
    gain(NOISE_OVERDOSE, SOFT),
)
NOISE_HARMS = Control(
    "noise",
    "At the claim's own weight: noise in place of the teacher's features can only be worse than no feature term.",
    gain(SPECTRAL_LAST_NOISE, SOFT),
)
ZEROS_GAIN = Control(
    "zeros",
    "A feature term that knows nothing: zeros in place of the teacher's features.",
    gain(SPECTRAL_LAST_ZEROS, SOFT),
)
SHUFFLED_GAIN = Control(
    "shuffled_images",
    "A feature term that says nothing of the image: the teacher's features of other images.",
    gain(SPECTRAL_LAST_SHUFFLED, SOFT),
)


def in_accuracy_table(value: float, row: str, runs: int = 2) -> tuple[Published, ...]:
    """A difference of two rows of the accuracy table of Distillation Dynamics, in points."""
    return (difference_of_runs(DISTILLATION_DYNAMICS, "accuracy table", value, row, runs),)


def difference_of_runs(paper: Paper, where: str, value: float, row: str, runs: int = 2) -> Published:
    """A difference of printed top-1 accuracies on ImageNet, of one run each, with the error that its images alone give.

    Args:
        paper: which prints it.
        where: the table.
        value: in points.
        row: rows of the table.
        runs: how many accuracies enter: 2, or 4 for a difference of differences.
    """
    error = paired_error(PRINTED_LEVEL, PRINTED_LEVEL, IMAGES, correlation=CORRELATION) * (runs / 2) ** 0.5
    return Published(paper, where, value, row=row, column="top-1, ImageNet-1k", error=error)


def points(what: str, larger: str) -> Quantity:
    """A difference of accuracies in percentage points."""
    return Quantity(what, "points", larger)
