"""ProjectorKD as released: a random projection that no optimiser ever sees, and BatchNorm on both sides."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor

from baselines._feature import FeatureMethod, PairedOptions, Pairs
from baselines._modules import linear


def normalise(x: Tensor) -> Tensor:
    """Each channel of [B, C, H, W] to mean 0 and variance 1 over batch and positions.

    Equal to BatchNorm2d in training mode with its affine part still at 1 and 0, which is where the released
    criterion, never in evaluation mode and in no optimiser, leaves it.
    """
    return F.batch_norm(x, None, None, training=True)


def normalised_mse(projected: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared error of the two maps [B, C, H, W], each normalised per channel.

    Per channel it is 2·(1 − correlation), up to the ε of the normalisation; 2 for unrelated maps.
    """
    return F.mse_loss(normalise(projected), normalise(teacher))


class ProjectorKDReleased(FeatureMethod):
    """Frozen random Linear, per-channel normalisation of both sides, MSE, averaged over the pairs.

    The released code makes its projectors in the first forward pass, after the optimiser was built from the
    parameters known until then; they keep their initial values in every printed run.
    """

    name = "projector_kd_released"
    title = "ProjectorKD, as released"
    paper = "Distillation Dynamics, arXiv 2511.06848"
    year = 2025
    aligns = "chosen layers, randomly projected, channels normalised"
    source = "arXiv 2511.06848; github thy960112/Distillation-Dynamics, ProjectorKD/losses.py and main.py"
    licence = "not stated in the repository"
    differs = "the projector is made after the optimiser and keeps its initial values in every printed run"
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
        return Pairs(self.options, loss=normalised_mse, project=linear, frozen=True)
