"""VkD: an orthogonal projection of the student's pooled tokens, compared with the normalised teacher's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._feature import FeatureMethod, FeatureOptions, Part
from baselines._pairs import require_same_grid
from baselines.protocol import Network, Step, Taps


def pooled_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth L1 between projected pooled tokens and the pooled teacher, each image to mean 0 and variance 1.

    Any positive scale and any shift of a teacher's vector gives the same loss, up to the epsilon of the norm.

    Args:
        student: [B, C], already projected; nothing normalises it.
        teacher: [B, C].
    """
    return F.smooth_l1_loss(student, F.layer_norm(teacher, teacher.shape[-1:]))


def standardise(rows: Tensor) -> Tensor:
    """Each channel of [R, C] to mean 0 and (with R − 1) standard deviation 1 over all rows."""
    return (rows - rows.mean(0)) / rows.std(0)


def patch_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth L1 between tokens of the whole batch, both standardised per channel; [R, C], the student's projected.

    The form for detection: free of any scale and shift of a channel, on either side.
    """
    return F.smooth_l1_loss(standardise(student), standardise(teacher))


class OrthogonalProjection(nn.Module):
    """x → W·x without bias, where W has orthonormal columns, or rows where it is wider than high.

    The optimiser moves W freely; `orthonormalise`, called after every update, puts the nearest orthonormal matrix in
    its place. Weight decay does nothing to it: a matrix and any multiple of it have the same nearest one.
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        nn.init.orthogonal_(self.weight, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] → [..., outputs]."""
        return F.linear(x, self.weight)

    @torch.no_grad()
    def orthonormalise(self) -> None:
        """Replace W by the factor U·Vᵀ of its singular value decomposition U·S·Vᵀ."""
        u, _, vt = torch.linalg.svd(self.weight, full_matrices=False)
        self.weight.copy_(u @ vt)


@dataclass(frozen=True, kw_only=True)
class VkDOptions(FeatureOptions):
    """What is compared.

    Attributes:
        compare: "pooled", as for classification, or "patches", as for detection.
    """

    weight: float = 1.0
    compare: Literal["pooled", "patches"] = "pooled"

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("compare", self.compare in ("pooled", "patches"), 'that is "pooled" or "patches"')


class OrthogonalAlignment(Part):
    """Projected last map against the teacher's, both after the final norm of their network."""

    def __init__(self, options: VkDOptions) -> None:
        super().__init__()
        self.options = options

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Part.prepare`."""
        if self.options.compare == "patches":
            require_same_grid("the student's final map", student.final, "the teacher's", teacher.final)
        self.projector = self.projection(student.final.channels, teacher.final.channels, generator)
        return Taps(student_final=True, teacher_final=True)

    def projection(self, inputs: int, outputs: int, generator: torch.Generator) -> nn.Module:
        """The orthogonal map."""
        return OrthogonalProjection(inputs, outputs, generator)

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Part.terms`."""
        student, teacher = step.student.final, step.teacher.final
        assert student is not None and teacher is not None  # noqa: PT018 - both are in `taps`
        if self.options.compare == "pooled":
            return {"feature": pooled_distance(self.projector(student.mean((2, 3))), teacher.mean((2, 3)))}
        own, taught = (x.movedim(1, -1).flatten(0, 2) for x in (student, teacher))
        return {"feature": patch_distance(self.projector(own), taught)}

    def after_step(self) -> None:
        """See `Method.after_step`."""
        if isinstance(self.projector, OrthogonalProjection):
            self.projector.orthonormalise()


class VkD(FeatureMethod):
    """Smooth L1 of the projected pooled tokens; the projection is orthogonal after every step."""

    name = "vkd"
    title = "VkD, as described"
    paper = "Miles et al., arXiv 2403.06213"
    year = 2024
    aligns = "pooled last layer after its norm, teacher whitened per image"
    source = "arXiv 2403.06213 (text); github roymiles/VkD, engine.py: terms and weights"
    licence = "none given (its vidt/: Apache-2.0)"
    differs = "released form: `vkd_released`; the authors put the divergence on a distillation token and add CE in full"
    published: ClassVar[Mapping[str, Any]] = {"weight": 1.0, "compare": "pooled", "temperature": 1.0}
    options_type = VkDOptions
    options: VkDOptions

    def features(self) -> Part:
        """See `FeatureMethod.features`."""
        return OrthogonalAlignment(self.options)
