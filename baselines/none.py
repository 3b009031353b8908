"""No teacher: cross-entropy alone."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from baselines._logits import logit_terms
from baselines.protocol import Method, Step


class NoTeacher(Method):
    """CE with smoothed labels."""

    name = "none"
    title = "no teacher"
    paper = "Touvron et al., arXiv 2012.12877"
    year = 2021
    aligns = "nothing: labels alone"
    source = "DeiT, arXiv 2012.12877; label smoothing .1, no Mixup, as in github thy960112/SpectralKD main.py"
    licence = "Apache-2.0"
    differs = "DeiT trains with Mixup and CutMix; here, as in SpectralKD's code, with neither"
    published: ClassVar[Mapping[str, Any]] = {"label_smoothing": 0.1}
    needs_teacher = False

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Method.terms`."""
        return logit_terms(step, alpha=0.0, temperature=1.0, label_smoothing=self.options.label_smoothing)
