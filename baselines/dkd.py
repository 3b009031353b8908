"""DKD: SoftKD's divergence in two parts, of the label's class and of the others, each with a weight of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines._logits import LogitMethod, TeacherOptions, hard_labels, kl, split_target
from baselines.protocol import Step


def decoupled(student: Tensor, teacher: Tensor, labels: Tensor, *, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """The two parts, each T²·KL averaged over the batch.

    The target part compares (probability of the label, of all others); the other compares the softmaxes over the
    classes without the label. Their sum with the weights 1 and 1 − p_t[y] is the whole divergence. Taken from
    logarithms throughout, so that a saturated softmax gives no infinity, which the authors' logarithm of a softmax
    does.

    Args:
        student: Logits [B, K].
        teacher: Logits [B, K].
        labels: [B], classes.
        temperature: Divides the logits.
    """

    def binary_and_rest(logits: Tensor) -> tuple[Tensor, Tensor]:
        target, rest = split_target(logits / temperature, labels)
        return torch.stack([target, rest.logsumexp(-1)], -1), rest

    (own_binary, own_rest), (taught_binary, taught_rest) = binary_and_rest(student), binary_and_rest(teacher)
    return temperature**2 * kl(own_binary, taught_binary), temperature**2 * kl(own_rest, taught_rest)


@dataclass(frozen=True, kw_only=True)
class DKDOptions(TeacherOptions):
    """Weights of the parts; defaults as for ImageNet, ResNet-34 to ResNet-18.

    Attributes:
        target_weight: The paper's alpha, at least 0.
        other_weight: The paper's beta, at least 0.
        warmup_share: Share of the training over which the teacher's weight rises from 0, in [0, 1).
    """

    target_weight: float = 1.0
    other_weight: float = 0.5
    warmup_share: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("target_weight", self.target_weight >= 0, "of 0 or more")
        self.require("other_weight", self.other_weight >= 0, "of 0 or more")
        self.require("warmup_share", 0 <= self.warmup_share < 1, "of at least 0 and below 1")


class DKD(LogitMethod):
    """CE + alpha·target part + beta·non-target part; with mixed labels the largest entry is the label.

    On CIFAR the authors use T 4, beta 2 to 8 by pair and a warm-up of 20 of 240 epochs; on ImageNet none.
    """

    name = "dkd"
    title = "DKD"
    paper = "Zhao et al., arXiv 2203.08679"
    year = 2022
    aligns = "logits, the label's class apart from the others"
    source = "arXiv 2203.08679; github megvii-research/mdistiller, distillers/DKD.py and configs/imagenet/r34_r18"
    licence = "MIT"
    differs = "the code's logarithm of a softmax is infinite at a logit gap of 200; ours is not, and equal elsewhere"
    published: ClassVar[Mapping[str, Any]] = {
        "label_weight": 1.0,
        "teacher_weight": 1.0,
        "target_weight": 1.0,
        "other_weight": 0.5,
        "temperature": 1.0,
        "label_smoothing": 0.0,
    }
    options_type = DKDOptions
    options: DKDOptions

    def teacher_terms(self, student: Tensor, teacher: Tensor, step: Step) -> dict[str, Tensor]:
        """See `LogitMethod.teacher_terms`."""
        factor = self.warmup(step)
        target, other = decoupled(student, teacher, hard_labels(step.labels), temperature=self.options.temperature)
        return {
            "target": factor * self.options.target_weight * target,
            "non_target": factor * self.options.other_weight * other,
        }

    def warmup(self, step: Step) -> float:
        """Factor in [0, 1] by which the teacher counts.

        Raises:
            ValueError: There is a warm-up, and the trainer does not say how far it is.
        """
        if not self.options.warmup_share:
            return 1.0
        if step.progress is None:
            raise ValueError("a warm-up must know how far training is: pass progress, in [0, 1)")
        return min(step.progress / self.options.warmup_share, 1.0)
