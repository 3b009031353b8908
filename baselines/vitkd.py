"""ViTKD: mimic the shallow layers, and generate the deep one from what a random mask leaves of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from baselines._feature import FeatureMethod, FeatureOptions, Part
from baselines._modules import conv3x3, linear, per_token
from baselines._pairs import require_same_grid, resolve_pairs
from baselines.protocol import MapShape, Network, Step, Taps

SHALLOW = (0, 1)
"""The layers to mimic: the first two blocks."""

PUBLISHED_MAP = MapShape(channels=384, height=14, width=14)
"""The size for which the mean form weighs as the published sum form: DeiT-S teachers, 224/16."""


def draw_mask(images: int, tokens: int, *, ratio: float, generator: torch.Generator) -> Tensor:
    """Which tokens are dropped, [images, tokens]: tokens − ⌊tokens·(1 − ratio)⌋ of each image."""
    noise = torch.rand(images, tokens, generator=generator, device=generator.device)
    return noise.argsort(dim=1) >= int(tokens * (1 - ratio))


@dataclass(frozen=True, kw_only=True)
class ViTKDOptions(FeatureOptions):
    """Weights as printed, and the form of the two squared errors.

    Attributes:
        mimic_weight: The paper's alpha, of the shallow layers.
        generation_weight: The paper's beta, of the deep layer; it is divided by `mask_ratio`.
        mask_ratio: The paper's lambda, the share of tokens dropped, between 0 and 1.
        form: "sum" adds up over tokens and channels as released, so that a finer grid or a wider teacher
            silently raises the weight; "mean" fixes the weight per element at what "sum" gives on a 14x14
            grid with 384 channels.
    """

    weight: float = 1.0
    mimic_weight: float = 3e-5
    generation_weight: float = 3e-6
    mask_ratio: float = 0.5
    form: Literal["sum", "mean"] = "sum"

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("mimic_weight", self.mimic_weight > 0, "above 0")
        self.require("generation_weight", self.generation_weight > 0, "above 0")
        self.require("mask_ratio", 0 < self.mask_ratio < 1, "between 0 and 1")
        self.require("form", self.form in ("sum", "mean"), 'that is "sum" or "mean"')


class MimicAndGenerate(Part):
    """The two terms, "mimic" and "generation", weighted."""

    def __init__(self, options: ViTKDOptions) -> None:
        super().__init__()
        self.options = options

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Part.prepare`."""
        self.pairs = resolve_pairs(student, teacher, SHALLOW, SHALLOW)
        require_same_grid("the student's final map", student.final, "the teacher's", teacher.final)

        def align(own: MapShape, wanted: MapShape) -> nn.Module:
            if own.channels == wanted.channels:
                return nn.Identity()
            return linear(own.channels, wanted.channels, generator)

        self.align_shallow = nn.ModuleList(align(student.maps[s], teacher.maps[t]) for s, t in self.pairs)
        self.align_final = align(student.final, teacher.final)
        width = teacher.final.channels
        self.mask_token = nn.Parameter(torch.zeros(width))
        self.generation = nn.Sequential(conv3x3(width, width, generator), nn.ReLU(), conv3x3(width, width, generator))
        layers = tuple(s for s, _ in self.pairs), tuple(t for _, t in self.pairs)
        return Taps(*layers, student_final=True, teacher_final=True)

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Part.terms`."""
        student, teacher = step.student.final, step.teacher.final
        assert student is not None and teacher is not None  # noqa: PT018 - both are in `taps`
        dropped = draw_mask(
            len(student),
            student[0, 0].numel(),
            ratio=self.options.mask_ratio,
            generator=step.generator,
        )
        return {
            "mimic": self.mimic(
                [step.student.maps[s] for s, _ in self.pairs], [step.teacher.maps[t] for _, t in self.pairs]
            ),
            "generation": self.generate(student, teacher, dropped=dropped.to(student.device)),
        }

    def mimic(self, student: list[Tensor], teacher: list[Tensor]) -> Tensor:
        """Weighted squared error of the aligned shallow maps [B, C, H, W], summed over layers."""
        errors = [
            self.squared_error(per_token(align, s), t)
            for align, s, t in zip(self.align_shallow, student, teacher, strict=True)
        ]
        return self.options.mimic_weight * torch.stack(errors).sum()

    def generate(self, student: Tensor, teacher: Tensor, *, dropped: Tensor) -> Tensor:
        """Weighted squared error, at dropped tokens, of the map generated from the kept ones.

        Args:
            student: [B, C_s, H, W].
            teacher: [B, C_t, H, W].
            dropped: [B, H·W], True where the student's token is replaced by the mask token.
        """
        mask = dropped.reshape(len(student), 1, *student.shape[-2:])
        kept = torch.where(mask, self.mask_token[:, None, None], per_token(self.align_final, student))
        weight = self.options.generation_weight / self.options.mask_ratio
        return weight * self.squared_error(mask * self.generation(kept), mask * teacher)

    def squared_error(self, x: Tensor, teacher: Tensor) -> Tensor:
        """Squared error of [B, C, H, W], summed but for the batch, over which it is averaged."""
        error = (x - teacher).square().sum() / len(x)
        if self.options.form == "sum":
            return error
        published = PUBLISHED_MAP.channels * PUBLISHED_MAP.height * PUBLISHED_MAP.width
        return error * (published / x[0].numel())


class ViTKD(FeatureMethod):
    """Mimicking of blocks 0 and 1 and masked generation of the final map (after the final norm).

    Projections to the teacher's width exist only where the widths differ, as released. The mask acts on the
    student's tokens. The paper's recipe adds NKD on the logits in some rows; it is not part of this.
    """

    name = "vitkd"
    title = "ViTKD"
    paper = "Yang et al., arXiv 2209.02432"
    year = 2022
    aligns = "first two layers, and the last generated from a masked one"
    source = "arXiv 2209.02432; github yzd-v/cls_KD, mmcls/models/dis_losses/vitkd.py"
    licence = "Apache-2.0"
    differs = "sums over tokens and channels; its configurations add NKD unless it is switched off"
    published: ClassVar[Mapping[str, Any]] = {
        "mimic_weight": 3e-5,
        "generation_weight": 3e-6,
        "mask_ratio": 0.5,
        "form": "sum",
        "logits": False,
        "label_smoothing": 0.1,
    }
    random_terms = frozenset({"generation"})
    options_type = ViTKDOptions
    options: ViTKDOptions

    def features(self) -> Part:
        """See `FeatureMethod.features`."""
        return MimicAndGenerate(self.options)
