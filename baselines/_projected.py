"""Methods that carry the student's tokens to the teacher's width with a trained map and compare there."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._feature import PairedMethod
from baselines._modules import per_token


class ProjectedMSE(PairedMethod):
    """Mean squared error between projected student tokens and teacher tokens.

    There is one projector per pair of layers. They exist from construction on, so that an optimiser given
    `parameters()` trains them; a projector made in the first forward pass would be missed.
    """

    projectors: nn.ModuleList

    @abstractmethod
    def projector(self, inputs: int, outputs: int, generator: torch.Generator) -> nn.Module:
        """A trainable map of token features from `inputs` to `outputs` channels."""

    def make_modules(self, widths: Sequence[tuple[int, int]], generator: torch.Generator) -> None:
        """See `PairedMethod.make_modules`."""
        self.projectors = nn.ModuleList(self.projector(s, t, generator) for s, t in widths)

    def pair_loss(self, number: int, student: Tensor, teacher: Tensor) -> Tensor:
        """See `PairedMethod.pair_loss`."""
        return F.mse_loss(per_token(self.projectors[number], student), teacher)
