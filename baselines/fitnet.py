"""FitNet as most tables have it: the hint is learned together with everything else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch.nn.functional as F

from baselines._feature import FeatureMethod, PairedOptions, Pairs
from baselines._modules import linear
from baselines._pairs import evenly
from baselines.protocol import Network


@dataclass(frozen=True, kw_only=True)
class HintOptions(PairedOptions):
    """Layers default to the middle of each network, as in the paper."""

    student_layers: tuple[int, ...] = ()
    teacher_layers: tuple[int, ...] = ()


def middle(network: Network) -> tuple[int, ...]:
    """The layer at half of the depth."""
    return evenly(network, 2)[:1]


def hint(options: HintOptions) -> Pairs:
    """A regressor from the student's layer to the teacher's, one Linear per token, and a mean squared error.

    The regressors of the CNN codes end in a ReLU; tokens are signed, so there is none here.
    """
    return Pairs(options, loss=F.mse_loss, project=linear, default_layers=middle)


class FitNet(FeatureMethod):
    """Hint loss on the middle layers, joint with the terms on logits."""

    name = "fitnet"
    title = "FitNet, joint"
    paper = "Romero et al., arXiv 1412.6550"
    year = 2015
    aligns = "middle layers, projected"
    source = (
        "Romero et al., arXiv 1412.6550, Eq. 3 (there in two stages: `fitnet_two_stage`); joint with weight "
        "100 and no soft labels in github HobbitLong/RepDistiller"
    )
    licence = "RepDistiller: BSD-2-Clause"
    differs = (
        "the paper trains the hint alone first (`fitnet_two_stage`); the code's regressor ends in a ReLU, here not"
    )
    published: ClassVar[Mapping[str, Any]] = {"weight": 100.0, "logits": False, "label_smoothing": 0.0}
    options_type = HintOptions
    options: HintOptions

    def features(self) -> Pairs:
        """See `FeatureMethod.features`."""
        return hint(self.options)
