"""A control for Lift: the same lifting module, used in training only and then thrown away."""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

from baselines._feature import FeatureMethod, PairedOptions, Pairs
from baselines._modules import linear


def linear_and_norm(inputs: int, outputs: int, generator: torch.Generator) -> nn.Module:
    """Lift's module."""
    return nn.Sequential(
        OrderedDict(project=linear(inputs, outputs, generator, bias=False), norm=nn.LayerNorm(outputs))
    )


class TrainOnlyProjector(FeatureMethod):
    """Linear without bias and LayerNorm on the student's last tokens, compared with the teacher's by MSE.

    A student that keeps its width and its readout: what it lacks against Lift is the wide readout at
    inference, so their difference is what keeping the projector buys. Without the LayerNorm this is `fitnet`
    on the last layers.
    """

    name = "train_only_projector"
    title = "train-only projector"
    paper = "control for Lift, arXiv 2511.15572"
    year = 2025
    aligns = "last layer, projected and normed"
    source = "control for Lift, arXiv 2511.15572; its module as in the authors' training/lift"
    licence = "Apache-2.0"
    differs = "not in the paper: Lift's module, thrown away after training"
    options_type = PairedOptions
    options: PairedOptions

    def features(self) -> Pairs:
        """See `FeatureMethod.features`."""
        return Pairs(self.options, loss=F.mse_loss, project=linear_and_norm)
