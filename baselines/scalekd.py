"""ScaleKD's two terms: directions of features at every position, with and without their spatial mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._feature import FeatureMethod, FeatureOptions, Part
from baselines._modules import conv1x1, conv3x3, linear
from baselines.protocol import MapShape, Network, Step, Taps


def spatial_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared distance of unit channel vectors, summed over positions and averaged over images; [B, C, H, W] both.

    In [0, 4·H·W].
    """
    difference = F.normalize(student, dim=1) - F.normalize(teacher, dim=1)
    return difference.square().sum() / len(student)


def without_mean(x: Tensor) -> Tensor:
    """A map [B, C, H, W] less its mean over positions.

    This is all that the authors' detour does: a two-dimensional cosine transform, its first coefficient set to 0, and
    back. That coefficient is a multiple of the mean.
    """
    return x - x.mean((2, 3), keepdim=True)


def frequency_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """`spatial_distance` of maps without their spatial mean."""
    return spatial_distance(without_mean(student), without_mean(teacher))


class AttentionProjector(nn.Module):
    """From a map of the student's to tokens of the teacher's width: learned queries attend to the student's tokens.

    A bias before the batch normalisation and one of the keys, which the authors have, change nothing and are left
    out. Normalisation is by the statistics of the batch, always.
    """

    def __init__(
        self, student: MapShape, teacher: MapShape, *, heads: int, softmax_scale: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        inputs, outputs = student.channels, teacher.channels
        self.heads, self.grid = heads, (teacher.height, teacher.width)
        self.scale = softmax_scale * (outputs // heads) ** -0.5
        self.conv = conv3x3(inputs, inputs, generator, bias=False)
        self.norm_student = nn.BatchNorm2d(inputs, track_running_stats=False)
        self.position = nn.Parameter(torch.zeros(1, inputs, student.height, student.width))
        self.query = nn.Parameter(torch.randn(teacher.height * teacher.width, outputs, generator=generator))
        self.conv_query = conv1x1(outputs, outputs, generator)
        self.q = linear(outputs, outputs, generator)
        self.k = linear(inputs, outputs, generator, bias=False)
        self.v = linear(inputs, outputs, generator)
        self.out = linear(outputs, outputs, generator)
        self.norm = nn.LayerNorm(outputs)
        self.widen = linear(outputs, 4 * outputs, generator)
        self.narrow = linear(4 * outputs, outputs, generator)

    def forward(self, x: Tensor, queries: Tensor | None = None) -> Tensor:
        """[B, C_s, H_s, W_s] → [B, C_t, H_t, W_t].

        Args:
            x: The student's map.
            queries: [B, H_t·W_t, C_t] to ask with instead of the learned ones.
        """
        asked = self.query.expand(len(x), -1, -1) if queries is None else queries
        as_map = asked.mT.reshape(len(x), -1, *self.grid)
        asked = F.relu(self.conv_query(as_map)).flatten(2).mT
        tokens = (F.relu(self.norm_student(self.conv(x))) + self.position).flatten(2).mT
        q, k, v = (self._heads(part) for part in (self.q(asked), self.k(tokens), self.v(tokens)))
        mixed = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        y = self.norm(self.out(mixed.transpose(1, 2).flatten(2)))
        y = y + self.narrow(F.relu(self.widen(y)))
        projected: Tensor = y.mT.reshape(len(x), -1, *self.grid)
        return projected

    def _heads(self, x: Tensor) -> Tensor:
        """[B, N, C] → [B, heads, N, C / heads]."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


@dataclass(frozen=True, kw_only=True)
class ScaleKDOptions(FeatureOptions):
    """Weights as printed; being sums over positions they count for a 7x7 grid, four times as much on 14x14.

    Attributes:
        spatial_weight: Of the spatial term, at least 0.
        frequency_weight: Of the term without the mean, at least 0.
        heads: Attention heads of the projectors, a divisor of the teacher's width.
        softmax_scale: Factor of the scores beside 1/√d, above 0.
    """

    weight: float = 1.0
    spatial_weight: float = 0.08
    frequency_weight: float = 0.06
    heads: int = 8
    softmax_scale: float = 5.0

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("spatial_weight", self.spatial_weight >= 0, "of 0 or more")
        self.require("frequency_weight", self.frequency_weight >= 0, "of 0 or more")
        self.require("heads", self.heads >= 1, "of 1 or more")
        self.require("softmax_scale", self.softmax_scale > 0, "above 0")


class ProjectedDirections(Part):
    """The student's last map through one projector for each term, against the teacher's final map."""

    def __init__(self, options: ScaleKDOptions) -> None:
        super().__init__()
        self.options = options

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Part.prepare`."""
        if teacher.final.channels % self.options.heads:
            raise ValueError(
                f"{teacher.final.channels} channels of the teacher cannot be split into {self.options.heads} heads: "
                "choose a divisor"
            )
        self.last = student.layer(-1)
        self.spatial, self.frequency = (
            AttentionProjector(
                student.maps[self.last],
                teacher.final,
                heads=self.options.heads,
                softmax_scale=self.options.softmax_scale,
                generator=generator,
            )
            for _ in range(2)
        )
        return Taps(student=(self.last,), teacher_final=True)

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Part.terms`."""
        student, teacher = step.student.maps[self.last], step.teacher.final
        assert teacher is not None
        return {
            "spatial": self.options.spatial_weight * spatial_distance(self.spatial(student), teacher),
            "frequency": self.options.frequency_weight * frequency_distance(self.frequency(student), teacher),
        }


class ScaleKD(FeatureMethod):
    """The two terms on the last layer, with learned queries.

    The authors compare two stages of a hierarchical student, pass the earlier one through the teacher's last stage,
    and ask with its result at the later one.
    """

    name = "scalekd"
    title = "ScaleKD"
    paper = "Fan et al., arXiv 2411.06786"
    year = 2024
    aligns = "directions of the last layer's tokens, with and without their mean"
    source = (
        "arXiv 2411.06786; github deep-optimization/ScaleKD, mmcls/models/dis_losses/fmdv2.py and configs/distillers"
    )
    licence = "Apache-2.0"
    differs = "its frequency term subtracts the spatial mean and nothing else; here one stage, with learned queries"
    published: ClassVar[Mapping[str, Any]] = {
        "alpha": 0.5,
        "temperature": 1.0,
        "spatial_weight": 0.08,
        "frequency_weight": 0.06,
        "softmax_scale": 5.0,
        "heads": 8,
    }
    options_type = ScaleKDOptions
    options: ScaleKDOptions

    def features(self) -> Part:
        """See `FeatureMethod.features`."""
        return ProjectedDirections(self.options)
