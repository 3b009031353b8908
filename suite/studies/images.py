"""The images of a training, embedded or on disk, as the trainer asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch

from suite.data import Images, load, normalise, random_views
from suite.data.augment import Still, Views
from suite.data.loader import loader, loading_workers, on_device
from suite.data.sets import ImageSets
from suite.errors import SuiteError
from suite.sections import EMBEDDED
from suite.seeding import mixed_seed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from suite.train.order import View
    from suite.train.recipe import Evaluate, Recipe
    from suite.train.stream import Source

    Read = Iterator[tuple[torch.Tensor, torch.Tensor]]

BOUNDS = ("rotate", "scale", "shear", "shift", "occlude", "noise")  # of random views of embedded images
TEST_SEED = 1  # the views of evaluation images are the same for every seed


class Evaluation(Protocol):
    """Images that networks are evaluated on."""

    def __len__(self) -> int:
        """How many there are."""

    def read(self, batches: Sequence[Sequence[int]]) -> Read:
        """Those of each batch by number: ``[B, channels, H, W]``, normalised, and labels ``[B]``."""


class Sets(Protocol):
    """The images of one training."""

    @property
    def classes(self) -> int:
        """How many classes."""

    @property
    def names(self) -> Sequence[str]:
        """Their names in the order of their labels; empty where nobody knows them."""

    @property
    def train(self) -> Source:
        """What is trained on."""

    @property
    def evaluation(self) -> Evaluation:
        """What accuracies are of."""

    @property
    def clean(self) -> Evaluation:
        """The evaluation images without any random change, for teachers and layer profiles."""


def open_sets(
    data: Mapping[str, Any],
    augmentation: Mapping[str, Any],
    *,
    recipe: Recipe,
    evaluate: Evaluate,
    seed: int,
    local: Mapping[str, Any],
    processes: int,
    device: str,
) -> Sets:
    """Open the images that a cell names.

    Args:
        data: the cell's ``data`` section.
        augmentation: of embedded images, bounds of random views (:func:`suite.data.random_views`); of others, what
            timm's ``create_transform`` takes.
        recipe: how many training images there are to be, and views of each.
        evaluate: what they are evaluated on.
        seed: the block's.
        local: where images are, and how many processes may read them.
        processes: of the whole job.
        device: where batches go.
    """
    if data["source"] in EMBEDDED:
        return Embedded(data, augmentation, recipe=recipe, evaluate=evaluate, seed=seed)
    workers = loading_workers(local.get("loader_workers"), processes)
    return OnDisk(
        data, augmentation, recipe=recipe, seed=seed, root=local.get("images", ""), workers=workers, device=device
    )


def _some(available: int, recipe: Recipe, seed: int) -> torch.Tensor | None:
    """The training images of a seed; None for all."""
    if not recipe.images:
        return None
    return torch.randperm(available, generator=torch.Generator().manual_seed(seed))[: recipe.images]


class _RandomViews:
    """Training images in memory: the views of an epoch are drawn together, one draw a copy."""

    def __init__(
        self, images: Images, data: Mapping[str, Any], bounds: Mapping[str, Any], *, seed: int, recipe: Recipe
    ) -> None:
        self._images, self._data, self._bounds, self._seed = images, data, bounds, seed
        self._repeats = recipe.repeats
        self._keep = max(1, recipe.views) * recipe.repeats
        self._drawn: dict[tuple[int, int], torch.Tensor] = {}

    def __len__(self) -> int:
        return len(self._images)

    def read(self, slices: Iterable[Sequence[View]]) -> Read:
        """See :class:`suite.train.stream.Source`."""
        for views in slices:
            index = torch.tensor([view.image for view in views])
            turns = [(view.epoch, view.place % self._repeats) for view in views]
            if len(set(turns)) == 1:
                pixels = self._views(*turns[0])[index]
            else:
                pixels = torch.stack([self._views(*t)[view.image] for t, view in zip(turns, views, strict=True)])
            yield pixels, self._images.labels[index]

    def _views(self, epoch: int, copy: int) -> torch.Tensor:
        if (epoch, copy) not in self._drawn:
            while len(self._drawn) >= self._keep:
                del self._drawn[next(iter(self._drawn))]
            generator = torch.Generator().manual_seed(mixed_seed(self._seed, 2, epoch, copy))
            views = random_views(self._images.pixels, self._bounds, generator=generator)
            self._drawn[epoch, copy] = normalise(views, self._data)
        return self._drawn[epoch, copy]


class _InMemory:
    """Evaluation images in memory."""

    def __init__(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        self._pixels, self._labels = pixels, labels

    def __len__(self) -> int:
        return len(self._labels)

    def read(self, batches: Sequence[Sequence[int]]) -> Read:
        """See :class:`Evaluation`."""
        for batch in batches:
            index = torch.tensor(batch)
            yield self._pixels[index], self._labels[index]


class Embedded:
    """Images that come with a library: tensors in memory."""

    names: Sequence[str] = ()

    def __init__(
        self,
        data: Mapping[str, Any],
        augmentation: Mapping[str, Any],
        *,
        recipe: Recipe,
        evaluate: Evaluate,
        seed: int,
    ) -> None:
        """Load them and choose what is trained on; accuracies are of the test images, or of random views of them.

        Raises:
            SuiteError: the augmentation has a bound that nobody knows.
        """
        strange = set(augmentation) - set(BOUNDS)
        if strange:
            raise SuiteError(f"augmentation has no key {', '.join(sorted(strange))}: it takes {', '.join(BOUNDS)}")
        split = load(data)
        self.classes = split.classes
        chosen = _some(len(split.train), recipe, seed)
        train = split.train if chosen is None else Images(split.train.pixels[chosen], split.train.labels[chosen])
        self.train = _RandomViews(train, data, augmentation, seed=seed, recipe=recipe)
        self.clean = self.evaluation = _InMemory(normalise(split.test.pixels, data), split.test.labels)
        if evaluate.views:
            views = random_views(
                split.test.pixels.repeat(evaluate.views, 1, 1, 1),
                augmentation,
                generator=torch.Generator().manual_seed(TEST_SEED),
            )
            self.evaluation = _InMemory(normalise(views, data), split.test.labels.repeat(evaluate.views))


class _ViewsOnDisk:
    """Training images on disk, decoded and augmented by worker processes."""

    def __init__(self, views: Views, count: int, chosen: torch.Tensor | None, workers: int, device: str) -> None:
        self._views, self._workers, self._device = views, workers, device
        self._chosen = None if chosen is None else chosen.tolist()
        self._count = count if self._chosen is None else len(self._chosen)

    def __len__(self) -> int:
        return self._count

    def read(self, slices: Iterable[Sequence[View]]) -> Read:
        """See :class:`suite.train.stream.Source`."""
        batches = _Once(self._named(slices))
        return iter(loader(self._views, batches, workers=self._workers, device=self._device))

    def _named(self, slices: Iterable[Sequence[View]]) -> Iterator[Sequence[View]]:
        for views in slices:
            chosen = self._chosen
            yield views if chosen is None else [view._replace(image=chosen[view.image]) for view in views]


class _Once:
    """A batch sampler that is read once."""

    def __init__(self, batches: Iterator[Any]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        return self._batches


class _StillOnDisk:
    """Evaluation images on disk; the workers of one pass serve the next over the same batches.

    They cross to the device as bytes and are normalised there.
    """

    def __init__(self, images: Still, data: Mapping[str, Any], workers: int, device: str) -> None:
        self._images, self._data, self._workers, self._device = images, data, workers, device
        self._batches: list[Sequence[int]] = []
        self._loader: Iterable[Any] = ()

    def __len__(self) -> int:
        return len(self._images)

    def read(self, batches: Sequence[Sequence[int]]) -> Read:
        """See :class:`Evaluation`."""
        if list(batches) != self._batches:
            self._batches = list(batches)
            self._loader = loader(self._images, self._batches, workers=self._workers, device=self._device, lasting=True)
        for pixels, labels in self._loader:
            yield on_device(pixels.to(self._device, non_blocking=True), self._data), labels


class OnDisk:
    """Class folders, tar files and other data sets that timm reads by number."""

    def __init__(
        self,
        data: Mapping[str, Any],
        augmentation: Mapping[str, Any],
        *,
        recipe: Recipe,
        seed: int,
        root: str,
        workers: int,
        device: str,
    ) -> None:
        """Open both splits."""
        sets = ImageSets(data, root)
        self.classes, self.names = sets.classes, sets.names
        views = Views(sets.train, data, augmentation, seed)
        count = len(sets.train)
        self.train = _ViewsOnDisk(views, count, _some(count, recipe, seed), workers, device)
        still = Still(sets.validation, data, as_bytes=True)
        self.clean = self.evaluation = _StillOnDisk(still, data, workers, device)
