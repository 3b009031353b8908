"""The slices of every step on their device, with what the teachers say of them, computed once for all students."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from timm.data import Mixup  # type: ignore[attr-defined]

from suite.data.training import loader
from suite.errors import SuiteError
from suite.seeding import drawing_from, mixed_seed
from suite.train.teacher import Batch, Teacher

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch.utils.data import Dataset

    from baselines.protocol import Reading
    from baselines.students import Tapped
    from suite.data.training import Item
    from suite.train.distributed import Processes
    from suite.train.order import Order

PRECISIONS = {
    "float64": torch.float64,  # everything, for checks
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,  # autocast; weights, gradients and losses stay float32
    "float16": torch.float16,  # the same, with a scaled loss
}


@dataclass(frozen=True)
class Numerics:
    """On what and in what numbers networks are computed.

    Attributes:
        device: ``cpu`` or ``cuda``.
        precision: one of :data:`PRECISIONS`.
        channels_last: memory format of images and convolutions.
        compile: backend of ``torch.compile``; empty for eager.
    """

    device: str
    precision: str = "float32"
    channels_last: bool = False
    compile: str = ""

    def __post_init__(self) -> None:
        """Refuse a precision that is none of ours."""
        if self.precision not in PRECISIONS:
            raise SuiteError(f"no precision {self.precision!r}: choose from {', '.join(PRECISIONS)}")

    @property
    def weights(self) -> torch.dtype:
        """Type of weights and images."""
        return torch.float64 if self.precision == "float64" else torch.float32

    @property
    def scaled(self) -> bool:
        """Whether gradients would underflow without a scaled loss."""
        return self.precision == "float16"

    def autocast(self) -> AbstractContextManager[Any]:
        """Half precision where networks run, if the recipe asks for it."""
        chosen = PRECISIONS[self.precision]
        if chosen in (torch.float32, torch.float64):
            return nullcontext()
        return torch.autocast(self.device, dtype=chosen)

    def pixels(self, values: torch.Tensor) -> torch.Tensor:
        """Images where and as networks want them."""
        layout = torch.channels_last if self.channels_last else torch.preserve_format
        return values.to(self.device, self.weights, non_blocking=True, memory_format=layout)

    def place(self, module: torch.nn.Module, *, compiled: bool = True) -> None:
        """Move a network or a method to the device, in place; compile what is run as a whole."""
        module.to(self.device, self.weights)
        if self.channels_last:
            module.to(memory_format=torch.channels_last)
        if self.compile and compiled:
            module.compile(backend=self.compile)


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


class Slices:
    """One process's slices, step by step."""

    def __init__(
        self,
        views: Dataset[Item],
        order: Order,
        teachers: Mapping[str, Tapped],
        *,
        mix: Mix,
        processes: Processes,
        numerics: Numerics,
        workers: int,
    ) -> None:
        """Nothing is read before a step is asked for.

        Args:
            views: the training set, asked by :class:`suite.train.order.View`.
            order: which views a slice shows.
            teachers: by name, placed.
            mix: what mixes the images of a slice.
            processes: whose slices.
            numerics: where to.
            workers: processes that decode and augment.

        Raises:
            SuiteError: the slices of a step cannot be dealt evenly to the processes.
        """
        self.order, self.teachers = order, teachers
        self.mine = order.of_process(processes.rank, processes.count)
        self._views, self._mix, self._processes = views, mix, processes
        self._numerics, self._workers = numerics, workers
        self._position = -1
        self._reading: Iterator[Any] = iter(())

    def step(self, number: int) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
        """The slices of a step in order: number, images, labels. Steps in order are read ahead."""
        if number != self._position:
            ahead = self.order.from_step(number, self._processes.rank, self._processes.count)
            self._reading = iter(
                loader(self._views, _Endless(ahead), workers=self._workers, device=self._numerics.device)
            )
        self._position = number + 1
        for index in self.mine:
            images, labels = next(self._reading)
            pixels = self._numerics.pixels(images)
            labels = labels.to(self._numerics.device, non_blocking=True)
            yield index, *self._mix(pixels, labels, step=number, number=index)

    def taught(self, pixels: torch.Tensor, labels: torch.Tensor, wanted: Mapping[str, Reading]) -> Batch:
        """One pass of every wanted teacher.

        Args:
            pixels: images of a slice.
            labels: their labels.
            wanted: what is read of each teacher.
        """
        with self._numerics.autocast():
            found = {name: Teacher(self.teachers[name], reading)(pixels) for name, reading in wanted.items()}
        return Batch(pixels, labels, found)

    def close(self) -> None:
        """End the workers."""
        self._position, self._reading = -1, iter(())


class _Endless:
    """A batch sampler that is read once."""

    def __init__(self, batches: Iterator[Any]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        return self._batches
