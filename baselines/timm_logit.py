"""What timm's LogitDistillationTask does: SoftKD with weights of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines._logits import require_same_classes, soft_kd
from baselines.protocol import Method, Network, Options, Step, Taps


def weights(task: float | None, distill: float | None) -> tuple[float, float]:
    """The weights of labels and teacher for those given: 1 and 1, w and 1 − w, 1 and w, or as given."""
    if distill is not None:
        return (1.0 if task is None else task), distill
    return (1.0, 1.0) if task is None else (task, 1.0 - task)


def teacher_input(x: Tensor, student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor]) -> Tensor:
    """What timm's tasks show the teacher: the student's normalisation undone, the teacher's applied.

    Args:
        x: Images [B, C, H, W] as the student sees them.
        student: The student's mean and standard deviation, [C].
        teacher: The teacher's.
    """
    (own_mean, own_std), (mean, std) = ([v[:, None, None] for v in pair] for pair in (student, teacher))
    return (x * own_std + own_mean - mean) / std


@dataclass(frozen=True, kw_only=True)
class TimmOptions(Options):
    """The task's arguments; None where one is not given, see `weights`.

    Attributes:
        task_weight: Of the labels, at least 0.
        distill_weight: Of the teacher, at least 0.
        temperature: T, above 0: 1 in the class, 4 in timm's training script.
    """

    task_weight: float | None = None
    distill_weight: float | None = None
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("task_weight", self.task_weight is None or self.task_weight >= 0, "of 0 or more")
        self.require("distill_weight", self.distill_weight is None or self.distill_weight >= 0, "of 0 or more")
        self.require("temperature", self.temperature > 0, "above 0")


class TimmLogit(Method):
    """a·CE + b·T²·KL.

    timm also shows the teacher the image normalised as the teacher was trained (`teacher_input`); that is the
    trainer's to do, and changes nothing where both were normalised alike.
    """

    name = "timm_logit"
    title = "timm, logits"
    paper = "none: Wightman, timm 1.0.31"
    year = 2026
    aligns = "logits"
    source = "timm 1.0.31, task/distillation.py, LogitDistillationTask"
    licence = "Apache-2.0"
    differs = "no paper; weights are 1 and 1, where the field's SoftKD has .1 and .9"
    published: ClassVar[Mapping[str, Any]] = {"temperature": 1.0, "label_smoothing": 0.1}
    options_type = TimmOptions
    options: TimmOptions

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Method.prepare`."""
        del generator
        require_same_classes(student, teacher)
        return Taps()

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Method.terms`."""
        task, distill = weights(self.options.task_weight, self.options.distill_weight)
        logits, temperature = step.student.logits, self.options.temperature
        terms: dict[str, Tensor] = {}
        if task:
            ce = F.cross_entropy(logits, step.labels, label_smoothing=self.options.label_smoothing)
            terms["ce"] = task * ce
        if distill:
            terms["kd"] = distill * soft_kd(logits, step.teacher.logits, temperature=temperature)
        return terms
