"""TinyMIM: how tokens relate, by their queries and keys and by their values, should be as in the teacher."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines._attention import AttentionPair, resolve, split_heads
from baselines._feature import FeatureMethod, PairedOptions, Part
from baselines._logits import kl
from baselines.protocol import AttentionKind, AttentionTap, Network, Step, Taps

KINDS: tuple[AttentionKind, ...] = ("queries", "keys", "values")


def scores(x: Tensor, y: Tensor) -> Tensor:
    """x·yᵀ / √d, whose softmax over the last axis is the relation; [..., n, d] both."""
    return (x @ y.mT) / sqrt(x.shape[-1])


def relation_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher ‖ student) of the softmaxes of scores [B, heads, n, n] over keys, a mean over all rows."""
    return kl(student.flatten(0, 2), teacher.flatten(0, 2))


@dataclass(frozen=True, kw_only=True)
class TinyMIMOptions(PairedOptions):
    """Weights of the two relations; the last layers by default.

    Attributes:
        query_key_weight: Of the relation of queries to keys, at least 0.
        value_value_weight: Of the relation of values to values, at least 0.
    """

    weight: float = 1.0
    query_key_weight: float = 1.0
    value_value_weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("query_key_weight", self.query_key_weight >= 0, "of 0 or more")
        self.require("value_value_weight", self.value_value_weight >= 0, "of 0 or more")


class Relations(Part):
    """The two relations, averaged over the pairs of layers.

    The student's channels are split into the teacher's number of heads, which its last block has in the authors'
    code: only so do heads correspond.
    """

    def __init__(self, options: TinyMIMOptions) -> None:
        super().__init__()
        self.options = options
        self.pairs: tuple[AttentionPair, ...] = ()

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Part.prepare`."""
        del generator
        self.pairs = resolve(student, teacher, self.options.student_layers, self.options.teacher_layers)
        for pair in self.pairs:
            width = pair.own.heads * pair.own.width
            if width % pair.taught.heads:
                raise ValueError(
                    f"{width} channels of the student cannot be split into the teacher's {pair.taught.heads} heads: "
                    "choose a student of another width"
                )
        own: tuple[AttentionTap, ...] = tuple((kind, pair.student) for pair in self.pairs for kind in KINDS)
        taught: tuple[AttentionTap, ...] = tuple((kind, pair.teacher) for pair in self.pairs for kind in KINDS)
        return Taps(student_attention=own, teacher_attention=taught)

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Part.terms`."""
        found = [self.distances(pair, step) for pair in self.pairs]
        return {name: torch.stack([one[name] for one in found]).mean() for name in found[0]}

    def distances(self, pair: AttentionPair, step: Step) -> dict[str, Tensor]:
        """The weighted distances of one pair of layers."""
        own = {k: split_heads(step.student.attention[k, pair.student], pair.own, pair.taught.heads) for k in KINDS}
        own = {kind: x[:, :, pair.own_dropped :] for kind, x in own.items()}
        taught = {k: step.teacher.attention[k, pair.teacher][:, :, pair.taught_dropped :] for k in KINDS}
        terms = {}
        if weight := self.options.query_key_weight:
            relations = (scores(x["queries"], x["keys"]) for x in (own, taught))
            terms["query_key"] = weight * relation_distance(*relations)
        if weight := self.options.value_value_weight:
            relations = (scores(x["values"], x["values"]) for x in (own, taught))
            terms["value_value"] = weight * relation_distance(*relations)
        return terms


class TinyMIM(FeatureMethod):
    """Relations QK and VV of paired blocks: free of the widths, needs no projection.

    The authors pre-train with it alone, without labels; MAE-L teaches from block 18 of 24, smaller ones from their
    last.
    """

    name = "tinymim"
    title = "TinyMIM"
    paper = "Ren et al., arXiv 2301.01296"
    year = 2023
    aligns = "relations among tokens: queries with keys, values with values"
    source = "arXiv 2301.01296; github OliverRensu/TinyMIM, models_tinymim.py and vit.py"
    licence = "none given"
    differs = (
        "the option for intermediate layers is never passed on; here heads are split anew, not built into the student"
    )
    published: ClassVar[Mapping[str, Any]] = {
        "weight": 1.0,
        "student_layers": (-1,),
        "teacher_layers": (-1,),
    }
    options_type = TinyMIMOptions
    options: TinyMIMOptions

    def features(self) -> Part:
        """See `FeatureMethod.features`."""
        return Relations(self.options)
