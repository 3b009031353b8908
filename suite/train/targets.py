"""What a feature term aligns with instead of the teacher's features: controls that any method can be given.

Each is a pure function of the teacher's outputs, the labels and two seeds. It replaces all features and leaves the
logits as they are, so that a method's other terms do not notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, TypeAlias
from zlib import crc32

import torch

from baselines.protocol import Outputs

Target: TypeAlias = Callable[..., Outputs]
"""``(outputs, labels, *, seed, draw) -> outputs``: ``seed`` is the block's, ``draw`` tells steps and slices apart."""

Change: TypeAlias = Callable[[torch.Tensor, int], torch.Tensor]


def _changed(outputs: Outputs, change: Change) -> Outputs:
    """All but the logits changed; ``change`` is told a number for the place that it is at, the same in every batch."""

    def each(name: str, values: Mapping[Any, torch.Tensor]) -> dict[Any, torch.Tensor]:
        return {key: change(tensor, crc32(f"{name} {key}".encode())) for key, tensor in values.items()}

    return replace(
        outputs,
        maps=each("maps", outputs.maps),
        final=None if outputs.final is None else change(outputs.final, 0),
        pooled=None if outputs.pooled is None else change(outputs.pooled, 1),
        attention=each("attention", outputs.attention),
    )


def _scale(values: torch.Tensor) -> torch.Tensor:
    """Root mean square, in float32; masked attention scores, minus infinity, do not count."""
    numbers = values.detach().float()
    finite = numbers.isfinite()
    return (torch.where(finite, numbers, 0.0).square().sum() / finite.sum().clamp(min=1)).sqrt()


def _from(*numbers: int) -> torch.Generator:
    mixed = 0
    for number in numbers:
        mixed = (mixed * 1_000_003 + number + 2) % (2**62)
    return torch.Generator().manual_seed(mixed)


def features(outputs: Outputs, _labels: torch.Tensor, *, seed: int, draw: int) -> Outputs:  # noqa: ARG001
    """The teacher's features themselves."""
    return outputs


def shuffled_images(outputs: Outputs, _labels: torch.Tensor, *, seed: int, draw: int) -> Outputs:  # noqa: ARG001
    """Every image gets its neighbour's maps, so that they say nothing of it."""
    return _changed(outputs, lambda values, _: torch.roll(values, 1, dims=0))


def permuted_channels(
    outputs: Outputs,
    _labels: torch.Tensor,
    *,
    seed: int,
    draw: int,  # noqa: ARG001
    number: float = 0,
) -> Outputs:
    """The channels of every map in one fixed other order, the same for all maps of one width; ``number`` says which."""

    def permuted(values: torch.Tensor, _: int) -> torch.Tensor:
        numbers = (seed, values.shape[1]) if not number else (seed, values.shape[1], int(number))
        order = torch.randperm(values.shape[1], generator=_from(*numbers))
        return values[:, order.to(values.device)]

    return _changed(outputs, permuted)


def zeros(outputs: Outputs, _labels: torch.Tensor, *, seed: int, draw: int) -> Outputs:  # noqa: ARG001
    """Nothing at all: what is left of a feature term is that it shrinks the student's features."""
    return _changed(outputs, lambda values, _: torch.zeros_like(values))


def noise(outputs: Outputs, _labels: torch.Tensor, *, seed: int, draw: int, dose: float = 1.0) -> Outputs:
    """Normal noise, new at every draw, of ``dose`` times the root mean square of the map that it replaces."""

    def drawn(values: torch.Tensor, place: int) -> torch.Tensor:
        fresh = torch.randn(values.shape, generator=_from(seed, draw, place))
        return (fresh.to(values.device) * (dose * _scale(values))).to(values.dtype)

    return _changed(outputs, drawn)


def label_code(outputs: Outputs, labels: torch.Tensor, *, seed: int, draw: int) -> Outputs:  # noqa: ARG001
    """A teacher that knows the answer: a fixed random code for every class, of the map's shape and scale.

    Where labels are probabilities ``[B, K]`` (mixed images), the mean code under them.
    """
    classes = outputs.logits.shape[1]

    def coded(values: torch.Tensor, place: int) -> torch.Tensor:
        codes = _codes(seed, place, classes, tuple(values.shape[1:]))
        known = labels.cpu()
        own = codes[known] if labels.ndim == 1 else (known.float() @ codes.flatten(1)).view(values.shape)
        return (own.to(values.device) * _scale(values)).to(values.dtype)

    return _changed(outputs, coded)


def shuffled_label_code(outputs: Outputs, labels: torch.Tensor, *, seed: int, draw: int) -> Outputs:
    """The same codes, but every image gets its neighbour's: all that `label_code` has but the knowledge."""
    return label_code(outputs, torch.roll(labels, 1, dims=0), seed=seed, draw=draw)


def fine_label_code(outputs: Outputs, labels: torch.Tensor, *, seed: int, draw: int) -> Outputs:
    """A code of the label that lies in differences of neighbouring channels alone.

    Averaging channels in pairs, as a narrower student's target is pooled, leaves nothing of it; a student of the
    teacher's width sees it whole. Of an odd number of channels the last one is 0.
    """
    coded = label_code(outputs, labels, seed=seed, draw=draw)

    def opposed(values: torch.Tensor, _: int) -> torch.Tensor:
        first, second = values[:, 0::2], values[:, 1::2]
        half = second.shape[1]
        difference = (first[:, :half] - second) / 2**0.5  # of two normal numbers: as large as each of them
        pairs = torch.stack([difference, -difference], dim=2).flatten(1, 2)
        return torch.cat([pairs, torch.zeros_like(values[:, 2 * half :])], dim=1)

    return _changed(coded, opposed)


@lru_cache(maxsize=16)
def _codes(seed: int, place: int, classes: int, shape: tuple[int, ...]) -> torch.Tensor:
    """``[classes, *shape]``, standard normal."""
    return torch.randn(classes, *shape, generator=_from(seed, place, classes))


TARGETS: Mapping[str, Target] = {
    made.__name__: made
    for made in (
        features,
        shuffled_images,
        permuted_channels,
        zeros,
        noise,
        label_code,
        shuffled_label_code,
        fine_label_code,
    )
}
_NUMBERED = {"noise": "dose", "permuted_channels": "number"}  # targets that take a number, and what it is


def target(name: str) -> Target:
    """A target by its name; ``noise:20`` is noise of 20 times the scale, ``permuted_channels:1`` a second order.

    Raises:
        ValueError: there is no such target.
    """
    kind, given, said = name.partition(":")
    if kind not in TARGETS or (given and kind not in _NUMBERED):
        raise ValueError(f"no target {name!r}: choose from {', '.join(TARGETS)}, noise:DOSE, permuted_channels:NUMBER")
    if not given:
        return TARGETS[kind]
    try:
        number = float(said)
    except ValueError:
        raise ValueError(f"no target {name!r}: what follows the colon is a number") from None
    return partial(TARGETS[kind], **{_NUMBERED[kind]: number})
