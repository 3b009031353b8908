"""ProjectorKD as released: a random projection that no optimiser ever sees, and BatchNorm on both sides."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._feature import PairedMethod
from baselines._modules import linear, per_token


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


class ProjectorKDReleased(PairedMethod):
    """Frozen random Linear, per-channel normalisation of both sides, MSE, averaged over the pairs.

    The released code makes its projectors in the first forward pass, after the optimiser was built from the
    parameters known until then; they keep their initial values in every printed run.
    """

    name = "projector_kd_released"
    title = "ProjectorKD, as released"
    source = "arXiv 2511.06848; github thy960112/Distillation-Dynamics, ProjectorKD/losses.py and main.py"
    published: ClassVar[Mapping[str, Any]] = {
        "alpha": 0.9,
        "temperature": 1.0,
        "label_smoothing": 0.1,
        "weight": 0.2,
    }
    projectors: nn.ModuleList

    def make_modules(self, widths: Sequence[tuple[int, int]], generator: torch.Generator) -> None:
        """See `PairedMethod.make_modules`."""
        self.projectors = nn.ModuleList(linear(s, t, generator=generator) for s, t in widths)
        self.projectors.requires_grad_(False)

    def pair_loss(self, number: int, student: Tensor, teacher: Tensor) -> Tensor:
        """See `PairedMethod.pair_loss`."""
        return normalised_mse(per_token(self.projectors[number], student), teacher)
