"""Class-token attention: the student's class token should look where the teacher's looks, and see the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._feature import FeatureMethod, FeatureOptions, Part
from baselines._modules import linear
from baselines.protocol import MapShape, Network, Step, Taps

SMALLEST, LARGEST = 1e-5, 0.996
"""Attention is clamped to this range before rows are compared; beyond it no gradient passes."""


def aggregate(log_rows: Tensor, *, temperature: float) -> Tensor:
    """One row for all heads, softmax(Σ log a / T): [B, heads, n] → [B, 1, n], given log a."""
    return (log_rows.sum(1, keepdim=True) / temperature).softmax(-1)


def interpolate(rows: Tensor, own: tuple[int, int], wanted: tuple[int, int]) -> Tensor:
    """The part of the patches of [B, heads, 1 + h·w] resized to another grid, its sum kept; the class entry as it is.

    Args:
        rows: Attention of the class token, its own entry first.
        own: h, w.
        wanted: The other grid.
    """
    resized = F.interpolate(rows[..., 1:].reshape(*rows.shape[:2], *own), size=wanted, mode="bicubic").flatten(2)
    resized = resized / resized.sum(-1, keepdim=True) * (1 - rows[..., :1])
    return torch.cat([rows[..., :1], resized], -1)


def row_divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher ‖ student) of clamped attention [B, heads, n], summed over heads, averaged over images."""
    own, taught = (x.clamp(SMALLEST, LARGEST) for x in (student, teacher))
    own, taught = own / own.sum(-1, keepdim=True), taught / taught.sum(-1, keepdim=True)
    return (taught * (taught.log() - own.log())).sum() / len(own)


@dataclass(frozen=True, kw_only=True)
class ClassAttentionOptions(FeatureOptions):
    """Weights of the two terms, and the form of the first.

    Attributes:
        attention_weight: Of the divergence of the rows, at least 0.
        class_weight: Of the squared error of what the heads read, at least 0.
        form: "aggregated" over heads, whose number may differ, or "interpolated" head by head to the student's grid.
        head_temperature: T of the aggregation, above 0.
    """

    weight: float = 1.0
    attention_weight: float = 0.1
    class_weight: float = 1.0
    form: Literal["aggregated", "interpolated"] = "aggregated"
    head_temperature: float = 10.0

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("attention_weight", self.attention_weight >= 0, "of 0 or more")
        self.require("class_weight", self.class_weight >= 0, "of 0 or more")
        self.require("form", self.form in ("aggregated", "interpolated"), 'that is "aggregated" or "interpolated"')
        self.require("head_temperature", self.head_temperature > 0, "above 0")


class ClassToken(Part):
    """Rows of the last class attention, and the vector that the head reads, through a Linear where widths differ."""

    def __init__(self, options: ClassAttentionOptions) -> None:
        super().__init__()
        self.options = options

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Part.prepare`."""
        if not (student.class_heads and teacher.class_heads):
            raise ValueError("a network has no class token that attends: choose ViT or CaiT for both")
        self.layers = max(student.class_heads), max(teacher.class_heads)
        heads = student.class_heads[self.layers[0]], teacher.class_heads[self.layers[1]]
        self.grids = _grid(student.final), _grid(teacher.final)
        if self.options.form == "aggregated" and self.grids[0] != self.grids[1]:
            raise ValueError("aggregated rows need equal grids: choose the form interpolated")
        if self.options.form == "interpolated" and heads[0] != heads[1]:
            raise ValueError(f"{heads[0]} heads cannot be paired with {heads[1]}: choose the form aggregated")
        equal = student.pooled == teacher.pooled
        self.projection = nn.Identity() if equal else linear(student.pooled, teacher.pooled, generator)
        return Taps(
            student_pooled=True,
            teacher_pooled=True,
            student_attention=(("class_scores", self.layers[0]),),
            teacher_attention=(("class_scores", self.layers[1]),),
        )

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Part.terms`."""
        own = step.student.attention["class_scores", self.layers[0]].log_softmax(-1)
        taught = step.teacher.attention["class_scores", self.layers[1]].log_softmax(-1)
        assert step.student.pooled is not None
        assert step.teacher.pooled is not None
        return {
            "attention": self.options.attention_weight * self.attention(own, taught),
            "class_feature": self.options.class_weight
            * F.mse_loss(self.projection(step.student.pooled), step.teacher.pooled),
        }

    def attention(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Divergence of logarithms of rows [B, heads, 1 + patches]."""
        if self.options.form == "aggregated":
            own, taught = (aggregate(x, temperature=self.options.head_temperature) for x in (student, teacher))
            return row_divergence(own, taught)
        return row_divergence(student.exp(), interpolate(teacher.exp(), self.grids[1], self.grids[0]))


def _grid(shape: MapShape) -> tuple[int, int]:
    return shape.height, shape.width


class ClassAttention(FeatureMethod):
    """Divergence of the class token's attention and MSE of the class feature, each with its weight."""

    name = "class_attention"
    title = "class-token attention"
    paper = "Wang et al., BMVC 2022"
    year = 2022
    aligns = "attention of the class token, and the class feature"
    source = (
        "Wang et al., Attention Distillation, BMVC 2022; github wangkai930418/attndistill, "
        "engine/engine_dino_transfer.py and scripts"
    )
    licence = "none given"
    differs = (
        "the printed scripts use weights 1 and .1, the code's defaults are 20 and 20; its option for cosine is unused"
    )
    published: ClassVar[Mapping[str, Any]] = {
        "attention_weight": 0.1,
        "class_weight": 1.0,
        "form": "aggregated",
        "head_temperature": 10.0,
        "logits": False,
    }
    options_type = ClassAttentionOptions
    options: ClassAttentionOptions

    def features(self) -> Part:
        """See `FeatureMethod.features`."""
        return ClassToken(self.options)
