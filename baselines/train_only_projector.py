"""A control for Lift: the same lifting module, used in training only and then thrown away."""

from collections import OrderedDict

import torch
from torch import nn

from baselines._modules import linear
from baselines._projected import ProjectedMSE


class TrainOnlyProjector(ProjectedMSE):
    """Linear without bias and LayerNorm on the student's last tokens, compared with the teacher's by MSE.

    A student that keeps its width and its readout: what it lacks against Lift is the wide readout at
    inference, so their difference is what keeping the projector buys. Without the LayerNorm this is `fitnet`
    on the last layers.
    """

    name = "train_only_projector"
    title = "train-only projector"
    source = "control for Lift, arXiv 2511.15572; its module as in the authors' training/lift"

    def projector(self, inputs: int, outputs: int, generator: torch.Generator) -> nn.Module:
        """See `ProjectedMSE.projector`."""
        return nn.Sequential(
            OrderedDict(project=linear(inputs, outputs, generator=generator, bias=False), norm=nn.LayerNorm(outputs))
        )
