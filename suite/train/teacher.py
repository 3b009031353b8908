"""What the students of a block are told: the outputs of their teachers, asked once for all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Protocol

import torch

from baselines.protocol import Outputs, Reading
from suite.train.order import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from baselines.protocol import Taps
    from suite.train.numerics import Numerics

    class Source(Protocol):
        """What is asked of the training images; `suite.train.stream.Source` says more."""

        def __len__(self) -> int: ...

        def read(self, slices: Iterable[Sequence[View]], /) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            """The views of each slice, and their labels."""


CHUNK = 256  # views of one forward pass whose answers are kept
FAR = 4.0  # standard errors between a teacher's accuracy and its published one at which they are not the same


class UntrainedTeacher(ValueError):
    """The teacher does not know the classes, or not as it is published to."""


def require_trained(right: int, images: int, *, classes: int, published: float | None = None) -> float:
    """Check that a teacher knows its classes before any student is trained; returns its accuracy in percent.

    A head that was never trained is right at chance and gives near-uniform targets (the MAE pair among the
    released logs of Distillation Dynamics: 0.05 nat at epoch 0 against 5.65). Twice chance is far below any
    useful teacher and far above what an untrained head reaches on a few hundred images.

    Args:
        right: images that it classifies correctly.
        images: how many were shown.
        classes: how many there are.
        published: its published top-1 accuracy in percent, where there is one for these images.

    Raises:
        UntrainedTeacher: accuracy is below twice chance, or further from the published one than images vary.
    """
    share, chance = right / images, 1.0 / classes
    if share < 2 * chance:
        raise UntrainedTeacher(
            f"the teacher is right on {share:.1%} of the images, chance is {chance:.1%}: "
            "train its head, or choose weights that come with one"
        )
    if published is not None:
        expected = published / 100
        errors = abs(share - expected) / math.sqrt(expected * (1 - expected) / images)
        if errors > FAR:
            raise UntrainedTeacher(
                f"the teacher is right on {share:.2%} of {images:,} images and published with {published:g} %, "
                f"{errors:.0f} standard errors away: weights, images or their order of classes are others"
            )
    return 100 * share


@dataclass(frozen=True)
class Teacher:
    """A network and what is read of it."""

    network: torch.nn.Module
    reading: Reading

    @classmethod
    def of(cls, network: torch.nn.Module, taps: Iterable[Taps]) -> Teacher:
        """A network of which all is read that any of its students taps."""
        return cls(network, reduce(or_, (one.of_teacher for one in taps), Reading()))

    def __call__(self, pixels: torch.Tensor) -> Outputs:
        """Outputs for a batch, in evaluation mode and without a graph."""
        self.network.eval()
        with torch.no_grad():
            outputs: Outputs = self.network(pixels, **self.reading.keywords())
        return outputs


def only(outputs: Outputs, reading: Reading) -> Outputs:
    """What one student reads of a teacher of which others read something else, too."""
    return replace(
        outputs,
        maps={layer: outputs.maps[layer] for layer in reading.layers},
        final=outputs.final if reading.final else None,
        pooled=outputs.pooled if reading.pooled else None,
        attention={tap: outputs.attention[tap] for tap in reading.attention},
    )


class Answers(Protocol):
    """Teachers' outputs for the views of a slice."""

    def __call__(self, views: Sequence[View], pixels: torch.Tensor, /) -> dict[str, Outputs]:
        """By teacher's name, for ``pixels`` ``[B, channels, H, W]``, the views themselves."""


class Live:
    """Asks every teacher anew for every slice."""

    def __init__(self, teachers: Mapping[str, Teacher], numerics: Numerics) -> None:
        self._teachers, self._numerics = teachers, numerics

    def __call__(self, _views: Sequence[View], pixels: torch.Tensor) -> dict[str, Outputs]:
        """One forward pass of each."""
        with self._numerics.autocast():
            return {name: teacher(pixels) for name, teacher in self._teachers.items()}


class Kept:
    """Asks every teacher once for each of a finite number of views, and keeps what it says.

    All images of one view number are asked for together, in their own order, so that an answer depends neither on
    the step that needs it first nor on the students that look on.
    """

    def __init__(self, teachers: Mapping[str, Teacher], source: Source, repeats: int, numerics: Numerics) -> None:
        """Nothing is asked yet.

        Args:
            teachers: by name, with all that any student of the block will need.
            source: the training images.
            repeats: copies of an image in an epoch.
            numerics: where to compute.
        """
        self._live, self._names = Live(teachers, numerics), tuple(teachers)
        self._source, self._repeats, self._numerics = source, repeats, numerics
        self._known: dict[tuple[int, int], dict[str, Outputs]] = {}

    def __call__(self, views: Sequence[View], _pixels: torch.Tensor) -> dict[str, Outputs]:
        """Answers that are known, or are known from now on."""
        if not self._names:
            return {}
        turns = sorted({(view.epoch, view.place % self._repeats) for view in views})
        groups = [[n for n, view in enumerate(views) if (view.epoch, view.place % self._repeats) == t] for t in turns]
        parts = [
            {name: _take(outputs, [views[n].image for n in group]) for name, outputs in self._all(*turn).items()}
            for turn, group in zip(turns, groups, strict=True)
        ]
        if len(parts) == 1:
            return parts[0]
        places = [n for group in groups for n in group]
        back = sorted(range(len(places)), key=places.__getitem__)
        return {name: _take(_join([part[name] for part in parts]), back) for name in self._names}

    def _all(self, number: int, copy: int) -> dict[str, Outputs]:
        """Of one view number: every image's view, of one copy."""
        if (number, copy) not in self._known:
            views = [View(image, number, image * self._repeats + copy) for image in range(len(self._source))]
            chunks = [views[first : first + CHUNK] for first in range(0, len(views), CHUNK)]
            found = [self._live((), self._numerics.pixels(pixels)) for pixels, _ in self._source.read(chunks)]
            self._known[number, copy] = {name: _join([part[name] for part in found]) for name in self._names}
        return self._known[number, copy]


def _take(outputs: Outputs, index: Sequence[int]) -> Outputs:
    """Some of the images."""
    chosen = torch.tensor(index, device=outputs.logits.device)
    return outputs.each(lambda values: values[chosen])


def _join(parts: Sequence[Outputs]) -> Outputs:
    """One after the other."""
    found: dict[str, Any] = {}
    for field in fields(Outputs):
        values = [getattr(part, field.name) for part in parts]
        if isinstance(values[0], Mapping):
            found[field.name] = {name: torch.cat([value[name] for value in values]) for name in values[0]}
        else:
            found[field.name] = None if values[0] is None else torch.cat(values)
    return Outputs(**found)
