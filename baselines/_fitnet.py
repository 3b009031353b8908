"""What the joint and the two-stage FitNet share: the hint."""

from dataclasses import dataclass

import torch
from torch import nn

from baselines._feature import PairedOptions
from baselines._modules import linear
from baselines._pairs import evenly
from baselines._projected import ProjectedMSE
from baselines.protocol import Network


@dataclass(frozen=True, kw_only=True)
class HintOptions(PairedOptions):
    """Layers default to the middle of each network, as in the paper."""

    student_layers: tuple[int, ...] = ()
    teacher_layers: tuple[int, ...] = ()


class Hint(ProjectedMSE):
    """A regressor from the student's middle layer to the teacher's: one Linear per token.

    The regressors of the CNN codes end in a ReLU; tokens are signed, so there is none here.
    """

    options_type = HintOptions
    options: HintOptions

    def layers(self, student: Network, teacher: Network) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The layers named, else the middle of each depth."""
        named = self.options.student_layers, self.options.teacher_layers
        return named if any(named) else (evenly(student, 2)[:1], evenly(teacher, 2)[:1])

    def projector(self, inputs: int, outputs: int, generator: torch.Generator) -> nn.Module:
        """See `ProjectedMSE.projector`."""
        return linear(inputs, outputs, generator=generator)
