"""Feature distillation beats plain SoftKD: every method's own paper says so of itself.

Printed in the methods' papers at recipes of their own; here all methods share one recipe, one stream of batches and
one teacher pass, and each is compared with SoftKD seed by seed, with Holm's adjustment over the family.

Cost: 12 students per seed at ``desk``, about three minutes on two cores.
Expect: late hints help at this length; the order of methods cannot be resolved.
Command: ``nox -s claims -- -k baselines``.
"""

from __future__ import annotations

from baselines import METHODS
from claims import _arms as arms
from claims.papers import DISTILLATION_DYNAMICS
from suite.claim import Claim, Control, Criterion, Deviation, Published, Quantity
from suite.judge import Region
from suite.studies.cells import student

COMPARED = {
    "deit_hard": student("deit_hard"),
    "fitnet": student("fitnet"),
    "fitnet_two_stage": student("fitnet_two_stage"),
    "vitkd": student("vitkd"),
    "projector_kd": arms.PROJECTOR_LAST,
    "projector_kd_released": arms.PROJECTOR_RELEASED_LAST,
    "spectral_kd": arms.SPECTRAL_BOTH,
    "feature_mse": arms.MSE_LAST,
    "attention_transfer": student("attention_transfer"),
    "manifold_kd": student("manifold_kd"),
}
TABLE = {"soft_kd": arms.SOFT, **COMPARED}

CLAIM = Claim(
    key="baselines_compared",
    finding="baselines",
    sentence="Distilling features beats SoftKD at the same recipe.",
    papers=(DISTILLATION_DYNAMICS,),
    where="the methods' own papers; for ProjectorKD and SpectralKD the table of Distillation Dynamics",
    notes="Weights are the published ones; none was tuned here. The noise is pooled over methods where that is fair.",
    deviations=(Deviation("recipe", "each paper its own", "one for all: alpha .9, temperature 1, no mixup"),),
    criteria=tuple(
        Criterion(
            key=name,
            sentence=f"{METHODS[name].title} ends above SoftKD.",
            quantity=Quantity(f"top-1 accuracy, {METHODS[name].title} minus SoftKD", "points", "the method is better"),
            region=Region.at_least(arms.SMALLEST_EFFECT),
            because=arms.WHY_SMALLEST_EFFECT,
            evidence=arms.gain(subject, arms.SOFT, companions=TABLE),
            negative_controls=(
                Control("no_teacher", "training without a teacher must not pass", arms.gain(arms.ALONE, arms.SOFT)),
                Control(
                    "shuffled_images",
                    "a feature term that says nothing of the image must not pass",
                    arms.gain(arms.SPECTRAL_LAST_SHUFFLED, arms.SOFT),
                ),
            ),
            published=(Published(DISTILLATION_DYNAMICS, METHODS[name].source, text="at its own recipe"),),
            figure="paired",
        )
        for name, subject in COMPARED.items()
    ),
)
