"""ProjectorKD as its paper describes it: a learned projection and a mean squared error."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from baselines._modules import linear
from baselines._projected import ProjectedMSE


class ProjectorKD(ProjectedMSE):
    """MSE between the projected student and the teacher, averaged over the pairs of layers.

    The printed accuracies are not this method's: the released code never trains the projector and normalises
    both sides (`projector_kd_released`).
    """

    name = "projector_kd"
    title = "ProjectorKD, as described"
    source = "arXiv 2511.06848, ProjectorKD baseline (text); the released code differs"
    published: ClassVar[Mapping[str, Any]] = {
        "alpha": 0.9,
        "temperature": 1.0,
        "label_smoothing": 0.1,
        "weight": 0.2,
    }

    def projector(self, inputs: int, outputs: int, generator: torch.Generator) -> nn.Module:
        """See `ProjectedMSE.projector`."""
        return linear(inputs, outputs, generator=generator)
