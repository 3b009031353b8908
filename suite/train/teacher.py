"""What students are shown: batches of views with the outputs of one or more teachers, computed once.

Two streams with one face. A :class:`Bank` holds a fixed set of views and every teacher's outputs on them: right
for small data. :class:`Live` draws fresh views for every step and asks the teachers once per step, for the
union of what the students tap: right where outputs cannot be kept. Both depend on the step's number and the
seed alone, never on how many students look on, so that a killed block resumes at any step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch

from baselines.protocol import Outputs, Reading
from suite.data import Images, normalise, random_views

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from baselines.students import Tapped


class UntrainedTeacher(ValueError):
    """The teacher's logits carry no knowledge of the classes."""


@dataclass(frozen=True)
class Batch:
    """One step's views ``[B, channels, H, W]`` (normalised), labels ``[B]`` and teachers' outputs by name."""

    pixels: torch.Tensor
    labels: torch.Tensor
    teachers: Mapping[str, Outputs]


class Stream(Protocol):
    """Batches by number."""

    def batch(self, step: int) -> Batch:
        """The batch of a step; the same number gives the same batch."""


@dataclass(frozen=True)
class Teacher:
    """A network in eval mode and what is tapped of it."""

    network: Tapped
    reading: Reading = field(default_factory=Reading)

    def __call__(self, pixels: torch.Tensor) -> Outputs:
        """Outputs for a batch, without a graph."""
        self.network.eval()
        with torch.no_grad():
            outputs: Outputs = self.network(pixels, **self.reading.keywords())
        return outputs


def require_trained(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Check that a teacher knows its classes before any student is trained; returns its accuracy in percent.

    A head that was never trained is right at chance and gives near-uniform targets (the MAE pair among the
    released logs of Distillation Dynamics: 0.05 nat at epoch 0 against 5.65). Twice chance is far below any
    useful teacher and far above what an untrained head reaches on a few hundred images.

    Args:
        logits: ``[I, classes]`` on held-out images.
        labels: ``[I]``.

    Raises:
        UntrainedTeacher: accuracy is below twice chance.
    """
    right = float((logits.argmax(dim=1) == labels).double().mean())
    chance = 1.0 / logits.shape[1]
    if right < 2 * chance:
        raise UntrainedTeacher(
            f"the teacher is right on {right:.1%} of the images, chance is {chance:.1%}: "
            "train its head, or choose weights that come with one"
        )
    return 100 * right


def _seeded(*numbers: int) -> torch.Generator:
    """A generator that depends on all numbers."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 1_000_003 + number + 1) % (2**62)
    return torch.Generator().manual_seed(mixed)


def _take(outputs: Outputs, index: torch.Tensor) -> Outputs:
    return outputs.each(lambda x: x[index])


def _join(parts: list[Outputs]) -> Outputs:
    first = parts[0]

    def joined(of: Callable[[Outputs], torch.Tensor | None]) -> torch.Tensor | None:
        found = [x for x in map(of, parts) if x is not None]
        return torch.cat(found) if found else None

    return Outputs(
        logits=torch.cat([part.logits for part in parts]),
        maps={layer: torch.cat([part.maps[layer] for part in parts]) for layer in first.maps},
        final=joined(lambda part: part.final),
        pooled=joined(lambda part: part.pooled),
        attention={tap: torch.cat([part.attention[tap] for part in parts]) for tap in first.attention},
    )


class Bank:
    """A fixed set of views of a few images, with every teacher's outputs on them."""

    def __init__(
        self,
        images: Images,
        teachers: Mapping[str, Teacher],
        *,
        data: Mapping[str, Any],
        views: int,
        distort: Mapping[str, Any],
        batch: int,
        seed: int,
        device: str,
        chunk: int = 256,
    ) -> None:
        """Draw the views and ask every teacher once.

        Args:
            images: what the students may see.
            teachers: by name.
            data: the profile's data section (mean, std).
            views: views per image.
            distort: bounds of the views, see :func:`suite.data.random_views`.
            batch: views per step.
            seed: of views and order.
            device: where teachers run and the bank is kept.
            chunk: views per forward pass of a teacher.
        """
        generator = _seeded(seed, 0)
        pixels = images.pixels.repeat(views, 1, 1, 1)
        self.pixels = normalise(random_views(pixels, distort, generator=generator), data).to(device)
        self.labels = images.labels.repeat(views).to(device)
        self.batch_size, self.seed = min(batch, len(self.labels)), seed
        self.teachers = {
            name: _join([teacher(part) for part in torch.split(self.pixels, chunk)])
            for name, teacher in teachers.items()
        }

    def batch(self, step: int) -> Batch:
        """The views of a step: every pass over the bank is in a new random order."""
        per_pass = len(self.labels) // self.batch_size
        number, position = divmod(step, per_pass)
        order = torch.randperm(len(self.labels), generator=_seeded(self.seed, 1, number))
        index = order[position * self.batch_size : (position + 1) * self.batch_size].to(self.labels.device)
        return Batch(
            self.pixels[index],
            self.labels[index],
            {name: _take(outputs, index) for name, outputs in self.teachers.items()},
        )


class Live:
    """Fresh views at every step, and one pass of every teacher for all students."""

    def __init__(
        self,
        images: Images,
        teachers: Mapping[str, Teacher],
        *,
        data: Mapping[str, Any],
        distort: Mapping[str, Any],
        batch: int,
        seed: int,
        device: str,
    ) -> None:
        """Nothing is computed before a batch is asked for; arguments as in :class:`Bank`."""
        self.images, self.teachers = images, teachers
        self.data, self.distort = data, distort
        self.batch_size, self.seed, self.device = min(batch, len(images)), seed, device

    def batch(self, step: int) -> Batch:
        """The batch of a step; every epoch is in a new random order."""
        per_epoch = len(self.images) // self.batch_size
        epoch, position = divmod(step, per_epoch)
        order = torch.randperm(len(self.images), generator=_seeded(self.seed, 1, epoch))
        index = order[position * self.batch_size : (position + 1) * self.batch_size]
        views = random_views(self.images.pixels[index], self.distort, generator=_seeded(self.seed, 2, step))
        pixels = normalise(views, self.data).to(self.device)
        labels = self.images.labels[index].to(self.device)
        return Batch(pixels, labels, {name: teacher(pixels) for name, teacher in self.teachers.items()})


def shuffle_images(outputs: Outputs) -> Outputs:
    """A control: every image gets its neighbour's features, so they say nothing of it; the logits stay its own."""
    return outputs.each_feature(lambda x: torch.roll(x, 1, dims=0))


def permute_channels(outputs: Outputs, *, seed: int) -> Outputs:
    """A control: the second axis (channels, or heads) of all but the logits in one fixed other order."""

    def permuted(values: torch.Tensor) -> torch.Tensor:
        order = torch.randperm(values.shape[1], generator=_seeded(seed, values.shape[1]))
        return values[:, order.to(values.device)]

    return outputs.each_feature(permuted)
