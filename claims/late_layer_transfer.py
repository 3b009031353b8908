"""Aligning a student's late layers with its teacher's harms the student.

Printed in Distillation Dynamics (accuracy table: SpectralKD Last1 76.83, ProjectorKD Last1 76.72 against SoftKD
76.99, at 300 epochs; 77.59 against 78.07 at 500) with the student's suppressed entropy expansion as the mechanism.
The released logs show the opposite sign early in training, so length is a criterion of its own.

A profile can only say that late alignment does no harm if it could have seen harm: noise in place of the teacher's
features must harm there, at the same weight and at a hundred times the weight.

Cost: 14 students per seed; 3 more where a profile has a second length, 2 more where it has other weights of a term.
Expect: *uninformative* about harm wherever noise at the same weight does not harm either.
Command: ``nox -s claims -- -k late_layer``.
"""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING

from claims import _arms as arms
from claims.papers import DISTILLATION_DYNAMICS
from suite.claim import Claim, Control, Criterion, Deviation, PerSeed, Published, Quantity, Role
from suite.judge import Region
from suite.studies.cells import student

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.claim import Reading
    from suite.claim.readings import Subject
    from suite.evidence.cell import Result

HARM = Region.at_most(-arms.SMALLEST_EFFECT)
HELP = Region.at_least(arms.SMALLEST_EFFECT)
LOWER = arms.points("top-1 accuracy at the end of training, aligned minus SoftKD", "alignment helps")
SMALLEST_CHANGE = log2(1.1)  # doublings of scale; of bits, the entropy of a tenth more bins in use
EARLY = 0.2  # of the training, as epoch 60 of 300; the released logs cross between epochs 130 and 180

SOFT_LONG = student("soft_kd", length="long")
LAST_LONG = student("spectral_kd", arms.LAST, length="long")
FIRST_LONG = student("spectral_kd", arms.FIRST, length="long")
SOFT_WEAK = student("soft_kd", {"alpha": 0.45})

FIRST_LAYER = Control(
    "first_layer",
    "The same loss on the first layer, which is said to do no harm.",
    arms.gain(arms.SPECTRAL_FIRST, arms.SOFT),
)
ZEROS = Control(
    "zeros",
    "Zeros in place of the teacher's late features: harm by shrinking alone is not harm by what late layers hold.",
    arms.gain(arms.SPECTRAL_LAST_ZEROS, arms.SOFT),
)


def _harm(
    key: str, sentence: str, aligned: Subject, published: tuple[Published, ...], role: Role = Role.ASSERTED
) -> Criterion:
    return Criterion(
        key=key,
        role=role,
        sentence=sentence,
        quantity=LOWER,
        region=HARM,
        because=arms.WHY_SMALLEST_EFFECT,
        evidence=arms.gain(aligned, arms.SOFT),
        positive_controls=(arms.HARM_SEEN, arms.NOISE_HARMS),
        negative_controls=(FIRST_LAYER, ZEROS),
        published=published,
        figure="paired",
    )


def _time_gained(soft: Result) -> float:
    """What one more look gains at the end of training minus what it gains early, points."""
    looks = soft.arrays["trajectory"]
    early = arms.look_at(EARLY, soft)
    return float((looks[-1] - looks[-2]) - (looks[early + 1] - looks[early]))


# ------------------------------------------------------------------------------------- the student's expansion


def _last_layer(result: Result) -> float:
    """Entropy of the last layer in the network's range, in doublings of scale at this width."""
    from suite.measure.entropy_slope import entropy_slope

    return float(result.arrays["profile.entropy_global"][-1, -1]) / entropy_slope(int(result.arrays["width"]))


def _expansion(result: Result) -> float:
    """The same, above the lowest layer's."""
    from suite.measure.entropy_slope import entropy_slope

    profile = result.arrays["profile.entropy_global"][-1]
    return float(profile[-1] - profile.min()) / entropy_slope(int(result.arrays["width"]))


def _scale_free(result: Result) -> float:
    """Entropy of the last layer on standardised tokens, bits."""
    return float(result.arrays["profile.entropy_standardised"][-1, -1])


def _less(aligned: Subject, read: Callable[[Result], float]) -> PerSeed:
    return PerSeed((aligned, arms.SOFT), lambda ours, soft: read(ours) - read(soft))


def _suppression(
    key: str,
    sentence: str,
    quantity: Quantity,
    read: Callable[[Result], float],
    published: Published,
    role: Role = Role.ASSERTED,
    because: str = "ten per cent of scale, log2(1.1) = 0.14 doublings, is the smallest change one would draw",
) -> Criterion:
    def difference(aligned: Subject) -> Reading:
        return _less(aligned, read)

    return Criterion(
        key=key,
        role=role,
        sentence=sentence,
        quantity=quantity,
        region=Region.at_most(-SMALLEST_CHANGE),
        because=because,
        evidence=difference(arms.SPECTRAL_LAST),
        positive_controls=(
            Control(
                "zeros",
                "Zeros as the target of the last layer, at the claim's weight, must suppress it.",
                difference(arms.SPECTRAL_LAST_ZEROS),
            ),
        ),
        negative_controls=(
            Control("first_layer", "Aligning the first layer must not do it.", difference(arms.SPECTRAL_FIRST)),
            Control(
                "shuffled_images",
                "The teacher's features of other images must not do it: no transfer takes place.",
                difference(arms.SPECTRAL_LAST_SHUFFLED),
            ),
        ),
        published=(published,),
        figure="student-depth",
    )


def _entropy_table(text: str) -> Published:
    where = "released layer-entropy tables (SoftKD, SpectralKD01)"
    return Published(DISTILLATION_DYNAMICS, where, text=text, row="epoch 300", column="layers 1 to 12")


CLAIM = Claim(
    key="late_layer_transfer",
    finding="late_layer",
    sentence="Aligning a student's late layers with its teacher's harms the student.",
    papers=(DISTILLATION_DYNAMICS,),
    where="Distillation Dynamics, accuracy table and figures of student entropy",
    notes=(
        "Published accuracies are the best epoch of one seed on the evaluation set; ours are the last step's, "
        "with the best beside it. The sign depends on the length of training: see the trajectories."
    ),
    deviations=(
        Deviation("length", "300 and 500 epochs of ImageNet", "the profile's two lengths", small=True),
        Deviation("accuracy", "best epoch on the evaluation set", "last step"),
        Deviation("student", "DeiT-Tiny: 12 layers, 192 channels", "6 layers, 24 channels", small=True),
        Deviation(
            "augmentation",
            "RandAugment, random erasing, repeated augmentation",
            "affine views, one grey patch",
            small=True,
        ),
        Deviation("aligned late layers", "SpectralKD Last8: eight", "four", small=True),
    ),
    criteria=(
        _harm(
            "spectral_end",
            "At the end of training, aligning the last layer by SpectralKD leaves the student below SoftKD.",
            arms.SPECTRAL_LAST,
            arms.in_accuracy_table(-0.16, "SpectralKD Last1 (76.83) and SoftKD (76.99)"),
        ),
        _harm(
            "several_end",
            "At the end of training, aligning the last several layers leaves the student below SoftKD.",
            arms.SPECTRAL_SEVERAL,
            arms.in_accuracy_table(-0.30, "SpectralKD Last8 (76.69, no log released) and SoftKD (76.99)"),
        ),
        _harm(
            "projector_end",
            "At the end of training, a learned projection onto the teacher's last layer (ProjectorKD as described) "
            "leaves the student below SoftKD.",
            arms.PROJECTOR_LAST,
            arms.in_accuracy_table(
                -0.27, "ProjectorKD Last1 (76.72, its projector was never trained) and SoftKD (76.99)"
            ),
        ),
        _harm(
            "projector_released_end",
            "At the end of training, ProjectorKD as released, with a frozen random projection and batch norm on both "
            "sides, leaves the student below SoftKD.",
            arms.PROJECTOR_RELEASED_LAST,
            arms.in_accuracy_table(-0.27, "ProjectorKD Last1 (76.72) and SoftKD (76.99)"),
        ),
        _harm(
            "mse_end",
            "At the end of training, a plain squared error on the last layer leaves the student below SoftKD.",
            arms.MSE_LAST,
            (Published(DISTILLATION_DYNAMICS, "text on losses", text="not examined"),),
            role=Role.PROBE,
        ),
        Criterion(
            key="spectral_early",
            role=Role.PROBE,
            sentence="Early in training, aligning the last layer by SpectralKD puts the student ahead of SoftKD.",
            quantity=arms.points("top-1 accuracy at 20 % of training, aligned minus SoftKD", "alignment helps"),
            region=HELP,
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain_at(EARLY, arms.SPECTRAL_LAST, arms.SOFT),
            positive_controls=(
                Control(
                    "soft_kd_over_none",
                    "A gain that is known to exist, as early: SoftKD over training without a teacher.",
                    arms.gain_at(EARLY, arms.SOFT, arms.ALONE),
                ),
            ),
            negative_controls=(
                Control(
                    "zeros",
                    "Zeros in place of the teacher's features, as early: a lead without any teacher in it.",
                    arms.gain_at(EARLY, arms.SPECTRAL_LAST_ZEROS, arms.SOFT),
                ),
            ),
            published=(
                Published(
                    DISTILLATION_DYNAMICS, "released logs, epoch 20 of 300", value=2.9, text="+2.9 (from the logs)"
                ),
            ),
            figure="trajectory",
        ),
        Criterion(
            key="lead_is_lost",
            role=Role.PROBE,
            sentence="The lead that late alignment has over SoftKD early in training is smaller at its end.",
            quantity=arms.points("gap to SoftKD at the end minus gap at 20 % of training", "the lead grows"),
            region=HARM,
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.growth_of_gain(EARLY, arms.SPECTRAL_LAST, arms.SOFT),
            positive_controls=(
                Control(
                    "ahead_in_time",
                    "A lead in time alone is lost: SoftKD one look further on than SoftKD, at the end and as early.",
                    PerSeed((arms.SOFT,), _time_gained, resolution=arms.step),
                ),
            ),
            negative_controls=(
                Control(
                    "zeros",
                    "Zeros in place of the teacher's features: a lead that is lost without any teacher in it.",
                    arms.growth_of_gain(EARLY, arms.SPECTRAL_LAST_ZEROS, arms.SOFT),
                ),
                Control(
                    "shuffled_images",
                    "The teacher's features of other images: a lead that is lost whatever is aligned with.",
                    arms.growth_of_gain(EARLY, arms.SPECTRAL_LAST_SHUFFLED, arms.SOFT),
                ),
            ),
            published=(
                Published(
                    DISTILLATION_DYNAMICS,
                    "released logs, epochs 60 and 300 of SpectralKD Last1 and SoftKD",
                    text="the lead turns between epochs 130 and 180 of 300 (from the logs)",
                ),
            ),
            figure="trajectory",
        ),
        Criterion(
            key="smaller_weight",
            sentence="Halving the weight of the late alignment makes the student worse still.",
            quantity=arms.points("top-1 accuracy, weight .1 minus weight .2 on the last layer", "less is better"),
            region=HARM,
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain(arms.SPECTRAL_LAST_HALF, arms.SPECTRAL_LAST),
            positive_controls=(
                Control(
                    "half_the_logits",
                    "Half the weight of a term that is known to help: the teacher's logits in SoftKD.",
                    arms.gain(SOFT_WEAK, arms.SOFT),
                ),
            ),
            negative_controls=(
                Control(
                    "mse_weight",
                    "The same change of weight (to less than half) of a plain squared error, of which nothing is "
                    "claimed.",
                    arms.gain(arms.MSE_LAST, arms.MSE_LAST_FULL),
                ),
            ),
            needs=("distill.asks.variants",),
            published=arms.in_accuracy_table(-0.35, "SpectralKD Last1 at beta .1 (76.48, no log) and at .2 (76.83)"),
            figure="paired",
        ),
        Criterion(
            key="first_and_last",
            sentence="Aligning the first layer besides the last makes good what aligning the last one spoils.",
            quantity=arms.points("top-1 accuracy, first + last minus last", "the first layer helps"),
            region=HELP,
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain(arms.SPECTRAL_BOTH, arms.SPECTRAL_LAST),
            positive_controls=(arms.GAIN_SEEN,),
            negative_controls=(
                Control(
                    "half_weight",
                    "Two pairs share one weight: the last layer alone at half of it must not do the same.",
                    arms.gain(arms.SPECTRAL_LAST_HALF, arms.SPECTRAL_LAST),
                ),
            ),
            published=arms.in_accuracy_table(0.25, "SpectralKD First1+Last1 (77.08) and Last1 (76.83)"),
            figure="paired",
        ),
        Criterion(
            key="grows_with_length",
            sentence="The harm of late alignment grows with the length of training.",
            quantity=arms.points(
                "gap to SoftKD after long training minus gap after short training", "the gap closes or turns"
            ),
            region=HARM,
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain_of_gains((LAST_LONG, SOFT_LONG), (arms.SPECTRAL_LAST, arms.SOFT)),
            positive_controls=(
                Control(
                    "stopped",
                    "A student that stops at the short length falls behind one that trains on.",
                    arms.gain_of_gains((arms.SOFT, SOFT_LONG), (arms.SOFT, arms.SOFT)),
                ),
            ),
            negative_controls=(
                Control(
                    "first_layer",
                    "The same for the first layer, whose alignment is said to do no harm at any length.",
                    arms.gain_of_gains((FIRST_LONG, SOFT_LONG), (arms.SPECTRAL_FIRST, arms.SOFT)),
                ),
            ),
            needs=("distill.lengths.long",),
            published=arms.in_accuracy_table(
                -0.32, "SpectralKD Last1 and SoftKD at 500 epochs (77.59, 78.07) and at 300 (76.83, 76.99)", runs=4
            ),
            figure="trajectory",
        ),
        _suppression(
            "suppresses_expansion",
            "Late alignment suppresses the expansion: the last layer's entropy (global range) is lower than SoftKD's.",
            Quantity("entropy of the student's last layer, aligned minus SoftKD", "doublings", "more expansion"),
            _last_layer,
            _entropy_table("2.19 against 3.31 bits, each in a range of its own"),
        ),
        _suppression(
            "suppresses_expansion_in_shape",
            "Late alignment suppresses expansion within the network: the last layer rises less above the lowest one.",
            Quantity("entropy of last minus lowest layer, aligned minus SoftKD", "doublings", "more expansion"),
            _expansion,
            _entropy_table("1.34 against 1.53 bits"),
        ),
        _suppression(
            "suppresses_expansion_scale_free",
            "Late alignment suppresses the last layer's entropy on standardised tokens, where no scale is left.",
            Quantity(
                "entropy of the last layer on standardised tokens, aligned minus SoftKD", "bits", "more expansion"
            ),
            _scale_free,
            Published(DISTILLATION_DYNAMICS, "text on entropy", text="not examined"),
            role=Role.PROBE,
            because="2 to the power of the entropy counts the bins in use; a tenth more are log2(1.1) = 0.14 bits",
        ),
    ),
)
