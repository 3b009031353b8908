"""The terms on logits that methods share: cross-entropy with the labels, divergence from the teacher."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.protocol import Method, Network, Options, Step, Taps


@dataclass(frozen=True, kw_only=True)
class LogitOptions(Options):
    """Weights of the two terms on logits: (1 − alpha)·CE + alpha·T²·KL.

    Attributes:
        alpha: Weight of the teacher's distribution, in [0, 1].
        temperature: T, above 0; both sets of logits are divided by it.
    """

    alpha: float = 0.9
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("alpha", 0 <= self.alpha <= 1, "between 0 and 1")
        self.require("temperature", self.temperature > 0, "above 0")


def kl(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """KL(teacher ‖ student) of the softmaxes in nats: summed over classes, averaged over the batch.

    Args:
        student_logits: [B, K].
        teacher_logits: [B, K].
    """
    return F.kl_div(
        student_logits.log_softmax(-1), teacher_logits.log_softmax(-1), reduction="batchmean", log_target=True
    )


def soft_kd(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    """T²·KL(teacher ‖ student) at temperature T.

    The factor T² keeps the size of the gradient as T grows. DeiT's released code divides the sum by B·K
    instead of B, a term K times smaller.

    References:
        Hinton et al., arXiv 1503.02531, section 2.
    """
    return temperature**2 * kl(student_logits / temperature, teacher_logits / temperature)


def logit_terms(step: Step, *, alpha: float, temperature: float, label_smoothing: float) -> dict[str, Tensor]:
    """(1 − alpha)·CE as `ce` and alpha·T²·KL as `kd`; a term of weight 0 is left out."""
    logits = step.student.logits
    terms: dict[str, Tensor] = {}
    if alpha < 1:
        terms["ce"] = (1 - alpha) * F.cross_entropy(logits, step.labels, label_smoothing=label_smoothing)
    if alpha > 0:
        terms["kd"] = alpha * soft_kd(logits, step.teacher.logits, temperature=temperature)
    return terms


def require_same_classes(student: Network, teacher: Network) -> None:
    """Refuse a pair whose logits cannot be compared.

    Raises:
        ValueError: The numbers of classes differ, or the teacher has no head.
    """
    if teacher.classes == 0:
        raise ValueError("the teacher has no classifier: give it a trained head, or distil features only")
    if student.classes != teacher.classes:
        raise ValueError(
            f"the student has {student.classes} classes and the teacher {teacher.classes}: "
            "give both a head for the same classes, or distil features only"
        )


def hard_labels(labels: Tensor) -> Tensor:
    """Class of each image, [B]: the largest entry where labels are mixed."""
    return labels.argmax(-1) if labels.is_floating_point() else labels


def split_target(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The logit of the label, [B], and those of the other classes, [B, K − 1]; labels [B]."""
    target = F.one_hot(labels, logits.shape[-1]).bool()
    return logits[target], logits[~target].reshape(len(logits), -1)


@dataclass(frozen=True, kw_only=True)
class TeacherOptions(Options):
    """Weights of label_weight·CE + teacher_weight·L, where L is the method's own term on logits.

    Attributes:
        label_weight: Weight of the labels, at least 0.
        teacher_weight: Weight of the teacher, at least 0.
        temperature: T, above 0.
    """

    label_weight: float = 1.0
    teacher_weight: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("label_weight", self.label_weight >= 0, "of 0 or more")
        self.require("teacher_weight", self.teacher_weight >= 0, "of 0 or more")
        self.require("temperature", self.temperature > 0, "above 0")


class LogitMethod(Method):
    """Cross-entropy with the labels and another term on logits than SoftKD's."""

    weight_option = "teacher_weight"
    options_type = TeacherOptions
    options: TeacherOptions

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Method.prepare`."""
        del generator
        require_same_classes(student, teacher)
        return Taps()

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Method.terms`."""
        terms: dict[str, Tensor] = {}
        if self.options.label_weight:
            ce = F.cross_entropy(step.student.logits, step.labels, label_smoothing=self.options.label_smoothing)
            terms["ce"] = self.options.label_weight * ce
        if self.options.teacher_weight:
            found = self.teacher_terms(step.student.logits, step.teacher.logits, step)
            terms |= {name: self.options.teacher_weight * value for name, value in found.items()}
        return terms

    @abstractmethod
    def teacher_terms(self, student: Tensor, teacher: Tensor, step: Step) -> dict[str, Tensor]:
        """Named terms on logits [B, K], before `teacher_weight`."""
