"""DIST: the student's probabilities should correlate with the teacher's, whatever their scale."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines._logits import LogitMethod, TeacherOptions
from baselines.protocol import Step

EPSILON = 1e-8
"""Added to the product of the two norms."""


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's correlation of the rows of two [R, C]: [R], in [−1, 1]; 0 where a row is constant."""
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    norms = torch.linalg.vector_norm(a, dim=1) * torch.linalg.vector_norm(b, dim=1)
    found: Tensor = (a * b).sum(1) / (norms + EPSILON)
    return found


def inter_class(student: Tensor, teacher: Tensor) -> Tensor:
    """1 − mean correlation over the classes of an image, in [0, 2]; probabilities [B, K]."""
    return 1 - correlation(student, teacher).mean()


def intra_class(student: Tensor, teacher: Tensor) -> Tensor:
    """1 − mean correlation over the images of a class, in [0, 2]: a statistic of the batch; probabilities [B, K]."""
    return inter_class(student.mT, teacher.mT)


@dataclass(frozen=True, kw_only=True)
class DISTOptions(TeacherOptions):
    """Weights of the two relations.

    Attributes:
        inter_weight: The paper's beta, at least 0.
        intra_weight: The paper's gamma, at least 0.
    """

    teacher_weight: float = 2.0
    inter_weight: float = 1.0
    intra_weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("inter_weight", self.inter_weight >= 0, "of 0 or more")
        self.require("intra_weight", self.intra_weight >= 0, "of 0 or more")


class DIST(LogitMethod):
    """CE + 2·T²·(beta·inter + gamma·intra) on softmax(z / T).

    The gradient grows as 1 / standard deviation of the student's logits: a head that starts near zero begins with
    steps far larger than SoftKD's.
    """

    name = "dist"
    title = "DIST"
    paper = "Huang et al., arXiv 2205.10536"
    year = 2022
    aligns = "correlations of probabilities, over classes and over images"
    source = "arXiv 2205.10536; github hunto/image_classification_sota, lib/models/losses/dist_kd.py"
    licence = "Apache-2.0"
    differs = "as coded: the epsilon is added to the product of the norms, and weight 2 is in the configurations"
    published: ClassVar[Mapping[str, Any]] = {
        "label_weight": 1.0,
        "teacher_weight": 2.0,
        "inter_weight": 1.0,
        "intra_weight": 1.0,
        "temperature": 1.0,
        "label_smoothing": 0.0,
    }
    options_type = DISTOptions
    options: DISTOptions

    def teacher_terms(self, student: Tensor, teacher: Tensor, step: Step) -> dict[str, Tensor]:
        """See `LogitMethod.teacher_terms`."""
        del step
        p, q = ((z / self.options.temperature).softmax(-1) for z in (student, teacher))
        scale = self.options.temperature**2
        terms = {}
        if self.options.inter_weight:
            terms["inter"] = scale * self.options.inter_weight * inter_class(p, q)
        if self.options.intra_weight:
            terms["intra"] = scale * self.options.intra_weight * intra_class(p, q)
        return terms
