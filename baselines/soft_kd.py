"""SoftKD: the student learns the teacher's distribution over classes."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines._logits import LogitOptions, logit_terms, require_same_classes
from baselines.protocol import Method, Network, Step, Taps


class SoftKD(Method):
    """(1 − alpha)·CE + alpha·T²·KL(teacher ‖ student), on the class head."""

    name = "soft_kd"
    title = "SoftKD"
    paper = "Hinton et al., arXiv 1503.02531"
    year = 2015
    aligns = "logits"
    source = (
        "Hinton et al., arXiv 1503.02531; alpha .9, T 1 and batchmean as in arXiv 2511.06848, "
        "github thy960112/Distillation-Dynamics SoftKD/losses.py"
    )
    licence = "none given"
    differs = (
        "DeiT's code divides by the number of classes as well, a soft term K times smaller; here by the batch alone"
    )
    published: ClassVar[Mapping[str, Any]] = {"alpha": 0.9, "temperature": 1.0, "label_smoothing": 0.1}
    options_type = LogitOptions
    options: LogitOptions

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Method.prepare`."""
        del generator
        require_same_classes(student, teacher)
        return Taps()

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Method.terms`."""
        return logit_terms(
            step,
            alpha=self.options.alpha,
            temperature=self.options.temperature,
            label_smoothing=self.options.label_smoothing,
        )
