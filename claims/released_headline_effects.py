"""The gains of Encoding Mismatch, +2.67 and +3.37, are due to the feature term at the teacher's width.

Printed in Encoding Mismatch: Lift 77.53 and WideLast 78.23 against 74.86, all from single runs.

Here: what the feature term adds to what logits alone give, from the printed accuracies; SoftKD's, from Distillation
Dynamics, has the recipe of Encoding Mismatch.

Cost: arithmetic; a second.
Expect: the baseline had no teacher, and logits alone give most of the gains. Without logits the feature term
helps a student as wide as its teacher by a point more than a narrow one; on top of logits it helps it by 0.3,
little more than the 0.2 that are found weak in the narrow one.
Command: ``python -m suite claims -k released_headline --profile released``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claims._released_gaps import SMALLEST_EFFECT, WHY_SMALLEST_EFFECT
from claims._released_printed import ACCURACY, LOGITS, NO_TEACHER, printed_gap, printed_share
from claims._released_runs import ONLY_RELEASED
from claims.papers import ENCODING_MISMATCH
from suite.claim import Claim, Control, Criterion, Deviation, NeverReleased, Published, Quantity, Role
from suite.judge import Region

if TYPE_CHECKING:
    from suite.claim import Reading

PRINTED, GAIN = 77.4, 5.2
UNTAUGHT = 72.2  # DeiT-Tiny in arXiv 2012.12877

POINTS = Quantity("gain by the feature term", "points", "more gain")
HELPS = Region.at_least(SMALLEST_EFFECT)
NARROW = Control(
    "narrow_student", "the plain student, whose gain the paper finds weak", printed_gap("plain, spectral", "plain")
)
NARROW_WITH_LOGITS = Control(
    "narrow_student_with_logits",
    "the plain student, on top of logits",
    printed_gap("plain, logits + spectral", "plain, logits"),
)
WIDTHS_DO_NOT_MATTER = Control(
    "other_widths",
    "four students without teacher that differ in the projector's width alone",
    printed_gap("Lift to 256", "Lift to 320", "Lift", "Lift to 448"),
)


def _criterion(
    key: str,
    sentence: str,
    evidence: Reading,
    controls: tuple[Control, ...],
    published: Published,
    *,
    positive: tuple[Control, ...] = (LOGITS,),
    role: Role = Role.ASSERTED,
    quantity: Quantity = POINTS,
    region: Region = HELPS,
    because: str = WHY_SMALLEST_EFFECT,
    deviations: tuple[Deviation, ...] = (),
) -> Criterion:
    return Criterion(
        key=key,
        sentence=sentence,
        quantity=quantity,
        region=region,
        because=because,
        evidence=evidence,
        negative_controls=controls,
        published=(published,),
        positive_controls=positive,
        role=role,
        needs=ONLY_RELEASED,
        deviations=deviations,
    )


def _printed(text: str, row: str, value: float | None = None) -> Published:
    return Published(ENCODING_MISMATCH, "accuracy tables", value=value, text=text, row=row, column="top-1, ImageNet-1k")


def _double_difference(student: str) -> Criterion:
    return _criterion(
        f"{student.lower()}_without_logits",
        f"Without logits, the feature term helps {student} much more than the plain student.",
        printed_gap(f"{student}, mse", student, "plain, spectral", "plain"),
        (WIDTHS_DO_NOT_MATTER,),
        _printed(
            f"{ACCURACY[f'{student}, mse'] - ACCURACY[student]:+.2f} against +0.21",
            f"{student} with MSE less row {student}, less the same of rows DeiT-Tiny with SpectralKD and DeiT-Tiny",
        ),
        positive=(
            Control(
                "logits_instead",
                "what logits give the plain student, less what the spectral term does",
                printed_gap("plain, logits", "plain", "plain, spectral", "plain"),
            ),
        ),
        quantity=Quantity(f"gain of {student} less gain of the plain student", "points", "width matters more"),
        region=Region.at_least(0.5),
        because="half a point is 1.3 standard errors of four independent accuracies; less could be seen in no table",
        deviations=(
            Deviation("loss", "SpectralKD for the plain student, MSE for the widened one", "as printed, not alike"),
            Deviation("readout", "class token", "Lift reads the average token and has a wider head"),
        ),
    )


def _share(student: str, whole: str) -> Criterion:
    return _criterion(
        f"{student.lower()}_headline",
        f"Most of {student}'s headline gain is due to what is new in it, not to logits.",
        printed_share("plain, logits", whole),
        (
            Control(
                "logits_alone",
                "the plain student with logits as headline",
                printed_share("plain, logits", "plain, logits"),
            ),
        ),
        _printed(f"{ACCURACY[whole] - ACCURACY['plain']:+.2f} over {ACCURACY['plain']}", f"{whole} less row DeiT-Tiny"),
        role=Role.PROBE,
        positive=(
            Control(
                "spectral_term_alone",
                "the share that the spectral term alone gives the plain student, found weak",
                printed_share("plain, spectral", whole),
            ),
        ),
        quantity=Quantity("share of the gain that logits alone give the plain student", "", "less is new"),
        region=Region.at_most(0.5),
        because="most means more than half",
    )


CLAIM = Claim(
    key="released_headline_effects",
    sentence="The headline gains of Lift and WideLast are due to the feature term at the teacher's width.",
    papers=(ENCODING_MISMATCH,),
    where="Encoding Mismatch, abstract and accuracy tables",
    finding="width",
    notes=(
        "On top of logits the feature term adds 0.27 to 0.30 points to Lift and 0.28 to 0.35 to WideLast; without "
        "them 1.20 and 1.61."
    ),
    deviations=(
        Deviation("epoch of the accuracies", "best or last, not stated", "as printed, where there is no log"),
        Deviation(
            "source of the accuracies",
            "tables of the papers",
            "README for rows with logits; public summaries for rows without",
        ),
    ),
    criteria=(
        _share("Lift", "Lift, logits + spectral"),
        _share("WideLast", "WideLast, logits + mse"),
        _double_difference("Lift"),
        _double_difference("WideLast"),
        _criterion(
            "lift_on_logits",
            "On top of logits, too, the feature term helps Lift.",
            printed_gap("Lift, logits + spectral", "Lift, logits"),
            (NARROW, NARROW_WITH_LOGITS),
            _printed("77.53 against 77.23", "Lift SoftKD+SpectralKD less row Lift SoftKD", 0.30),
        ),
        _criterion(
            "widelast_on_logits",
            "On top of logits, too, the feature term helps WideLast.",
            printed_gap("WideLast, logits + mse", "WideLast, logits"),
            (NARROW, NARROW_WITH_LOGITS),
            _printed("78.23 against 77.88", "WideLast SoftKD+MSE less row WideLast SoftKD", 0.35),
        ),
        _criterion(
            "other_teacher",
            "The feature term helps WideLast from another teacher, DeiT-Small, as well.",
            printed_gap("WideLast, spectral of DeiT-Small", "WideLast"),
            (NARROW,),
            _printed("75.73 against 75.54", "WideLast SpectralKD from DeiT-Small less row WideLast", 0.19),
        ),
        _criterion(
            "wider_than_teacher",
            "A projector wider than the teacher harms.",
            printed_gap("Lift to 448", "Lift"),
            (Control("up_to_teacher", "from 320 to 384, the teacher's width", printed_gap("Lift", "Lift to 320")),),
            _printed("75.23 against 75.41", "Lift width 448 less row Lift width 384", -0.18),
            positive=(NO_TEACHER,),
            quantity=Quantity("accuracy of the wider projector less the narrower one's", "points", "wider is better"),
            region=Region.at_most(-SMALLEST_EFFECT),
        ),
        _criterion(
            "lift_alone",
            "Lift is better than the plain student even without a teacher.",
            printed_gap("Lift", "plain"),
            (
                Control(
                    "another_width", "a projector to 320 against one to 256", printed_gap("Lift to 320", "Lift to 256")
                ),
            ),
            _printed("75.41 against 74.86", "Lift without teacher less row DeiT-Tiny", 0.55),
            quantity=Quantity("accuracy less the plain student's, no teacher", "points", "better"),
        ),
        _criterion(
            "width_not_capacity",
            "WideLast's lead over Lift is due to where it is wide, not to its larger number of parameters.",
            NeverReleased(
                "no accuracy was released of the student with the same parameters spread evenly (UniformWide), "
                "though its configuration was"
            ),
            (),
            _printed("78.23 against 77.53", "WideLast less row Lift", 0.70),
            positive=(),
            quantity=Quantity("accuracy of WideLast less that of UniformWide", "points", "place matters more"),
        ),
    ),
)
