"""Which views a training step shows, and in which slices: a function of recipe, seed and step alone.

A step's global batch falls into *slices* of ``micro_batch`` images. A slice is what goes through the networks at
once: batch statistics, relations between images and mixup's pairs stay inside it, and so do a method's random draws.
Every slice is computed whole by one process, so the number of processes changes neither the batches nor anything
computed from them, but for the order in which gradients are summed.

Views are dealt to slices as DeiT's sampler deals them to processes: with repeated augmentation the copies of an
image stand side by side in the global batch and go to different slices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from timm.data.distributed_sampler import RepeatAugSampler

from suite.errors import SuiteError
from suite.seeding import mixed_seed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUND = 256  # the epoch of repeated augmentation is a multiple of it (DeiT's sampler)


class View(NamedTuple):
    """One view of one image; what it looks like depends on these numbers and the seed alone.

    Attributes:
        image: which.
        epoch: which epoch's; of a finite number of views, the epoch modulo that number.
        place: tells views of one epoch apart: its place in the epoch's order, or, of a finite number of views, one
            that is the same whenever the view returns. Modulo the number of repeats it is the number of the copy.
    """

    image: int
    epoch: int
    place: int


@dataclass
class Order:
    """The order of views of one seed.

    Attributes:
        images: size of the training set.
        batch: images of a step, over all processes.
        micro_batch: images of a slice; divides ``batch``.
        repeats: copies of an image among its epoch's views (1: none). An epoch shows as many views as there are
            images either way, so that with three copies it visits a third of the images.
        seed: the block's.
        views: different views of an image, shown in turn; 0: a new one every epoch.
    """

    images: int
    batch: int
    micro_batch: int
    repeats: int
    seed: int
    views: int = 0
    _epoch: tuple[int, list[int]] = field(default=(-1, []), init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit.

        Raises:
            SuiteError: the batch is no multiple of the slice, or larger than an epoch.
        """
        if self.batch % self.micro_batch:
            raise SuiteError(
                f"a batch of {self.batch} cannot be cut into slices of {self.micro_batch}: choose a micro_batch "
                "that divides the batch"
            )
        if self.steps_per_epoch < 1:
            raise SuiteError(
                f"an epoch of {self.views_per_epoch} views is smaller than a batch of {self.batch}: "
                "give more images, or a smaller batch"
            )

    @property
    def slices(self) -> int:
        """Slices of a step."""
        return self.batch // self.micro_batch

    def _sampler(self) -> Any:
        sampler: Any = RepeatAugSampler
        return sampler(
            range(self.images),
            num_replicas=1,
            rank=0,
            num_repeats=self.repeats,
            selected_round=ROUND if self.repeats > 1 and self.images >= ROUND else 0,  # fewer would round to none
        )

    @property
    def views_per_epoch(self) -> int:
        """Views of an epoch before the last, smaller batch is dropped."""
        return len(self._sampler())

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch; a last batch that is not full is dropped, as in the papers' code."""
        return self.views_per_epoch // self.batch

    def _of_epoch(self, number: int) -> list[int]:
        if self._epoch[0] != number:
            sampler = self._sampler()
            sampler.set_epoch(mixed_seed(self.seed, 1, number))
            self._epoch = number, list(sampler)
        return self._epoch[1]

    def slice(self, step: int, number: int) -> list[View]:
        """The views of slice ``number`` of a step: every ``slices``-th of the step's batch."""
        epoch, within = divmod(step, self.steps_per_epoch)
        order = self._of_epoch(epoch)
        first = within * self.batch
        places = range(first + number, first + self.batch, self.slices)
        if not self.views:
            return [View(order[place], epoch, place) for place in places]
        turn = epoch % self.views
        return [View(order[place], turn, order[place] * self.repeats + place % self.repeats) for place in places]

    def of_process(self, rank: int, processes: int) -> range:
        """The slices that a process computes.

        Raises:
            SuiteError: the slices of a step cannot be dealt evenly.
        """
        if self.slices % processes:
            fitting = [count for count in range(1, self.slices + 1) if self.slices % count == 0]
            raise SuiteError(
                f"{self.slices} slices of {self.micro_batch} images cannot be dealt evenly to {processes} processes: "
                f"start {', '.join(map(str, fitting))}, or change micro_batch in the recipe"
            )
        return range(rank, self.slices, processes)

    def from_step(self, step: int, rank: int, processes: int) -> Iterator[list[View]]:
        """The slices of one process from a step on, without end."""
        while True:
            for number in self.of_process(rank, processes):
                yield self.slice(step, number)
            step += 1
