"""The slices of every step on their device, with what the teachers say of them, computed once for all students."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from timm.data import Mixup  # type: ignore[attr-defined]

from suite.errors import SuiteError
from suite.seeding import drawing_from, mixed_seed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import torch

    from baselines.protocol import Outputs
    from suite.train.distributed import Processes
    from suite.train.numerics import Numerics
    from suite.train.order import Order, View
    from suite.train.teacher import Answers


class Source(Protocol):
    """The training images of one seed, in memory or on disk."""

    def __len__(self) -> int:
        """How many there are."""

    def read(self, slices: Iterable[Sequence[View]]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The views of each slice, in order and possibly ahead: ``[B, channels, H, W]``, normalised, and ``[B]``.

        The same view is the same tensor in every process, whatever was read before.
        """


@dataclass(frozen=True)
class Batch:
    """One slice: views ``[B, channels, H, W]``, normalised, labels ``[B]`` or ``[B, K]``, teachers' outputs."""

    pixels: torch.Tensor
    labels: torch.Tensor
    teachers: Mapping[str, Outputs]


@dataclass(frozen=True)
class Mix:
    """Mixup and CutMix on one slice; the method smooths labels itself.

    Attributes:
        mixup: alpha of mixup; 0 for none.
        cutmix: alpha of CutMix; 0 for none.
        classes: number of classes.
        seed: the block's.
    """

    mixup: float
    cutmix: float
    classes: int
    seed: int

    def __call__(
        self, pixels: torch.Tensor, labels: torch.Tensor, *, step: int, number: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mixed images, and labels as probabilities ``[B, classes]``; as given where nothing is mixed."""
        if not (self.mixup or self.cutmix):
            return pixels, labels
        if len(pixels) % 2:
            raise SuiteError(f"mixup pairs images: choose an even micro_batch, not {len(pixels)}")
        mix = Mixup(  # type: ignore[no-untyped-call]
            self.mixup, self.cutmix, label_smoothing=0.0, num_classes=self.classes
        )
        with drawing_from(mixed_seed(self.seed, 3, step, number)):
            mixed: tuple[torch.Tensor, torch.Tensor] = mix(pixels, labels)
        return mixed


class Stream:
    """One process's slices, step by step. A step's depend on its number and the seed, not on who looks on."""

    def __init__(
        self,
        source: Source,
        order: Order,
        answers: Answers,
        *,
        mix: Mix,
        processes: Processes,
        numerics: Numerics,
    ) -> None:
        """Nothing is read before a step is asked for.

        Args:
            source: the training images.
            order: which views a slice shows.
            answers: what teachers say of them.
            mix: what mixes the images of a slice.
            processes: whose slices.
            numerics: where to.

        Raises:
            SuiteError: the slices of a step cannot be dealt evenly to the processes.
        """
        self.order = order
        self.mine = order.of_process(processes.rank, processes.count)
        self._source, self._answers, self._mix = source, answers, mix
        self._processes, self._numerics = processes, numerics
        self._position = -1
        self._reading: Iterator[Any] = iter(())

    def step(self, number: int) -> Iterator[tuple[int, Batch]]:
        """The slices of a step in order, by number. Steps in order may be read ahead."""
        if number != self._position:
            ahead = self.order.from_step(number, self._processes.rank, self._processes.count)
            self._reading = iter(self._source.read(ahead))
        self._position = number + 1
        for index in self.mine:
            images, truth = next(self._reading)
            pixels = self._numerics.pixels(images)
            labels = truth.to(self._numerics.device, non_blocking=True)
            pixels, labels = self._mix(pixels, labels, step=number, number=index)
            yield index, Batch(pixels, labels, self._answers(self.order.slice(number, index), pixels))

    def close(self) -> None:
        """End what reads ahead."""
        self._position, self._reading = -1, iter(())
