"""SpectralKD: aligning spectra lifts the student and makes its profile over depth mirror the teacher's.

Printed in SpectralKD (DeiT-Tiny 77.4, "+5.2" over a student without any teacher; Fig. 3 for the mirrored profile).
By Parseval the loss is a squared error on the channel-pooled teacher with two frequencies counted double, so it is
compared with exactly that, and with SoftKD at the same recipe.

Cost: shares its students with ``late_layer_transfer``.
Expect: the identity is exact; the spectrum as such adds nothing over the squared error that six seeds could see.
Command: ``nox -s claims -- -k spectral``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from baselines.spectral_kd import spatial_alignment, spectral_alignment
from claims import _arms as arms
from claims.papers import DISTILLATION_DYNAMICS, SPECTRAL_KD
from suite.claim import Claim, Constant, Control, Criterion, Deviation, PerSeed, Published, Quantity
from suite.judge import Region
from suite.studies.cells import representation

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.claim.readings import Subject
    from suite.evidence.cell import Result

TEACHER = representation("cait", probes=("magnitude", "spectrum"))
SHAPES = ((2, 24, 48, 4, 4), (2, 24, 48, 7, 7), (2, 16, 16, 14, 14), (3, 20, 48, 6, 5))


def _largest_error(closed_form: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> float:
    """Largest relative error against the loss as published, over shapes with odd and even widths, float64."""
    generator = torch.Generator().manual_seed(0)
    errors = []
    for batch, narrow, wide, height, width in SHAPES:
        student = torch.randn(batch, narrow, height, width, generator=generator, dtype=torch.float64)
        teacher = torch.randn(batch, wide, height, width, generator=generator, dtype=torch.float64)
        published = spectral_alignment(student, teacher)
        errors.append(float((closed_form(student, teacher) / published - 1).abs()))
    return max(errors)


def _half_mse(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    pooled = torch.nn.functional.adaptive_avg_pool3d(teacher, (student.shape[1], None, None))
    return 0.5 * torch.nn.functional.mse_loss(student, pooled)


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
    """Distance to the teacher of a student trained alone minus that of the aligned student."""
    return PerSeed(
        (arms.ALONE, aligned, TEACHER),
        lambda alone, ours, teacher: _distance(name, alone, teacher) - _distance(name, ours, teacher),
    )


def _mirror(key: str, name: str, sentence: str) -> Criterion:
    return Criterion(
        key=key,
        sentence=sentence,
        quantity=Quantity(
            "distance of the depth profile's shape to the teacher's, trained alone minus aligned", "", "nearer"
        ),
        region=Region.at_least(0.1),
        because="shapes are scaled to unit spread; a tenth of it is the smallest approach one would see in a figure",
        evidence=_nearer(name, arms.SPECTRAL_BOTH),
        negative_controls=(Control("soft_kd", "logits alone align no features", _nearer(name, arms.SOFT)),),
        published=(Published(SPECTRAL_KD, "Fig. 3 a-c", text="mirrors the teacher, by eye"),),
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
            key="loss_is_weighted_mse",
            sentence="The loss is a squared error with the horizontal DC and Nyquist columns counted double.",
            quantity=Quantity("largest relative error of the closed form, float64", "", "not the same loss"),
            region=Region.at_most(1e-12),
            because="sums of a few thousand products in float64 agree to about 1e-15; 1e-12 leaves a wide margin",
            evidence=Constant(lambda: _largest_error(spatial_alignment), note="four shapes, odd and even widths"),
            negative_controls=(
                Control(
                    "half_mse",
                    "half the plain squared error, without the doubled columns",
                    Constant(lambda: _largest_error(_half_mse)),
                ),
            ),
            published=(Published(SPECTRAL_KD, "released losses.py", text="presented as a match of spectra"),),
        ),
        Criterion(
            key="beats_soft_kd",
            sentence="At the same recipe, SpectralKD ends above SoftKD.",
            quantity=Quantity(
                "top-1 accuracy, SpectralKD (first and last) minus SoftKD", "points", "SpectralKD better"
            ),
            region=Region.at_least(arms.SMALLEST_EFFECT),
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain(arms.SPECTRAL_BOTH, arms.SOFT),
            negative_controls=(
                Control(
                    "shuffled_images",
                    "the teacher's features of other images, on the last layer",
                    arms.gain(arms.SPECTRAL_LAST_SHUFFLED, arms.SOFT),
                ),
                arms.weight_zero(),
            ),
            published=(
                Published(SPECTRAL_KD, "77.4 against 72.2 without a teacher", value=5.2, text="+5.2 over no teacher"),
                Published(DISTILLATION_DYNAMICS, "First1+Last1 77.08 against SoftKD 76.99", value=0.09),
            ),
            figure="paired",
        ),
        Criterion(
            key="beats_plain_mse",
            sentence="Matching spectra is better than matching the same features by a plain squared error.",
            quantity=Quantity(
                "top-1 accuracy, SpectralKD minus MSE of equal weight (last layer)", "points", "spectra better"
            ),
            region=Region.at_least(arms.SMALLEST_EFFECT),
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain(arms.SPECTRAL_LAST, arms.MSE_LAST),
            negative_controls=(
                Control(
                    "mse_weight",
                    "a mere change of the squared error's weight, to three times as much",
                    arms.gain(arms.MSE_LAST_FULL, arms.MSE_LAST),
                ),
            ),
            published=(Published(SPECTRAL_KD, "-", text="not examined"),),
            figure="paired",
        ),
        Criterion(
            key="channel_order_matters",
            sentence="The teacher's channels can be pooled in their arbitrary order: another order is as good.",
            quantity=Quantity(
                "top-1 accuracy, channels permuted minus as they are (last layer)", "points", "permuted better"
            ),
            region=Region.between(-1.4 / 2, 1.4 / 2),
            because="as good should mean within half of the smallest gain the paper prints (+1.4 points, Swin-Tiny)",
            evidence=arms.gain(arms.SPECTRAL_LAST_PERMUTED, arms.SPECTRAL_LAST),
            negative_controls=(
                Control(
                    "no_teacher",
                    "a difference that is there: training alone",
                    arms.gain(arms.ALONE, arms.SPECTRAL_LAST),
                ),
            ),
            published=(Published(SPECTRAL_KD, "released losses.py", text="pools neighbouring channels"),),
            figure="paired",
        ),
        _mirror("mirror_magnitude", "magnitude", "The student's activation profile over depth mirrors the teacher's."),
        _mirror(
            "mirror_scale_free",
            "entropy_standardised",
            "So does its entropy on standardised tokens, where no scale is left.",
        ),
    ),
)
