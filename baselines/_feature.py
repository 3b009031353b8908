"""What most methods are composed of: terms on logits, and a part that compares features.

A method of this kind says in one place what it is made of::

    class FitNet(FeatureMethod):
        def features(self) -> Pairs:
            return Pairs(loss=F.mse_loss, project=linear, default_layers=middle)

A part is a module of its own: `Pairs` compares layer with layer; a method that compares something else brings its
own `Part` in its own file.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from baselines._logits import LogitOptions, logit_terms, require_same_classes
from baselines._modules import per_token
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


@dataclass(frozen=True, kw_only=True)
class PairedOptions(FeatureOptions):
    """Which layers are compared: the first named of one network with the first named of the other, and so on.

    Attributes:
        student_layers: 0-based, negative from the end.
        teacher_layers: As many of the teacher's.
    """

    student_layers: tuple[int, ...] = (-1,)
    teacher_layers: tuple[int, ...] = (-1,)


class Part(nn.Module):
    """What a method compares beside logits: made for two networks, asked once per step."""

    @abstractmethod
    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """Refuse what does not fit, make the modules; returns what `terms` reads.

        Raises:
            ValueError: The networks do not fit; the message says what to do.
        """

    @abstractmethod
    def terms(self, step: Step) -> dict[str, Tensor]:
        """Named scalar terms, before the method's weight."""

    def after_step(self) -> None:
        """See `Method.after_step`."""


class FeatureMethod(Method):
    """SoftKD's terms on logits, and `weight` times those of a part; with weight 0 nothing is read or made."""

    shared_terms = frozenset({"ce", "kd"})
    weight_option = "weight"
    options_type = FeatureOptions
    options: FeatureOptions
    part: Part

    @abstractmethod
    def features(self) -> Part:
        """The part, as `options` say; it is made for the two networks afterwards."""

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Method.prepare`."""
        if self.options.logits and self.options.alpha > 0:
            require_same_classes(student, teacher)
        if not self.options.weight:
            return Taps()
        self.part = self.features()
        return self.part.prepare(student, teacher, generator)

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Method.terms`."""
        return self.logit_terms(step) | self.feature_terms(step)

    def logit_terms(self, step: Step) -> dict[str, Tensor]:
        """The terms without features."""
        return logit_terms(
            step,
            alpha=self.options.alpha if self.options.logits else 0.0,
            temperature=self.options.temperature,
            label_smoothing=self.options.label_smoothing,
        )

    def feature_terms(self, step: Step) -> dict[str, Tensor]:
        """The terms on features, weighted; none with weight 0."""
        if not self.options.weight:
            return {}
        return {name: self.options.weight * value for name, value in self.part.terms(step).items()}

    def after_step(self) -> None:
        """See `Method.after_step`."""
        if self.options.weight:
            self.part.after_step()


Loss = Callable[[Tensor, Tensor], Tensor]
"""From maps [B, C_s, H, W] and [B, C_t, H, W] to a number."""


class Pairs(Part):
    """Maps of paired layers, on equal grids, compared by one loss.

    Projections exist from construction on, so that an optimiser given `parameters()` trains them; one made in the
    first forward pass would be missed.
    """

    projectors: nn.ModuleList | None

    def __init__(
        self,
        options: PairedOptions,
        *,
        loss: Loss,
        project: Callable[[int, int, torch.Generator], nn.Module] | None = None,
        frozen: bool = False,
        over_pairs: Literal["mean", "sum"] = "mean",
        default_layers: Callable[[Network], tuple[int, ...]] | None = None,
        require_fit: Callable[[MapShape, MapShape], None] | None = None,
    ) -> None:
        """Say what is compared, and how.

        Args:
            options: Name the layers.
            loss: Gives the term "feature" of each pair.
            project: Makes a map of the features of one token, from the student's channels to the teacher's, for
                every pair; None compares the student's tokens themselves.
            frozen: Whether the projections keep their initial values.
            over_pairs: How the terms of all pairs become one.
            default_layers: A network's layers where the options name none of either.
            require_fit: Raises ValueError for two shapes that do not fit; that grids agree is seen to already.
        """
        super().__init__()
        self.options, self.loss, self.over_pairs = options, loss, over_pairs
        self.project, self.frozen = project, frozen
        self.default_layers, self.require_fit = default_layers, require_fit
        self.pairs: tuple[tuple[int, int], ...] = ()
        self.projectors = None

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """See `Part.prepare`."""
        named = self.options.student_layers, self.options.teacher_layers
        if self.default_layers and not any(named):
            named = self.default_layers(student), self.default_layers(teacher)
        self.pairs = resolve_pairs(student, teacher, *named)
        shapes = [(student.maps[s], teacher.maps[t]) for s, t in self.pairs]
        if self.require_fit:
            for own, wanted in shapes:
                self.require_fit(own, wanted)
        if self.project:
            made = [self.project(own.channels, wanted.channels, generator) for own, wanted in shapes]
            self.projectors = nn.ModuleList(made).requires_grad_(not self.frozen)
        student_layers, teacher_layers = zip(*self.pairs, strict=True)
        return Taps(student=student_layers, teacher=teacher_layers)

    def maps(self, step: Step) -> Iterator[tuple[Tensor, Tensor]]:
        """Student's (projected) and teacher's map of every pair."""
        for number, (s, t) in enumerate(self.pairs):
            own = step.student.maps[s]
            yield own if self.projectors is None else per_token(self.projectors[number], own), step.teacher.maps[t]

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Part.terms`."""
        pairs = [self.compare(own, taught, step.generator) for own, taught in self.maps(step)]
        stacked = {name: torch.stack([pair[name] for pair in pairs]) for name in pairs[0]}
        return {name: x.sum() if self.over_pairs == "sum" else x.mean() for name, x in stacked.items()}

    def compare(self, student: Tensor, teacher: Tensor, generator: torch.Generator) -> Mapping[str, Tensor]:
        """The terms of one pair of maps."""
        del generator
        return {"feature": self.loss(student, teacher)}
