"""Attention transfer: where the student is active should be where the teacher is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor

from baselines._feature import FeatureMethod, PairedOptions, Pairs
from baselines._pairs import evenly


def attention(x: Tensor) -> Tensor:
    """Mean over channels of the squared map [B, C, H, W], at unit length over positions: [B, H·W]."""
    return F.normalize(x.square().mean(1).flatten(1), dim=1)


def attention_transfer(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over images and positions of (Q_s − Q_t)², in [0, 2 / (H·W)].

    This is the authors' code; their paper writes the un-squared norm per image, a different loss.

    Args:
        student: [B, C_s, H, W]; any positive scale gives the same loss.
        teacher: [B, C_t, H, W].
    """
    return (attention(student) - attention(teacher)).square().mean()


@dataclass(frozen=True, kw_only=True)
class AttentionOptions(PairedOptions):
    """Layers default to the ends of three equal shares of each depth, as CNNs have three stages."""

    weight: float = 1000.0
    student_layers: tuple[int, ...] = ()
    teacher_layers: tuple[int, ...] = ()


class AttentionTransfer(FeatureMethod):
    """Activation-based attention transfer on token maps, summed over the pairs of layers.

    Not the matching of self-attention matrices, which some papers on transformers call by the same name.
    """

    name = "attention_transfer"
    title = "AT"
    paper = "Zagoruyko and Komodakis, arXiv 1612.03928"
    year = 2017
    aligns = "where activations are large, at three depths"
    source = (
        "Zagoruyko and Komodakis, arXiv 1612.03928, Eq. 2; form and beta of "
        "github szagoruyko/attention-transfer and HobbitLong/RepDistiller"
    )
    licence = "none given"
    differs = "the code averages squared differences, the paper sums norms that are not squared"
    published: ClassVar[Mapping[str, Any]] = {"weight": 1000.0, "logits": False, "label_smoothing": 0.0}
    options_type = AttentionOptions
    options: AttentionOptions

    def features(self) -> Pairs:
        """See `FeatureMethod.features`."""
        return Pairs(
            self.options,
            loss=attention_transfer,
            over_pairs="sum",
            default_layers=lambda network: evenly(network, 3),
        )
