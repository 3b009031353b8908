"""Attention transfer for ViTs: every token should attend where the teacher's does."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines._attention import AttentionPair, resolve
from baselines._feature import FeatureMethod, PairedOptions, Part
from baselines._pairs import evenly
from baselines.protocol import AttentionKind, Network, Step, Taps

KINDS: dict[str, AttentionKind] = {"rows": "scores", "queries": "queries", "keys": "keys", "values": "values"}


def row_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy of the softmaxes of scores [B, heads, n, n], a mean over images, heads and queries.

    Where the numbers of heads differ, the rows are averaged over heads first. A cross-entropy: where the networks
    agree it is the entropy of the rows, not 0.
    """
    own, rows = student.log_softmax(-1), teacher.softmax(-1)
    if own.shape[1] != rows.shape[1]:
        own = own.logsumexp(1, keepdim=True) - log(own.shape[1])
        rows = rows.mean(1, keepdim=True)
    return -(rows * own).sum(-1).mean()


@dataclass(frozen=True, kw_only=True)
class RowOptions(PairedOptions):
    """What is compared, in which layers.

    Attributes:
        student_layers: All by default.
        teacher_layers: By default as many, evenly spread.
        compare: "rows" by cross-entropy; "queries", "keys" or "values" by MSE, for networks of equal heads.
    """

    weight: float = 3.0
    student_layers: tuple[int, ...] = ()
    teacher_layers: tuple[int, ...] = ()
    compare: Literal["rows", "queries", "keys", "values"] = "rows"

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("compare", self.compare in KINDS, f"from {', '.join(KINDS)}")


class Rows(Part):
    """Summed over the pairs of layers, as released: the weight grows with the depth."""

    def __init__(self, options: RowOptions) -> None:
        super().__init__()
        self.options = options
        self.kind = KINDS[options.compare]
        self.pairs: tuple[AttentionPair, ...] = ()

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Part.prepare`."""
        del generator
        own, taught = self.options.student_layers, self.options.teacher_layers
        if not own and not taught:
            own = tuple(sorted(student.attention))
            taught = evenly(teacher, len(own)) if own else ()
        self.pairs = resolve(student, teacher, own, taught)
        for pair in self.pairs:
            sizes = (pair.own.heads, pair.own.width), (pair.taught.heads, pair.taught.width)
            if self.kind != "scores" and sizes[0] != sizes[1]:
                raise ValueError(
                    f"{self.options.compare} of {sizes[0][0]} heads of {sizes[0][1]} channels cannot be compared with "
                    f"{sizes[1][0]} of {sizes[1][1]}: choose rows, or networks of equal heads"
                )
        return Taps(
            student_attention=tuple((self.kind, pair.student) for pair in self.pairs),
            teacher_attention=tuple((self.kind, pair.teacher) for pair in self.pairs),
        )

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Part.terms`."""
        return {"attention": torch.stack([self.distance(pair, step) for pair in self.pairs]).sum()}

    def distance(self, pair: AttentionPair, step: Step) -> Tensor:
        """That of one pair of layers."""
        own = step.student.attention[self.kind, pair.student][:, :, pair.own_dropped :]
        taught = step.teacher.attention[self.kind, pair.teacher][:, :, pair.taught_dropped :]
        if self.kind != "scores":
            return F.mse_loss(own, taught)
        return row_distance(own[..., pair.own_dropped :], taught[..., pair.taught_dropped :])


class AttentionRows(FeatureMethod):
    """Cross-entropy of the attention rows of paired layers.

    Not `attention_transfer`, which compares where a CNN's activations are large.
    """

    name = "attention_rows"
    title = "attention transfer, rows"
    paper = "Li et al., arXiv 2411.09702"
    year = 2024
    aligns = "self-attention rows of every block"
    source = "arXiv 2411.09702; github alexlioralexli/attention-transfer, models_dual_vit.py and main_finetune.py"
    licence = "CC-BY-NC-4.0"
    differs = (
        "the code sums over layers and gives the frozen teacher the student's drop-path; here the teacher is whole"
    )
    published: ClassVar[Mapping[str, Any]] = {"weight": 3.0, "logits": False}
    options_type = RowOptions
    options: RowOptions

    def features(self) -> Part:
        """See `FeatureMethod.features`."""
        return Rows(self.options)
