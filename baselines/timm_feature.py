"""What timm's FeatureDistillationTask does: a squared error on the vector that the head reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._feature import FeatureMethod, FeatureOptions, Part
from baselines._modules import linear
from baselines.protocol import Network, Step, Taps


@dataclass(frozen=True, kw_only=True)
class TimmFeatureOptions(FeatureOptions):
    """The task's weight for the teacher is 1 by default, and so is that of the labels (`logits` False)."""

    weight: float = 1.0


class Pooled(Part):
    """MSE between what the two heads read, through a Linear only where the widths differ."""

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Part.prepare`."""
        equal = student.pooled == teacher.pooled
        self.projection = nn.Identity() if equal else linear(student.pooled, teacher.pooled, generator)
        return Taps(student_pooled=True, teacher_pooled=True)

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Part.terms`."""
        assert step.student.pooled is not None
        assert step.teacher.pooled is not None
        return {"feature": F.mse_loss(self.projection(step.student.pooled), step.teacher.pooled)}


class TimmFeature(FeatureMethod):
    """MSE on pooled features before the head: the class token or the mean token, as the model has it.

    The printed task has no divergence from the teacher's logits; `logits` False gives it.
    """

    name = "timm_feature"
    title = "timm, features"
    paper = "none: Wightman, timm 1.0.31"
    year = 2026
    aligns = "pooled features before the head"
    source = "timm 1.0.31, task/distillation.py, FeatureDistillationTask"
    licence = "Apache-2.0"
    differs = "no paper; the task has labels and features, each with weight 1, and no logits"
    published: ClassVar[Mapping[str, Any]] = {"weight": 1.0, "logits": False, "label_smoothing": 0.1}
    options_type = TimmFeatureOptions
    options: TimmFeatureOptions

    def features(self) -> Part:
        """See `FeatureMethod.features`."""
        return Pooled()
