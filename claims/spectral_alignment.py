"""SpectralKD: aligning spectra lifts the student and makes its profile over depth mirror the teacher's.

Printed in SpectralKD (DeiT-Tiny 77.4, "+5.2" over a student without any teacher; Fig. 3 for the mirrored profile).
By Parseval the loss is a squared error on the channel-pooled teacher with two frequencies counted double, so it is
compared with exactly that, and with SoftKD at the same recipe.

Cost: shares most of its students with ``late_layer_transfer``.
Expect: the identity is exact; the rest depends on whether a profile can see what a feature target contains.
Command: ``nox -s claims -- -k spectral``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claims import _arms as arms
from claims.papers import DISTILLATION_DYNAMICS, SPECTRAL_KD
from suite.claim import Claim, Constant, Control, Criterion, Deviation, PerSeed, Published, Quantity, Role
from suite.judge import Region
from suite.studies.cells import representation, student

if TYPE_CHECKING:
    from suite.claim.readings import Subject
    from suite.evidence.cell import Result

TEACHER = representation("cait", probes=("magnitude", "entropy_standardised"))
SHAPES = ((2, 24, 48, 4, 4), (2, 24, 48, 7, 7), (2, 16, 16, 14, 14), (3, 20, 48, 6, 5))
APPROACH = 0.1
WEIGHT_TIMES = 4  # of the mirror's positive control: the most that alignment does, not what it does as published


def _largest_error(form: str) -> float:
    """Largest relative error of a form of the loss against the published one, over odd and even widths, float64."""
    import torch

    from baselines.spectral_kd import spatial_alignment, spectral_alignment

    def half_mse(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        pooled = torch.nn.functional.adaptive_avg_pool3d(teacher, (student.shape[1], None, None))
        return 0.5 * torch.nn.functional.mse_loss(student, pooled)

    forms = {"closed": spatial_alignment, "half_mse": half_mse, "published": spectral_alignment}
    generator, errors = torch.Generator().manual_seed(0), []
    for batch, narrow, wide, height, width in SHAPES:
        ours = torch.randn(batch, narrow, height, width, generator=generator, dtype=torch.float64)
        theirs = torch.randn(batch, wide, height, width, generator=generator, dtype=torch.float64)
        errors.append(float((forms[form](ours, theirs) / forms["published"](ours, theirs) - 1).abs()))
    return max(errors)


def _standard(profile: np.ndarray, layers: int = 24) -> np.ndarray:
    """A profile's shape: on a common depth grid, zero mean, unit spread."""
    depth: np.ndarray = np.interp(np.linspace(0, 1, layers), np.linspace(0, 1, len(profile)), profile)
    spread = depth.std()
    return np.asarray((depth - depth.mean()) / (spread if spread > 0 else 1.0))


def _distance(name: str, student: Result, teacher: Result) -> float:
    """Root mean square distance between the shapes of two profiles over relative depth."""
    own = np.asarray(student.arrays[f"profile.{name}"][-1])
    theirs = np.asarray(teacher.arrays[name]).mean(axis=1)
    if name == "magnitude":
        own, theirs = np.log2(own), np.log2(theirs)
    return float(np.sqrt(np.mean((_standard(own) - _standard(theirs)) ** 2)))


def _nearer(name: str, aligned: Subject) -> PerSeed:
    """How much of the distance to the teacher of a student trained alone the aligned student has made up: 1 is all."""

    def share(alone: Result, ours: Result, teacher: Result) -> float:
        before = _distance(name, alone, teacher)
        return 1.0 - _distance(name, ours, teacher) / before

    return PerSeed((arms.ALONE, aligned, TEACHER), share)


def _mirror(key: str, name: str, sentence: str, role: Role) -> Criterion:
    return Criterion(
        key=key,
        role=role,
        sentence=sentence,
        quantity=Quantity("share of the distance to the teacher's depth profile that alignment makes up", "", "nearer"),
        region=Region.at_least(APPROACH),
        because="1 is the most that can be gained at any scale; a tenth of it is the least one would see in a figure",
        evidence=_nearer(name, arms.SPECTRAL_BOTH),
        positive_controls=(
            Control(
                "strong",
                "The same layers aligned at forty times the weight must draw the profile to the teacher's.",
                _nearer(name, arms.spectral(arms.BOTH, weight=WEIGHT_TIMES * arms.STRONG)),
            ),
        ),
        negative_controls=(
            Control("soft_kd", "Logits alone align no features.", _nearer(name, arms.SOFT)),
            Control(
                "zeros",
                "Zeros in place of the teacher's features must not draw the profile to the teacher's.",
                _nearer(name, arms.spectral(arms.BOTH, target="zeros")),
            ),
        ),
        published=(Published(SPECTRAL_KD, "figure 3 a-c", text="mirrors the teacher, by eye"),),
        figure="student-depth",
    )


CLAIM = Claim(
    key="spectral_alignment",
    finding="spectral_alignment",
    sentence="Aligning spectra (SpectralKD) lifts the student, whose profile over depth comes to mirror the teacher's.",
    papers=(SPECTRAL_KD, DISTILLATION_DYNAMICS),
    where="SpectralKD, accuracy table and Fig. 3; released losses.py",
    notes="The printed +5.2 is against a student without any teacher; SoftKD alone gives most of it.",
    deviations=(
        Deviation("aligned layers", "eight of twelve, eight of 24", "first and last"),
        Deviation("student", "DeiT-Tiny: 12 layers, 192 channels", "6 layers, 24 channels", small=True),
    ),
    criteria=(
        Criterion(
            key="beats_soft_kd",
            sentence="At the same recipe, SpectralKD ends above SoftKD.",
            quantity=arms.points("top-1 accuracy, SpectralKD (first and last) minus SoftKD", "SpectralKD better"),
            region=Region.at_least(arms.SMALLEST_EFFECT),
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain(arms.SPECTRAL_BOTH, arms.SOFT),
            positive_controls=(arms.GAIN_SEEN, arms.CONTENT_SEEN, arms.KNOWLEDGE_SEEN),
            negative_controls=(
                Control(
                    "shuffled_images",
                    "The teacher's features of other images, on the same layers, must not lift it.",
                    arms.gain(arms.spectral(arms.BOTH, target="shuffled_images"), arms.SOFT),
                ),
                Control(
                    "zeros",
                    "Zeros in place of the teacher's features, on the same layers, must not lift it.",
                    arms.gain(arms.spectral(arms.BOTH, target="zeros"), arms.SOFT),
                ),
            ),
            published=(
                Published(
                    SPECTRAL_KD,
                    "accuracy table",
                    5.2,
                    "+5.2 over no teacher",
                    row="DeiT-Tiny, SpectralKD (77.4) and DeiT-Tiny (72.2)",
                    column="top-1, ImageNet-1k",
                ),
                *arms.in_accuracy_table(0.09, "SpectralKD First1+Last1 (77.08) and SoftKD (76.99)"),
            ),
            figure="paired",
        ),
        _mirror(
            "mirror_magnitude",
            "magnitude",
            "The student's activation profile over depth mirrors the teacher's.",
            Role.ASSERTED,
        ),
        _mirror(
            "mirror_scale_free",
            "entropy_standardised",
            "The student's profile of entropy on standardised tokens, where no scale is left, mirrors the teacher's.",
            Role.PROBE,
        ),
        Criterion(
            key="loss_is_weighted_mse",
            role=Role.PROBE,
            sentence="The loss is a squared error with the horizontal DC and Nyquist columns counted double.",
            quantity=Quantity("largest relative error of the closed form, float64", "", "not the same loss"),
            region=Region.at_most(1e-12),
            because="sums of a few thousand products in float64 agree to about 1e-15; 1e-12 leaves a wide margin",
            evidence=Constant(lambda: _largest_error("closed"), note="four shapes, odd and even widths"),
            negative_controls=(
                Control(
                    "half_mse",
                    "Half the plain squared error, without the doubled columns.",
                    Constant(lambda: _largest_error("half_mse")),
                ),
            ),
            published=(Published(SPECTRAL_KD, "released losses.py (text on the loss)", text="a match of spectra"),),
        ),
        Criterion(
            key="beats_plain_mse",
            role=Role.PROBE,
            sentence="Matching spectra is better than matching the same features by a plain squared error.",
            quantity=arms.points("top-1 accuracy, SpectralKD minus MSE of equal weight (last layer)", "spectra better"),
            region=Region.at_least(arms.SMALLEST_EFFECT),
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain(arms.SPECTRAL_LAST, arms.MSE_LAST),
            positive_controls=(arms.CONTENT_SEEN, arms.KNOWLEDGE_SEEN),
            negative_controls=(
                Control(
                    "mse_weight",
                    "A mere change of the squared error's weight, to more than twice as much.",
                    arms.gain(arms.MSE_LAST_FULL, arms.MSE_LAST),
                ),
            ),
            needs=("distill.asks.variants",),
            published=(Published(SPECTRAL_KD, "text on losses", text="not examined"),),
            figure="paired",
        ),
        Criterion(
            key="channel_order_is_arbitrary",
            role=Role.PROBE,
            sentence="The teacher's channels can be pooled in any order: another order is as good.",
            quantity=arms.points("top-1 accuracy, channels permuted minus as they are (last layer)", "permuted better"),
            region=Region.between(-1.4 / 2, 1.4 / 2),
            because="as good should mean within half of the smallest gain the paper prints (+1.4 points, Swin-Tiny)",
            evidence=arms.gain(arms.SPECTRAL_LAST_PERMUTED, arms.SPECTRAL_LAST),
            positive_controls=(
                Control(
                    "two_orders",
                    "No difference by construction: two other orders of the channels.",
                    arms.gain(
                        arms.SPECTRAL_LAST_PERMUTED, student("spectral_kd", arms.LAST, target="permuted_channels:1")
                    ),
                ),
            ),
            negative_controls=(
                Control(
                    "no_teacher",
                    "A difference that is there: training alone.",
                    arms.gain(arms.ALONE, arms.SPECTRAL_LAST),
                ),
            ),
            needs=("distill.asks.variants",),
            published=(
                Published(SPECTRAL_KD, "released losses.py (text on pooling)", text="pools neighbouring channels"),
            ),
            figure="paired",
        ),
    ),
)
