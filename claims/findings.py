"""The nine findings a person asks for, and what may be said of each as long as its verdicts stand.

A claim names its finding; one finding may be asked by several claims: on released figures, on frozen networks, by
training. Sentences are data: their numbers are filled in from the evidence, and one whose verdicts have changed is
refused. The strongest evidence comes first. Remarks say what the numbers of smaller or other profiles add; each is said
only where the intervals that it speaks of lie as it says.
"""

from __future__ import annotations

from suite.claim import Finding, Lies, Sentence
from suite.judge import Verdict


def _released(claim: str, text: str, **verdicts: Verdict) -> Sentence:
    """A sentence on released figures; criteria of the claim go by their key, others by ``claim__key``."""
    named = {key.replace("__", ".") if "__" in key else f"{claim}.{key}": word for key, word in verdicts.items()}
    for key in sorted(verdicts, key=len, reverse=True):
        full = key.replace("__", ".") if "__" in key else f"{claim}.{key}"
        text = text.replace(f"{{{key}:", f"{{{full}:").replace(f"{{{key}/", f"{{{full}/")
    return Sentence("released", text, named)


TRAINED = ("full", "desk-long", "desk-wide", "desk")  # profiles that train students, the strongest first
MEASURED = ("frozen", "desk")  # and those that measure networks


def _remark(profiles: tuple[str, ...], *told: tuple[str, dict[str, Lies]]) -> tuple[Sentence, ...]:
    """One group of remarks: for each profile in turn, the first text whose numbers bear it out.

    Args:
        profiles: the strongest first; ``PROFILE`` in a text stands for its name.
        told: texts, each with where the numbers it speaks of must lie.
    """
    return tuple(
        Sentence(profile, text.replace("PROFILE", profile), shows=shows) for profile in profiles for text, shows in told
    )


def _zeros(criterion: str, method: str) -> tuple[Sentence, ...]:
    """Whether a method does with zeros in place of the teacher's features what it does with them."""
    features, zeros, beyond = criterion, f"{criterion}/zeros", f"{criterion}-zeros"
    gained = f"{method} gains {{{zeros}:+.1f}} points over SoftKD from zeros in place of the teacher's features"
    return _remark(
        TRAINED,
        (
            f"PROFILE: {gained} and {{{features}:+.1f}} from the features: nothing of the teacher's is seen in it.",
            {features: Lies.ABOVE, zeros: Lies.ABOVE, beyond: Lies.AROUND},
        ),
        (
            f"PROFILE: {method} gains {{{beyond}:.1f}} points more from the teacher's features than from zeros.",
            {features: Lies.ABOVE, beyond: Lies.ABOVE},
        ),
        (
            f"PROFILE: {method} ends {{{beyond}:+.1f}} points from where zeros in place of the features take it.",
            {beyond: Lies.BELOW},
        ),
    )


_EARLY, _END, _LOST = (f"late_layer_transfer.{key}" for key in ("spectral_early", "spectral_end", "lead_is_lost"))
_LEADS = f"PROFILE: late alignment leads by {{{_EARLY}:.1f}} points at a fifth of the training"
LATE = _remark(
    TRAINED,
    (
        f"{_LEADS} and ends {{{_END}:+.1f}} from SoftKD: the lead turns into harm.",
        {_EARLY: Lies.ABOVE, _END: Lies.BELOW},
    ),
    (
        f"{_LEADS} and by {{{_END}:.1f}} at its end: the lead shrinks, and no harm is seen.",
        {_EARLY: Lies.ABOVE, _END: Lies.ABOVE, _LOST: Lies.BELOW},
    ),
    (
        f"{_LEADS}; at its end the lead is smaller, and its sign open ({{{_END}:+.1f}}).",
        {_EARLY: Lies.ABOVE, _END: Lies.AROUND, _LOST: Lies.BELOW},
    ),
    (
        f"PROFILE: late alignment ends {{{_END}:+.1f}} points from SoftKD: no harm is seen.",
        {_END: Lies.ABOVE},
    ),
    (
        f"PROFILE: late alignment ends {{{_END}:+.1f}} points from SoftKD: harm.",
        {_END: Lies.BELOW},
    ),
    (
        f"PROFILE: late alignment ends {{{_END}:+.1f}} points from SoftKD, zeros {{{_END}/zeros:+.1f}}: no sign.",
        {_END: Lies.AROUND, f"{_END}/zeros": Lies.AROUND},
    ),
)
LIKENESS = _remark(
    MEASURED,
    (
        (
            "PROFILE: neither two trainings of CaiT ({cait_swin_similarity.spectra/another_cait:.2f}) nor CaiT and "
            "Swin ({cait_swin_similarity.spectra:.2f}) have spectra that are seen to correlate."
        ),
        {"cait_swin_similarity.spectra/another_cait": Lies.AROUND, "cait_swin_similarity.spectra": Lies.AROUND},
    ),
)
RANK = _remark(
    MEASURED,
    (
        (
            "PROFILE: before training, an image's energy lies in fewer dimensions "
            "({low_rank_energy.per_image_rank/untrained:.2f} of those possible) than after it "
            "({low_rank_energy.per_image_rank:.2f})."
        ),
        {
            "low_rank_energy.per_image_rank-untrained": Lies.ABOVE,
            "low_rank_energy.per_image_rank/untrained": Lies.ABOVE,
            "low_rank_energy.per_image_rank": Lies.ABOVE,
        },
    ),
)

FINDINGS = (
    Finding(
        "u_shape",
        "U shape over depth",
        "What a ViT's layers encode falls and then rises over depth, and distillation changes that shape.",
        (
            _released(
                "released_student_u_shape",
                "The authors' SoftKD student ends with a U of {soft_kd_u:.2f} bits that grew in training. That late "
                "alignment flattens its rise is open: {late_suppresses_at_end:+.2f} bits, and first-layer alignment "
                "{late_suppresses_at_end/first_layer:+.2f}, in one run each.",
                soft_kd_u=Verdict.CONSISTENT,
                u_emerges=Verdict.CONSISTENT,
                late_suppresses_at_end=Verdict.INCONCLUSIVE,
            ),
        ),
    ),
    Finding(
        "cait_swin",
        "CaiT and Swin alike",
        "CaiT and Swin, though built differently, encode information alike over depth.",
        (
            _released(
                "released_cait_swin",
                "Printed as a figure judged by eye: no spectra, no matching of layers and no measure were released.",
                spectra=Verdict.UNVERIFIABLE,
            ),
        ),
        (LIKENESS,),
    ),
    Finding(
        "late_layer",
        "Late-layer alignment harms",
        "Aligning a ViT student's late layers with its teacher's harms it.",
        (
            _released(
                "released_late_layer",
                "Late alignment ends {spectral_300:+.2f} points from SoftKD after 300 epochs and {spectral_500:+.2f} "
                "after 500, in single runs; around epoch 20 of the same runs it is "
                "{released_training_length__spectral_epoch_20:.1f} points ahead.",
                spectral_300=Verdict.CONSISTENT,
                spectral_500=Verdict.CONSISTENT,
                released_training_length__spectral_epoch_20=Verdict.CONTRADICTED,
            ),
        ),
        (LATE, _zeros(_END, "late alignment")),
    ),
    Finding(
        "low_rank",
        "Low rank and encoding",
        "Each image lies in a small subspace that rotates from image to image, while its energy spreads over channels.",
        (
            _released(
                "released_rank_gap",
                "CaiT's gap between shared and per-image rank exceeds chance by {gap_means_rotation:.1f} octaves, but "
                "tokens that repeat their neighbours exceed it by {gap_means_rotation/repeated_tokens:.1f} without any "
                "rotation; the spectral pattern is what noise gives, too; in four networks one dimension holds 80 % of "
                "the energy.",
                gap_means_rotation=Verdict.UNINFORMATIVE,
                spectral_energy_pattern=Verdict.UNINFORMATIVE,
                no_small_shared_basis=Verdict.CONTRADICTED,
            ),
        ),
        (RANK,),
    ),
    Finding(
        "width",
        "Width decides",
        "Feature alignment fails in a narrow student and works at the teacher's width.",
        (
            _released(
                "released_headline_effects",
                "Without logits the feature term gives Lift {lift_without_logits:.2f} and WideLast "
                "{widelast_without_logits:.2f} points more than the narrow student; beside logits it adds "
                "{lift_on_logits:.2f} and {widelast_on_logits:.2f}, which single runs leave open.",
                lift_without_logits=Verdict.CONSISTENT,
                widelast_without_logits=Verdict.CONSISTENT,
                lift_on_logits=Verdict.INCONCLUSIVE,
                widelast_on_logits=Verdict.INCONCLUSIVE,
            ),
        ),
    ),
    Finding(
        "spectral_alignment",
        "Spectral alignment helps",
        "Aligning spectra of features makes a student better and its layers like the teacher's.",
        (
            _released(
                "released_spectral_gain",
                "The gain of 5.2 points was counted from a student without teacher, {baseline_of_5_2:+.1f} points from "
                "SoftKD; beside logits the spectral term adds {spectral_term:+.2f} in the best of three runs.",
                baseline_of_5_2=Verdict.CONTRADICTED,
                spectral_term=Verdict.INCONCLUSIVE,
            ),
        ),
        (_zeros("spectral_alignment.beats_soft_kd", "SpectralKD"),),
    ),
    Finding(
        "baselines",
        "Methods compared",
        "One method of distillation is better than another under one recipe.",
        (
            _released(
                "released_rivals",
                "No log, weights or recipe of a method that the papers compare with was released.",
                same_recipe=Verdict.UNVERIFIABLE,
            ),
        ),
        (_zeros("baselines_compared.feature_mse", "a plain squared error"),),
    ),
    Finding(
        "multi_depth",
        "Branches of different depth",
        "Branches of different depth encode different frequencies and make super-resolution better.",
        (
            _released(
                "multi_depth",
                "The network is as large and as dear as its code says ({parameters_x2:,.0f} parameters and "
                "{multiply_adds_x2:.0f} billion multiply-adds at scale 2); its tables, its comparison and its "
                "spectra could not be read, and no log was at hand.",
                parameters_x2=Verdict.REPRODUCED,
                multiply_adds_x2=Verdict.REPRODUCED,
                printed_psnr=Verdict.UNVERIFIABLE,
            ),
        ),
    ),
    Finding(
        "books",
        "The papers' own books",
        "What the papers print agrees with the logs and tables that they released.",
        (
            _released(
                "released_log_integrity",
                "Printed accuracies are those of the logs' best epochs, to {best_epoch:.3f} points; means of the last "
                "ten epochs lie up to {end_of_training:.2f} points away. A MAE teacher's targets told "
                "{released_mae_teacher__teacher_targets:.2f} nats of 6.9, as an untrained head's do.",
                best_epoch=Verdict.REPRODUCED,
                end_of_training=Verdict.CONTRADICTED,
                released_mae_teacher__teacher_targets=Verdict.CONTRADICTED,
            ),
        ),
    ),
)
