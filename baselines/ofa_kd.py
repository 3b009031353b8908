"""OFA-KD's term on logits: the label's class counts more the surer the teacher is of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from baselines._logits import LogitMethod, TeacherOptions, hard_labels
from baselines.protocol import Step

Form = Literal["released", "described"]


def adaptive_target(
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    *,
    exponent: float,
    temperature: float = 1.0,
    form: Form = "released",
) -> Tensor:
    """−Σ w·log p_s, averaged over the batch, with w = (p_t + 1)^e − 1 for the label's class; no T².

    For the other classes w is p_t^e as released, where the exponent acts on every class, and p_t as described, where
    it acts on the label's alone. With exponent 1 both are the cross-entropy with the teacher.

    Args:
        student: Logits [B, K].
        teacher: Logits [B, K].
        labels: [B], classes.
        exponent: e, above 0.
        temperature: Divides the logits.
        form: See above.
    """
    target = F.one_hot(labels, student.shape[-1])
    p = (teacher / temperature).softmax(-1)
    others = p**exponent if form == "released" else p
    weights = (exponent * p.log1p()).expm1().where(target.bool(), others)
    return -(weights * (student / temperature).log_softmax(-1)).sum(-1).mean()


@dataclass(frozen=True, kw_only=True)
class OFAOptions(TeacherOptions):
    """The exponent, and what it acts on.

    Attributes:
        exponent: Above 0; 1 by default in the authors' code, 1.5 in the command they print for ImageNet.
        form: "released" or "described", see `adaptive_target`.
    """

    exponent: float = 1.5
    form: Form = "released"

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("exponent", self.exponent > 0, "above 0")
        self.require("form", self.form in ("released", "described"), 'that is "released" or "described"')


class OFAKD(LogitMethod):
    """CE and the adaptive term on the logits; the authors add the same on four projected stages, each with weight 1."""

    name = "ofa_kd"
    title = "OFA-KD, logits"
    paper = "Hao et al., arXiv 2310.19444"
    year = 2023
    aligns = "logits, the label's class raised"
    source = "arXiv 2310.19444; github Hao840/OFAKD, distillers/ofa.py, train.py and README (DeiT-Tiny to ResNet-18)"
    licence = "none given"
    differs = "the code's exponent acts on every class, the text's on the label's alone; its softmax saturates to inf"
    published: ClassVar[Mapping[str, Any]] = {
        "label_weight": 1.0,
        "teacher_weight": 1.0,
        "exponent": 1.5,
        "form": "released",
        "temperature": 1.0,
        "label_smoothing": 0.1,
    }
    options_type = OFAOptions
    options: OFAOptions

    def teacher_terms(self, student: Tensor, teacher: Tensor, step: Step) -> dict[str, Tensor]:
        """See `LogitMethod.teacher_terms`."""
        loss = adaptive_target(
            student,
            teacher,
            hard_labels(step.labels),
            exponent=self.options.exponent,
            temperature=self.options.temperature,
            form=self.options.form,
        )
        return {"adaptive": loss}
