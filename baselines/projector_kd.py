"""ProjectorKD as its paper describes it: a learned projection and a mean squared error."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch.nn.functional as F

from baselines._feature import FeatureMethod, PairedOptions, Pairs
from baselines._modules import linear


class ProjectorKD(FeatureMethod):
    """MSE between the projected student and the teacher, averaged over the pairs of layers.

    The printed accuracies are not this method's: the released code never trains the projector and normalises
    both sides (`projector_kd_released`).
    """

    name = "projector_kd"
    title = "ProjectorKD, as described"
    paper = "Distillation Dynamics, arXiv 2511.06848"
    year = 2025
    aligns = "chosen layers, projected"
    source = "arXiv 2511.06848, ProjectorKD baseline (text); the released code differs"
    licence = "not stated in the repository"
    differs = "this is the text; the released code never trains the projector (`projector_kd_released`)"
    published: ClassVar[Mapping[str, Any]] = {
        "alpha": 0.9,
        "temperature": 1.0,
        "label_smoothing": 0.1,
        "weight": 0.2,
    }
    options_type = PairedOptions
    options: PairedOptions

    def features(self) -> Pairs:
        """See `FeatureMethod.features`."""
        return Pairs(self.options, loss=F.mse_loss, project=linear)
