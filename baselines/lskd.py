"""LSKD: SoftKD on logits standardised image by image, so that only their shape counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from baselines._logits import LogitMethod, TeacherOptions, soft_kd
from baselines.protocol import Step

EPSILON = 1e-7
"""Added to the standard deviation."""


def standardise(logits: Tensor) -> Tensor:
    """Each row of [B, K] to mean 0 and (with K − 1) standard deviation 1."""
    return (logits - logits.mean(-1, keepdim=True)) / (EPSILON + logits.std(-1, keepdim=True))


@dataclass(frozen=True, kw_only=True)
class LSKDOptions(TeacherOptions):
    """Defaults of the authors' command for CNNs."""

    label_weight: float = 0.1
    teacher_weight: float = 9.0
    temperature: float = 2.0


class LSKD(LogitMethod):
    """.1·CE + 9·T²·KL of the standardised logits, T = 2."""

    name = "lskd"
    title = "LSKD"
    paper = "Sun et al., arXiv 2403.01427"
    year = 2024
    aligns = "logits, standardised per image"
    source = (
        "arXiv 2403.01427; github sunshangquan/logit-standardization-KD, mdistiller/distillers/KD.py and engine/cfg.py"
    )
    licence = "none given"
    differs = "the repository's plain KD, its baseline, runs at T 2 and weight 9 instead of the usual 4 and .9"
    published: ClassVar[Mapping[str, Any]] = {
        "label_weight": 0.1,
        "teacher_weight": 9.0,
        "temperature": 2.0,
        "label_smoothing": 0.0,
    }
    options_type = LSKDOptions
    options: LSKDOptions

    def teacher_terms(self, student: Tensor, teacher: Tensor, step: Step) -> dict[str, Tensor]:
        """See `LogitMethod.teacher_terms`."""
        del step
        loss = soft_kd(standardise(student), standardise(teacher), temperature=self.options.temperature)
        return {"standardised": loss}


@dataclass(frozen=True, kw_only=True)
class LSKDViTOptions(LSKDOptions):
    """Defaults of the authors' configuration for DeiT-Tiny."""

    label_weight: float = 0.5
    teacher_weight: float = 10.0


class LSKDViT(LSKD):
    """.5·CE + 10·T²·KL of the standardised logits, T = 2: as the authors train transformers."""

    name = "lskd_vit"
    title = "LSKD, weights for ViTs"
    source = (
        "github sunshangquan/logit-standardization-KD, tiny-transformers/pycls: models/distill.py, core/trainer.py and "
        "configs/deit/deit-ti_c100_KD_ours.yaml"
    )
    differs = "the weight 10 is inside the loss and the .5 of the labels in the trainer"
    published: ClassVar[Mapping[str, Any]] = {"label_weight": 0.5, "teacher_weight": 10.0, "temperature": 2.0}
    options_type = LSKDViTOptions
    options: LSKDViTOptions
