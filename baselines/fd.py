"""FD: the student learns the teacher's last layer with its scale taken out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines._feature import FeatureMethod, FeatureOptions, Part
from baselines._modules import linear, per_token
from baselines._pairs import require_same_grid
from baselines.protocol import Network, Step, Taps

BETA = 2.0
"""Where the smooth L1 changes: a quarter of the square below, the absolute value less 1 above."""


def whitened(tokens: Tensor) -> Tensor:
    """Each token of [..., C] to mean 0 and variance 1 over its channels, without scale and shift."""
    return F.layer_norm(tokens, tokens.shape[-1:])


def smooth_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth L1 between the student's tokens, at the teacher's width, and the whitened teacher's; both [..., C].

    Any positive scale and any shift of a teacher's token gives the same loss, up to the epsilon of the norm.
    """
    return F.smooth_l1_loss(student, whitened(teacher), beta=BETA)


@dataclass(frozen=True, kw_only=True)
class FDOptions(FeatureOptions):
    """The distance is the whole loss in the paper, so its weight is 1."""

    weight: float = 1.0


class LastMaps(Part):
    """The student's last map, after its norm and a Linear, against the teacher's, after its norm."""

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Part.prepare`."""
        require_same_grid("the student's final map", student.final, "the teacher's", teacher.final)
        self.decoder = linear(student.final.channels, teacher.final.channels, generator)
        return Taps(student_final=True, teacher_final=True)

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Part.terms`."""
        student, teacher = step.student.final, step.teacher.final
        assert student is not None and teacher is not None  # noqa: PT018 - both are in `taps`
        return {"feature": smooth_distance(per_token(self.decoder, student).movedim(1, -1), teacher.movedim(1, -1))}


class FD(FeatureMethod):
    """Smooth L1 (beta 2) to the teacher's normed last map, whitened once more without scale and shift."""

    name = "fd"
    title = "FD"
    paper = "Wei et al., arXiv 2205.14141"
    year = 2022
    aligns = "last layer after its norm, teacher whitened per token"
    source = "arXiv 2205.14141; github SwinTransformer/Feature-Distillation, models/feature_distillation.py"
    licence = "MIT"
    differs = "the authors compare the class token too and train without labels or logits; here patch tokens alone"
    published: ClassVar[Mapping[str, Any]] = {"weight": 1.0}
    options_type = FDOptions
    options: FDOptions

    def features(self) -> Part:
        """See `FeatureMethod.features`."""
        return LastMaps()
