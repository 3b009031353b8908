"""Methods that add a term on feature maps to the terms on logits."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines._logits import LogitOptions, logit_terms, require_same_classes
from baselines._pairs import resolve_pairs
from baselines.protocol import MapShape, Method, Network, Step, Taps


@dataclass(frozen=True, kw_only=True)
class FeatureOptions(LogitOptions):
    """Weights of (1 − alpha)·CE + alpha·T²·KL + weight·L_feature.

    Attributes:
        weight: Weight of the feature term, at least 0; 0 leaves exactly SoftKD. Where a paper prints a
            product of factors (beta·w), this is the product.
        logits: False takes the teacher's logits out: full cross-entropy and the feature term.
    """

    weight: float = 0.2
    logits: bool = True

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("weight", self.weight >= 0, "of 0 or more")


class FeatureMethod(Method):
    """Logit terms plus the weighted terms of `features`; with weight 0 no map is read, no module made."""

    options_type = FeatureOptions
    options: FeatureOptions

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Method.prepare`."""
        if self.options.logits and self.options.alpha > 0:
            require_same_classes(student, teacher)
        return self.prepare_features(student, teacher, generator) if self.options.weight else Taps()

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Method.terms`."""
        terms = self.logit_terms(step)
        if self.options.weight:
            terms |= {name: self.options.weight * value for name, value in self.features(step).items()}
        return terms

    def logit_terms(self, step: Step) -> dict[str, Tensor]:
        """The terms without features."""
        return logit_terms(
            step,
            alpha=self.options.alpha if self.options.logits else 0.0,
            temperature=self.options.temperature,
            label_smoothing=self.options.label_smoothing,
        )

    @abstractmethod
    def prepare_features(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """Choose the layers, refuse what does not fit, make the modules; returns what `features` reads."""

    @abstractmethod
    def features(self, step: Step) -> dict[str, Tensor]:
        """Named terms on feature maps, before `weight`."""


@dataclass(frozen=True, kw_only=True)
class PairedOptions(FeatureOptions):
    """Which layers are compared: the first named of one network with the first named of the other, and so on.

    Attributes:
        student_layers: 0-based, negative from the end.
        teacher_layers: As many of the teacher's.
    """

    student_layers: tuple[int, ...] = (-1,)
    teacher_layers: tuple[int, ...] = (-1,)


class LayerPairs(FeatureMethod):
    """Feature terms on pairs of layers, student with teacher, whose grids agree."""

    options_type = PairedOptions
    options: PairedOptions
    pairs: tuple[tuple[int, int], ...]

    def prepare_features(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `FeatureMethod.prepare_features`."""
        self.pairs = resolve_pairs(student, teacher, *self.layers(student, teacher))
        for s, t in self.pairs:
            self.require_fit(student.maps[s], teacher.maps[t])
        widths = [(student.maps[s].channels, teacher.maps[t].channels) for s, t in self.pairs]
        self.make_modules(widths, generator)
        student_layers, teacher_layers = zip(*self.pairs, strict=True)
        return Taps(student=student_layers, teacher=teacher_layers)

    def layers(self, student: Network, teacher: Network) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The student's and the teacher's layers, as named in the options."""
        del student, teacher
        return self.options.student_layers, self.options.teacher_layers

    def require_fit(self, student: MapShape, teacher: MapShape) -> None:
        """Raise ValueError for a pair that does not fit; equal grids are seen to already."""

    def make_modules(self, widths: Sequence[tuple[int, int]], generator: torch.Generator) -> None:
        """Make the modules for pairs of these (student, teacher) channels; none by default."""

    def pair_maps(self, step: Step) -> list[tuple[Tensor, Tensor]]:
        """Student's and teacher's map of every pair."""
        return [(step.student.maps[s], step.teacher.maps[t]) for s, t in self.pairs]


class PairedMethod(LayerPairs):
    """One loss per pair of layers, averaged over the pairs."""

    def features(self, step: Step) -> dict[str, Tensor]:
        """See `FeatureMethod.features`."""
        losses = [self.pair_loss(number, s, t) for number, (s, t) in enumerate(self.pair_maps(step))]
        return {"feature": self.over_pairs(torch.stack(losses))}

    def over_pairs(self, losses: Tensor) -> Tensor:
        """One number from the losses of all pairs, [pairs]: their mean, unless a method says otherwise."""
        return losses.mean()

    @abstractmethod
    def pair_loss(self, number: int, student: Tensor, teacher: Tensor) -> Tensor:
        """Loss of pair `number` for maps [B, C_s, H, W] and [B, C_t, H, W]."""
