"""NKD: the teacher's confidence in the label weighs the label, and the other classes are compared among themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor

from baselines._logits import LogitMethod, TeacherOptions, hard_labels, split_target
from baselines.protocol import Step


def target_term(student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """−p_t[y]·log p_s[y] at temperature 1, averaged over the batch; logits [B, K], labels [B]."""
    at = labels[:, None]
    return -(teacher.softmax(-1).gather(1, at) * student.log_softmax(-1).gather(1, at)).mean()


def other_term(student: Tensor, teacher: Tensor, labels: Tensor, *, temperature: float = 1.0) -> Tensor:
    """T²·cross-entropy of the softmaxes over the classes without the label; logits [B, K], labels [B].

    A cross-entropy: where student and teacher agree it is the teacher's entropy, not 0.
    """
    own, taught = (split_target(z / temperature, labels)[1] for z in (student, teacher))
    return temperature**2 * F.cross_entropy(own, taught.softmax(-1))


@dataclass(frozen=True, kw_only=True)
class NKDOptions(TeacherOptions):
    """Weight of the other classes.

    Attributes:
        other_weight: The paper's gamma, at least 0: 1 for DeiT, 1.5 for CNNs on ImageNet, 3.5 on CIFAR (there T 3).
    """

    other_weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("other_weight", self.other_weight >= 0, "of 0 or more")


class NKD(LogitMethod):
    """CE + target term + gamma·T²·(cross-entropy over the other classes); mixed labels count by their largest entry."""

    name = "nkd"
    title = "NKD"
    paper = "Yang et al., arXiv 2303.13005"
    year = 2023
    aligns = "logits, the label's class apart from the others"
    source = "arXiv 2303.13005; github yzd-v/cls_KD, mmcls/models/dis_losses/nkd.py and configs (DeiT3-S to DeiT-Tiny)"
    licence = "Apache-2.0"
    differs = (
        "as coded: cross-entropies, so the loss is not 0 where student and teacher agree; mixed labels become hard"
    )
    published: ClassVar[Mapping[str, Any]] = {
        "label_weight": 1.0,
        "teacher_weight": 1.0,
        "other_weight": 1.0,
        "temperature": 1.0,
        "label_smoothing": 0.1,
    }
    options_type = NKDOptions
    options: NKDOptions

    def teacher_terms(self, student: Tensor, teacher: Tensor, step: Step) -> dict[str, Tensor]:
        """See `LogitMethod.teacher_terms`."""
        labels = hard_labels(step.labels)
        terms = {"target": target_term(student, teacher, labels)}
        if self.options.other_weight:
            other = other_term(student, teacher, labels, temperature=self.options.temperature)
            terms["non_target"] = self.options.other_weight * other
        return terms
