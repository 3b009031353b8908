"""Accuracies that papers print without a log, and differences of them with binomial errors."""

from __future__ import annotations

import math

from suite.claim import Control, Released
from suite.evidence.released import binomial_error
from suite.judge import Observed, Sampling

IMAGES = 50_000  # ImageNet's validation set

# Top-1 of single runs on ImageNet: student, then what teaches it. The teacher is CaiT-S24 unless named. Encoding
# Mismatch (arXiv 2511.15572), main tables and README; the plain student with logits: Distillation Dynamics (arXiv
# 2511.06848), the same recipe and, with a feature term, the same pair of layers.
ACCURACY = {
    "plain": 74.86,
    "plain, spectral": 75.07,
    "plain, logits": 76.99,
    "plain, logits + spectral": 76.83,
    "Lift": 75.41,
    "Lift, mse": 76.61,
    "Lift, logits": 77.23,
    "Lift, logits + spectral": 77.53,
    "WideLast": 75.54,
    "WideLast, mse": 77.15,
    "WideLast, logits": 77.88,
    "WideLast, logits + mse": 78.23,
    "WideLast, spectral of DeiT-Small": 75.73,
    "Lift to 256": 75.46,
    "Lift to 320": 75.53,
    "Lift to 448": 75.23,
}


def printed_gap(up: str, down: str, *less: str) -> Released:
    """One printed accuracy less another, less the same of further pairs, with the error of the images.

    Args:
        up: key of the accuracy that counts up.
        down: key of the one that counts down.
        less: keys of a second pair, up and down, whose difference is taken off.
    """
    names = (up, down, *less)
    signs = (1, -1, -1, 1)[: len(names)]

    def value() -> Observed:
        gap = sum(sign * ACCURACY[name] for sign, name in zip(signs, names, strict=True))
        error = math.hypot(*(binomial_error(ACCURACY[name], IMAGES) for name in names))
        words = " ".join(
            f"{'+' if sign > 0 else '-'} {ACCURACY[name]:.2f} ({name})" for sign, name in zip(signs, names, strict=True)
        )
        return Observed(
            values=(gap,),
            sampling=Sampling.SINGLE,
            standard_error=error,
            note=f"printed {words} = {gap:+.2f} points; standard error {error:.2f}, binomial, runs independent",
        )

    return Released((), value)


NO_TEACHER = Control(
    "no_teacher",
    "the plain student without any teacher, the best-established loss there is",
    printed_gap("plain", "plain, logits"),
)
LOGITS = Control(
    "logits",
    "what a teacher's logits give the plain student, the best-established gain",
    printed_gap("plain, logits", "plain"),
)


def printed_share(part: str, whole: str, base: str = "plain") -> Released:
    """The share of a gain over a base that a part of the method gives already."""

    def value() -> Observed:
        gain = ACCURACY[whole] - ACCURACY[base]
        share = (ACCURACY[part] - ACCURACY[base]) / gain
        # d share = (d part - share d whole - (1 - share) d base) / gain; a part that is the whole has no error.
        weights = {part: 0.0, whole: 0.0, base: 0.0}
        for name, weight in ((part, 1.0), (whole, -share), (base, share - 1)):
            weights[name] += weight
        errors = (weight * binomial_error(ACCURACY[name], IMAGES) for name, weight in weights.items())
        return Observed(
            values=(share,),
            sampling=Sampling.SINGLE,
            standard_error=math.hypot(*errors) / gain,
            note=(
                f"printed ({ACCURACY[part]:.2f} - {ACCURACY[base]:.2f}) / ({ACCURACY[whole]:.2f} - "
                f"{ACCURACY[base]:.2f}), {part} of {whole} over {base}"
            ),
        )

    return Released((), value)
