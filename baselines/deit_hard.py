"""DeiT's hard distillation: the class the teacher chooses is a second label."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines._logits import require_same_classes
from baselines.protocol import Method, Network, Options, Step, Taps


@dataclass(frozen=True, kw_only=True)
class HardOptions(Options):
    """Weights of the true and of the teacher's label.

    Attributes:
        alpha: Weight of the teacher's label, in [0, 1].
    """

    alpha: float = 0.5

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("alpha", 0 <= self.alpha <= 1, "between 0 and 1")


class DeiTHard(Method):
    """(1 − alpha)·CE(z, y) + alpha·CE(z', argmax z_t).

    z' are the logits of the distillation token where the student has one, as in the paper; else z, so that a
    plain student can be compared. The teacher's label is not smoothed.
    """

    name = "deit_hard"
    title = "DeiT hard"
    paper = "Touvron et al., arXiv 2012.12877"
    year = 2021
    aligns = "the class that the teacher chooses"
    source = "Touvron et al., arXiv 2012.12877, Eq. 3; github facebookresearch/deit losses.py"
    licence = "Apache-2.0"
    differs = "needs a distillation token as released; here the class head learns it where a student has none"
    published: ClassVar[Mapping[str, Any]] = {"alpha": 0.5, "label_smoothing": 0.1}
    options_type = HardOptions
    options: HardOptions

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Method.prepare`."""
        del generator
        require_same_classes(student, teacher)
        return Taps()

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Method.terms`."""
        alpha, smoothing = self.options.alpha, self.options.label_smoothing
        logits, token = step.student.logits, step.student.distillation_logits
        terms: dict[str, Tensor] = {}
        if alpha < 1:
            terms["ce"] = (1 - alpha) * F.cross_entropy(logits, step.labels, label_smoothing=smoothing)
        if alpha > 0:
            chosen = step.teacher.logits.argmax(-1)
            terms["kd"] = alpha * F.cross_entropy(logits if token is None else token, chosen)
        return terms
