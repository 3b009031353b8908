"""What a distillation method may know, what it is given at each step, and what it gives back.

Every feature map is a tensor [B, C, H, W] of patch tokens: class and distillation tokens never appear in it.
What is read of an attention layer does carry them, before the patches.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class MapShape:
    """Shape of one feature map, without the batch."""

    channels: int
    height: int
    width: int


AttentionKind = Literal["queries", "keys", "values", "scores", "class_scores"]
"""What can be read of an attention layer; `Outputs.attention` says what each is."""

AttentionTap = tuple[AttentionKind, int]
"""One of these kinds, and the layer."""


@dataclass(frozen=True)
class AttentionShape:
    """Shape of one layer's self-attention, without the batch.

    Attributes:
        heads: Number of heads.
        width: Channels of one head.
        tokens: Tokens that attend to one another, `prefix` included.
        prefix: How many of them come before the patches (class, distillation and register tokens).
        windows: Windows of the image, each with attention of its own; 1 where all tokens attend to all.
    """

    heads: int
    width: int
    tokens: int
    prefix: int
    windows: int = 1


@dataclass(frozen=True)
class Network:
    """All that a method may know of a network when it builds its modules.

    Attributes:
        depth: Number of layers (blocks or stages) that can be tapped.
        maps: For each layer 0 … depth − 1, the shape of its output before any final norm.
        final: Shape of the last map after the network's final norm.
        classes: Number of logits; 0 for a network without a head.
        pooled: Channels of the vector that the head reads.
        attention: For each layer that has it, the shape of its (last) self-attention.
        class_heads: For each layer in which a class token attends to the patches, its number of heads; layers of
            class attention count apart from those of self-attention, as in CaiT.
    """

    depth: int
    maps: Mapping[int, MapShape]
    final: MapShape
    classes: int
    pooled: int = 0
    attention: Mapping[int, AttentionShape] = field(default_factory=dict)
    class_heads: Mapping[int, int] = field(default_factory=dict)

    def everything(self) -> "Reading":
        """All that can be read of the network."""
        kinds: tuple[AttentionKind, ...] = ("queries", "keys", "values", "scores")
        return Reading(
            layers=tuple(sorted(self.maps)),
            final=True,
            pooled=True,
            attention=tuple(
                [(kind, layer) for kind in kinds for layer in self.attention]
                + [("class_scores", layer) for layer in self.class_heads]
            ),
        )

    def layer(self, index: int) -> int:
        """The layer meant by `index`, which may count from the end (−1 is the last).

        Raises:
            ValueError: The network has no such layer.
        """
        absolute = index + self.depth if index < 0 else index
        if absolute not in self.maps:
            raise ValueError(
                f"layer {index} is not in a network of {self.depth} layers: "
                f"choose from 0 to {self.depth - 1}, or from -{self.depth} to -1"
            )
        return absolute


@dataclass(frozen=True)
class Reading:
    """What is read of one network in one forward pass, beside its logits.

    Attributes:
        layers: Which maps, by absolute index.
        final: Whether the map after the final norm.
        pooled: Whether the vector that the head reads.
        attention: What of which attention layers.
    """

    layers: tuple[int, ...] = ()
    final: bool = False
    pooled: bool = False
    attention: tuple[AttentionTap, ...] = ()

    def __or__(self, other: Self) -> "Reading":
        """What either reads, each once."""
        return Reading(
            layers=tuple(sorted({*self.layers, *other.layers})),
            final=self.final or other.final,
            pooled=self.pooled or other.pooled,
            attention=tuple(sorted({*self.attention, *other.attention})),
        )

    def keywords(self) -> dict[str, Any]:
        """As arguments of a network: `network(images, **reading.keywords())`."""
        return {name: getattr(self, name) for name in ("layers", "final", "pooled", "attention")}


@dataclass(frozen=True)
class Taps:
    """What a method needs of each network; see `Reading` for the parts."""

    student: tuple[int, ...] = ()
    teacher: tuple[int, ...] = ()
    student_final: bool = False
    teacher_final: bool = False
    student_pooled: bool = False
    teacher_pooled: bool = False
    student_attention: tuple[AttentionTap, ...] = ()
    teacher_attention: tuple[AttentionTap, ...] = ()

    @property
    def of_student(self) -> Reading:
        """What is read of the student."""
        return Reading(self.student, self.student_final, self.student_pooled, self.student_attention)

    @property
    def of_teacher(self) -> Reading:
        """What is read of the teacher."""
        return Reading(self.teacher, self.teacher_final, self.teacher_pooled, self.teacher_attention)


@dataclass(frozen=True)
class Outputs:
    """What one network returns for one batch; images are the first axis of every tensor.

    Attributes:
        logits: [B, K], of the class head (in evaluation: of the whole network).
        maps: Layer index → [B, C, H, W], un-normed block outputs of the tapped layers.
        final: [B, C, H, W], the last map after the final norm, if it was tapped.
        distillation_logits: [B, K] of a distillation token's own head, in training, where there is one.
        pooled: [B, C], what the head reads, if it was tapped.
        attention: (kind, layer) → what was tapped of attention. With w windows, H heads, n tokens of d channels:
            "queries", "keys" and "values" are [B, w·H, n, d], after any norm of their own and not scaled; "scores"
            [B, w·H, n, n] is what the softmax over keys takes, mixing of heads, position bias and mask included, so
            that its softmax are the attention rows; "class_scores" [B, H, 1 + patches] is the row of the class
            token, its own entry first.
    """

    logits: Tensor
    maps: Mapping[int, Tensor] = field(default_factory=dict)
    final: Tensor | None = None
    distillation_logits: Tensor | None = None
    pooled: Tensor | None = None
    attention: Mapping[AttentionTap, Tensor] = field(default_factory=dict)

    def each(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same with every tensor changed."""
        token = self.distillation_logits
        return replace(
            self.each_feature(change),
            logits=change(self.logits),
            distillation_logits=None if token is None else change(token),
        )

    def each_feature(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same with every tensor but the logits changed."""
        return replace(
            self,
            maps={layer: change(x) for layer, x in self.maps.items()},
            final=None if self.final is None else change(self.final),
            pooled=None if self.pooled is None else change(self.pooled),
            attention={tap: change(x) for tap, x in self.attention.items()},
        )

    def for_loss(self, *, detach: bool = False) -> Self:
        """The same in at least float32 and, if asked, cut from the graph."""

        def ready(x: Tensor) -> Tensor:
            x = x.detach() if detach else x
            return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x

        return self.each(ready)


@dataclass(frozen=True)
class Step:
    """One training step as a method sees it; the teacher is detached, all floats are at least float32.

    Attributes:
        student: What the student returned.
        labels: [B] class indices, or [B, K] probabilities where labels are mixed.
        generator: The only source of randomness a method may draw from.
        given_teacher: What the teacher returned, if there is one; read `teacher`.
        progress: Share of the training done, in [0, 1); None if the trainer does not say.
    """

    student: Outputs
    labels: Tensor
    generator: torch.Generator
    given_teacher: Outputs | None = None
    progress: float | None = None

    @property
    def teacher(self) -> Outputs:
        """What the teacher returned.

        Raises:
            ValueError: There is no teacher.
        """
        if self.given_teacher is None:
            raise ValueError("this method needs a teacher: pass what the teacher returned for the same batch")
        return self.given_teacher


@dataclass(frozen=True, kw_only=True)
class Options:
    """What can be set on every method.

    Attributes:
        label_smoothing: Share of the label spread evenly over all classes in the cross-entropy, in [0, 1).
    """

    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        self.require("label_smoothing", 0 <= self.label_smoothing < 1, "at least 0 and below 1")

    def require(self, name: str, holds: bool, wanted: str) -> None:
        """Raise ValueError unless option `name` is as wanted."""
        if not holds:
            raise ValueError(f"{name} is {getattr(self, name)}: give a value {wanted}")


class Method(nn.Module, ABC):
    """A way to train a student, built for one pair of networks.

    Parameters of the module are trained with the student's; what is frozen is a buffer or does not require a
    gradient. They are initialised from `generator`, never from the global state, on the CPU in float32.

    Attributes:
        name: How the method is asked for; unique.
        title: How it is written in a table.
        paper: Authors and where the paper is to be found.
        year: Of the paper.
        aligns: What of the student is compared with what of the teacher, in a few words.
        source: Paper, equation or table, and repository.
        licence: Of the authors' code.
        differs: In one sentence, what the authors' code does that their paper does not say, or how this differs.
        published: Options as the source prints them (those not named stay at their default).
        options_type: Dataclass of the options.
        needs_teacher: Whether it can be built and run without one.
        shared_terms: Names of the terms that are not the method's own: those it has in common with SoftKD.
        weight_option: Which option weighs its own terms, as a common factor; empty if there is none.
        random_terms: Names of the terms whose value depends on draws from the step's generator. Every other
            term is a mean over images (or over their pairs): showing each image twice does not change it.
        taps: What `forward` reads.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    paper: ClassVar[str]
    year: ClassVar[int]
    aligns: ClassVar[str]
    source: ClassVar[str]
    licence: ClassVar[str]
    differs: ClassVar[str]
    published: ClassVar[Mapping[str, Any]] = {}
    options_type: ClassVar[type[Options]] = Options
    needs_teacher: ClassVar[bool] = True
    shared_terms: ClassVar[frozenset[str]] = frozenset({"ce"})
    weight_option: ClassVar[str] = ""
    random_terms: ClassVar[frozenset[str]] = frozenset()
    options: Options
    taps: Taps

    def __init__(self, student: Network, teacher: Network | None, options: Options, generator: torch.Generator) -> None:
        super().__init__()
        if self.needs_teacher and teacher is None:
            raise ValueError("this method needs a teacher: pass the teacher's Network")
        self.options = options
        self.taps = Taps() if teacher is None else self.prepare(student, teacher, generator)

    def prepare(self, student: Network, teacher: Network, generator: torch.Generator) -> Taps:
        """Choose the layers, refuse what does not fit, make the modules.

        Returns:
            What `terms` will read.

        Raises:
            ValueError: The networks do not fit the method; the message says what to do.
        """
        del student, teacher, generator
        return Taps()

    @abstractmethod
    def terms(self, step: Step) -> dict[str, Tensor]:
        """Named, weighted scalar terms of the loss; a term of weight 0 is left out."""

    def after_step(self) -> None:
        """Called by the trainer after every update of the parameters: for what must hold of them exactly."""

    def forward(
        self,
        student: Outputs,
        teacher: Outputs | None,
        labels: Tensor,
        *,
        generator: torch.Generator,
        progress: float | None = None,
    ) -> dict[str, Tensor]:
        """The terms of the loss for one batch; the loss is their sum (`total`).

        Half-precision outputs are raised to float32 and autocast is off: differences of activations and
        squares of them lose their digits, or overflow, in half precision.

        Args:
            student: What the student returned, with all that is in `taps`.
            teacher: What the teacher returned for the same batch; no gradient reaches it.
            labels: [B] class indices, or [B, K] probabilities.
            generator: Source of every random draw of the step.
            progress: Share of the training done, in [0, 1); only methods with stages need it.

        Returns:
            Name → scalar tensor, already weighted.
        """
        step = Step(
            student=student.for_loss(),
            labels=labels,
            generator=generator,
            given_teacher=None if teacher is None else teacher.for_loss(detach=True),
            progress=progress,
        )
        with torch.autocast(student.logits.device.type, enabled=False):
            return self.terms(step)


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """The loss: the sum of its terms, in the order in which the method names them."""
    return torch.stack(tuple(terms.values())).sum()
