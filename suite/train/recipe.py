"""How a network is trained and what is looked at meanwhile, as typed data; needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

import msgspec
from msgspec import Meta

from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping

Positive = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
R = TypeVar("R", bound="Record")


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of a cell's spec; a key that it does not know is a fault."""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Read it.

        Raises:
            SuiteError: a key is unknown, lacking, of another type or out of its range.
        """
        try:
            return msgspec.convert(dict(content), cls)
        except msgspec.ValidationError as fault:
            raise SuiteError(f"{cls.__name__.lower()}: {fault}") from None

    def plain(self) -> dict[str, Any]:
        """The same as JSON data, defaults included."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


class Recipe(Record, frozen=True, kw_only=True):
    """How a network is trained.

    Attributes:
        epochs: passes over the training images.
        batch: views of a step, over all processes.
        micro_batch: views of a slice (:mod:`suite.train.order`); 0: the whole batch.
        repeats: views of one image among an epoch's, of which there are as many as images (repeated augmentation).
        images: training images, drawn by the block's seed; 0: all of them.
        views: different views of an image: epoch e shows view e mod ``views``, so that a teacher is asked once for
            each; 0: a new one every epoch.
        lr: peak learning rate for ``lr_batch`` views a step; it grows with the batch.
        lr_batch: 0: the batch, so that ``lr`` is the peak rate.
        weight_decay: AdamW's.
        schedule: a cosine that moves with every ``epoch`` (as the papers' code, one epoch late) or every ``step``.
        warmup_epochs: epochs of linear warm-up.
        warmup: the same as a share of the training; give one of them.
        warmup_lr: rate at the start of the warm-up.
        min_lr: rate at the end.
        clip: largest norm of the gradient; 0: none.
        drop_path: stochastic depth at the last block.
        mixup: alpha of mixup; 0 for none.
        cutmix: alpha of CutMix; 0 for none.
        ema_decay: of an average of the weights; 0: none is kept.
        precision: see :data:`suite.train.numerics.PRECISIONS`.
        channels_last: memory format of images and convolutions.
        compile: backend of ``torch.compile``; empty for eager.
    """

    epochs: Positive
    batch: Positive
    micro_batch: Count = 0
    repeats: Positive = 1
    images: Count = 0
    views: Count = 0
    lr: Amount
    lr_batch: Count = 0
    weight_decay: Amount
    schedule: Literal["epoch", "step"] = "epoch"
    warmup_epochs: Amount = 0.0
    warmup: Share = 0.0
    warmup_lr: Amount = 1e-6
    min_lr: Amount = 1e-5
    clip: Amount = 0.0
    drop_path: Share = 0.0
    mixup: Amount = 0.0
    cutmix: Amount = 0.0
    ema_decay: Share = 0.0
    precision: Literal["float64", "float32", "bfloat16", "float16"] = "float32"
    channels_last: bool = False
    compile: str = ""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            ValueError: two warm-ups are given, or views that return are mixed with others.
        """
        if self.warmup and self.warmup_epochs:
            raise ValueError("give warmup (a share of the training) or warmup_epochs, not both")
        if self.views and (self.mixup or self.cutmix):
            raise ValueError("views that return keep the teacher's answers, which mixed images do not have: views = 0")

    @property
    def slice(self) -> int:
        """Views of a slice."""
        return self.micro_batch or self.batch

    @property
    def rate(self) -> float:
        """Peak learning rate."""
        return self.lr * self.batch / (self.lr_batch or self.batch)

    @property
    def warm(self) -> float:
        """Epochs of warm-up."""
        return self.warmup_epochs or self.warmup * self.epochs


class Evaluate(Record, frozen=True, kw_only=True):
    """What is looked at while a network is trained.

    Attributes:
        every: epochs between evaluations; 0: only at milestones. The last epoch is always evaluated.
        milestones: shares of the training after which it is evaluated, each at the nearest epoch.
        views: random views of each evaluation image instead of the image itself (embedded images); 0: the image.
        batch: images of a forward pass.
        profile: evaluation images for the layer profile; 0: no profile is taken.
        teacher: evaluation images on which a teacher must be right before any student is trained; 0: all.
        weights: whether the last weights are kept in the cell.
    """

    every: Count = 0
    milestones: tuple[Share, ...] = ()
    views: Count = 0
    batch: Positive = 256
    profile: Count = 128
    teacher: Count = 0
    weights: bool = False

    def after(self, epochs: int) -> frozenset[int]:
        """The epochs, counted from 1, after which a training of this length is evaluated."""
        regular = range(self.every, epochs + 1, self.every) if self.every else ()
        shares = (min(epochs, max(1, round(share * epochs))) for share in self.milestones)
        return frozenset({*regular, *shares, epochs})
