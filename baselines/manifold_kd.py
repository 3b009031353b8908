"""Manifold KD: tokens should lie to each other as the teacher's do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines._feature import FeatureMethod, PairedOptions, Pairs


def gram_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of two Gram matrices, averaged over groups.

    Args:
        student: [groups, rows, C_s].
        teacher: [groups, rows, C_t]; the widths may differ, and either may be rotated.
    """
    return (student @ student.mT - teacher @ teacher.mT).square().mean()


def unit_tokens(x: Tensor) -> Tensor:
    """[B, C, H, W] → [B, N, C], each token at unit length."""
    return F.normalize(x.flatten(2).mT, dim=-1)


def patch_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Tokens of one image among each other; unit tokens [B, N, C]."""
    return gram_distance(student, teacher)


def sample_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Images of the batch among each other, position by position; unit tokens [B, N, C]."""
    return gram_distance(student.transpose(0, 1), teacher.transpose(0, 1))


def random_loss(student: Tensor, teacher: Tensor, *, chosen: Tensor) -> Tensor:
    """Tokens chosen anywhere in the batch, the same of both networks; unit tokens [B, N, C], indices [K]."""
    return gram_distance(student.flatten(0, 1)[chosen][None], teacher.flatten(0, 1)[chosen][None])


@dataclass(frozen=True, kw_only=True)
class ManifoldOptions(PairedOptions):
    """Weights of the three relations; the layers default to the first four and the last four blocks.

    Attributes:
        patch_weight: Within an image.
        sample_weight: Across images at one position.
        random_weight: Among random tokens of the batch.
        rows: How many random tokens, at most all B·N.
    """

    weight: float = 1.0
    patch_weight: float = 4.0
    sample_weight: float = 0.1
    random_weight: float = 0.2
    rows: int = 192
    student_layers: tuple[int, ...] = (0, 1, 2, 3, -4, -3, -2, -1)
    teacher_layers: tuple[int, ...] = (0, 1, 2, 3, -4, -3, -2, -1)

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        for name in ("patch_weight", "sample_weight", "random_weight"):
            self.require(name, getattr(self, name) >= 0, "of 0 or more")
        self.require("rows", self.rows >= 1, "of 1 or more")


class Relations(Pairs):
    """The three relations of each pair of layers, weighted."""

    def __init__(self, options: ManifoldOptions) -> None:
        super().__init__(options, loss=patch_loss)
        self.rows = options.rows
        self.weights = {
            "patch": options.patch_weight,
            "sample": options.sample_weight,
            "random": options.random_weight,
        }

    def compare(self, student: Tensor, teacher: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """See `Pairs.compare`."""
        student, teacher = unit_tokens(student), unit_tokens(teacher)
        order = torch.randperm(student[..., 0].numel(), generator=generator, device=generator.device)
        chosen = order[: self.rows].to(student.device)
        relations = {
            "patch": patch_loss(student, teacher),
            "sample": sample_loss(student, teacher),
            "random": random_loss(student, teacher, chosen=chosen),
        }
        return {name: self.weights[name] * value for name, value in relations.items() if self.weights[name]}


class ManifoldKD(FeatureMethod):
    """Patch, sample and random relations, each averaged over the pairs of layers.

    The random tokens are drawn anew for every pair, from the step's generator; the released code draws them
    from the global one.
    """

    name = "manifold_kd"
    title = "Manifold KD"
    paper = "Hao et al., arXiv 2107.01378"
    year = 2022
    aligns = "Gram matrices of tokens within and across images"
    source = "arXiv 2107.01378; github Hao840/manifold-distillation, losses.py and README"
    licence = "not known"
    differs = (
        "the weight of the labels is 0 in the printed command; random tokens come from the global generator as released"
    )
    published: ClassVar[Mapping[str, Any]] = {
        "alpha": 1.0,
        "temperature": 1.0,
        "weight": 1.0,
        "patch_weight": 4.0,
        "sample_weight": 0.1,
        "random_weight": 0.2,
        "rows": 192,
        "student_layers": (0, 1, 2, 3, 8, 9, 10, 11),
        "teacher_layers": (0, 1, 2, 3, 20, 21, 22, 23),
    }
    random_terms = frozenset({"random"})
    options_type = ManifoldOptions
    options: ManifoldOptions

    def features(self) -> Pairs:
        """See `FeatureMethod.features`."""
        return Relations(self.options)
