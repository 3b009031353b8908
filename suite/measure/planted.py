"""Effects planted in features: what an instrument must show to be one.

Each function takes features and returns features in which an effect holds by construction, at a stated dose. A
measurement that does not find it there cannot tell its absence elsewhere. Nothing but the effect is added: where it
can be done, scale, mean and everything else that the effect leaves free stay those of the input.

Random draws come from a generator on the CPU that is passed in. Images are treated one by one, so that features may
come in batches.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from suite.measure._features import as_features
from suite.measure.nulls import generator_for, permutation, permute_channels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Plant = Callable[[Sequence[Tensor], int], list[Tensor]]
    Make = Callable[[list[float], int, Sequence[Tensor], int], list[Tensor]]

TURNING = 9 / 24
"""Relative depth of the published turning point (layer 9 of CaiT-S24's 24, arXiv 2511.06848)."""


def u_factors(layers: int, dose: float, *, turning: float = TURNING) -> list[float]:
    """Factors that make a U over layers: they fall to the turning point and rise again, in equal ratios.

    >>> [round(factor, 3) for factor in u_factors(5, 1.0, turning=0.5)]
    [2.0, 1.414, 1.0, 1.414, 2.0]

    Args:
        layers: ``L``, at least 3.
        dose: by how much both ends lie above the bottom, as a share of it; above -1.
        turning: relative depth of the bottom, which is put on the nearest layer that is not an end.

    Returns:
        ``L`` factors; 1 at the bottom, ``1 + dose`` at both ends.

    Raises:
        ValueError: there are fewer than 3 layers, or the dose makes no positive factor.
    """
    if layers < len(("first", "bottom", "last")) or not dose > -1:
        raise ValueError(f"a U needs at least 3 layers and a dose above -1, not {layers} and {dose}")
    bottom = min(max(1, round(turning * (layers - 1))), layers - 2)
    height = [abs(layer - bottom) / (bottom if layer < bottom else layers - 1 - bottom) for layer in range(layers)]
    return [(1 + dose) ** share for share in height]


def scale_u(layers: Sequence[Tensor], dose: float, *, turning: float = TURNING) -> list[Tensor]:
    """A U of scale over depth: each image's root mean square follows `u_factors`, and only it changes.

    Args:
        layers: one ``[B, N_l, C_l]`` per layer, at least 3.
        dose: by how much the scale at both ends exceeds that at the bottom, as a share of it.
        turning: relative depth of the bottom.

    Returns:
        The layers, each image scaled so that its root mean square is that of the first layer times its factor over the
        first one. An image without energy stays as it is.
    """
    values = [as_features(layer) for layer in layers]
    factors = u_factors(len(values), dose, turning=turning)
    wanted = _rms(values[0]) / factors[0]
    return [layer * _ratio(wanted * factor, _rms(layer)) for layer, factor in zip(values, factors, strict=True)]


def narrow_u(layers: Sequence[Tensor], share: float, *, turning: float = TURNING) -> list[Tensor]:
    """A U of live channels over depth: at the bottom only a share of them is not zero; scale stays as it is.

    Args:
        layers: one ``[B, N_l, C_l]`` per layer, at least 3.
        share: of the channels that live at the bottom, in (0, 1].
        turning: relative depth of the bottom.

    Returns:
        The layers; the first channels live, at least one of them. Both ends are the input.
    """
    values = [as_features(layer) for layer in layers]
    factors = u_factors(len(values), 1 / share - 1, turning=turning)
    return [_narrowed(layer, share * factor) for layer, factor in zip(values, factors, strict=True)]


def rank_limited(features: Tensor, dims: int) -> Tensor:
    """The best approximation of each image's token matrix by so many dimensions, each image in its own.

    Args:
        features: ``[B, N, C]``.
        dims: at least 1.

    Returns:
        ``[B, N, C]``, no image of higher rank than ``dims``.

    References:
        Eckart and Young, Psychometrika 1 (1936).
    """
    values = as_features(features)
    if dims < 1:
        raise ValueError(f"an image has at least 1 dimension, not {dims}")
    left, sizes, right = torch.linalg.svd(values.double(), full_matrices=False)
    sizes[:, dims:] = 0
    limited: Tensor = (left * sizes[:, None]) @ right
    return limited.to(values.dtype)


def with_energies(features: Tensor, energies: Sequence[float] | Tensor) -> Tensor:
    """The same images with other energies along their own directions: a printed spectrum seen through these tokens.

    Args:
        features: ``[B, N, C]``.
        energies: squared singular values wanted, in descending order, at least ``min(N, C)`` long or taken as 0 beyond
            its end; only their ratios count.

    Returns:
        ``[B, N, C]`` with the total energy of each image unchanged.

    Raises:
        ValueError: no energy is wanted, or one is negative or not finite.
    """
    values = as_features(features)
    wanted = torch.as_tensor(energies, dtype=torch.float64, device=values.device)
    if not bool(torch.isfinite(wanted).all() & (wanted >= 0).all() & (wanted.sum() > 0)):
        raise ValueError("energies must be finite, at least 0 and not all 0")
    left, sizes, right = torch.linalg.svd(values.double(), full_matrices=False)
    count = min(sizes.shape[1], len(wanted))
    planned = torch.zeros_like(sizes)
    planned[:, :count] = wanted[:count].sqrt()
    planned *= _ratio(sizes.square().sum(dim=1), planned.square().sum(dim=1))[:, None].sqrt()
    planted: Tensor = (left * planned[:, None]) @ right
    return planted.to(values.dtype)


def spiked(features: Tensor, share: float, *, dims: int, generator: torch.Generator) -> Tensor:
    """Directions that only one image uses: a share of each image's energy moved into random directions of its own.

    Args:
        features: ``[B, N, C]``.
        share: of the energy, in [0, 1].
        dims: random orthonormal directions per image, from 1 to ``C``; tokens get Gaussian coefficients.
        generator: on the CPU.

    Returns:
        ``[B, N, C]``: the image times ``sqrt(1 - share)`` plus what is spiked in; the expected energy is unchanged.

    Raises:
        ValueError: the share or the number of directions is out of range.
    """
    values = as_features(features)
    images, tokens, channels = values.shape
    if not 0 <= share <= 1 or not 1 <= dims <= channels:
        raise ValueError(f"a share lies in [0, 1] and 1 to {channels} directions exist, not {share} and {dims}")
    spikes = torch.stack([_spike(tokens, channels, dims, generator) for _ in range(images)])
    size = _rms(values) * math.sqrt(share * channels / dims)
    return math.sqrt(1 - share) * values + size * spikes.to(values)


def autoregressive(features: Tensor, correlation: float) -> Tensor:
    """Neighbouring channels made alike: an AR(1) process along the channels, driven by the features.

    For white features the correlation of channels ``d`` apart becomes ``correlation ** d`` and the variance stays.

    Args:
        features: ``[B, N, C]``.
        correlation: of neighbours, from above -1 to below 1.

    Returns:
        ``[B, N, C]``: ``y[0] = x[0]``, ``y[c] = correlation y[c - 1] + sqrt(1 - correlation^2) x[c]``.

    Raises:
        ValueError: the correlation is out of range.
    """
    values = as_features(features)
    if not -1 < correlation < 1:
        raise ValueError(f"an AR(1) process needs a correlation between -1 and 1, not {correlation}")
    channel = torch.arange(values.shape[2], dtype=torch.float64, device=values.device)
    apart = channel[:, None] - channel
    response = torch.where(apart >= 0, correlation ** apart.clamp(min=0), 0)
    response[:, 1:] *= math.sqrt(1 - correlation**2)
    return values @ response.T.to(values.dtype)


def relabelled(features: Tensor, *, generator: torch.Generator) -> Tensor:
    """The same tokens with channels in one other, random order: nothing a network computes would notice.

    Args:
        features: ``[B, N, C]``.
        generator: on the CPU; equal seeds and widths give the same order.

    Returns:
        ``[B, N, C]``.
    """
    return permute_channels(features, permutation(features.shape[2], generator=generator))


def compressed(features: Tensor, dims: int, *, generator: torch.Generator) -> Tensor:
    """Tokens squeezed through fewer dimensions and expanded again, the same random ones for all images.

    Args:
        features: ``[B, N, C]``.
        dims: random orthonormal directions that are kept, from 1 to ``C``.
        generator: on the CPU.

    Returns:
        ``[B, N, C]`` with the root mean square of each image unchanged.

    Raises:
        ValueError: there are not so many directions.
    """
    values = as_features(features)
    channels = values.shape[2]
    if not 1 <= dims <= channels:
        raise ValueError(f"1 to {channels} directions exist, not {dims}")
    kept = torch.linalg.qr(torch.randn(channels, dims, generator=generator, dtype=torch.float64)).Q
    through: Tensor = (kept @ kept.T).to(values)
    squeezed: Tensor = values @ through
    return squeezed * _ratio(_rms(values), _rms(squeezed))


def effect(text: str, *, seed: int) -> Plant:
    """Effects named in words, to be planted in all layers of a network while batches stream by.

    ======================  ============================================================
    text                    effect
    ======================  ============================================================
    ``scale_u:DOSE``        `scale_u`
    ``narrow_u:SHARE``      `narrow_u`
    ``rank_limited:DIMS``   `rank_limited`
    ``spiked:SHARE:DIMS``   `spiked`
    ``autoregressive:R``    `autoregressive`
    ``compressed:DIMS``     `compressed`
    ``relabelled``          `relabelled`
    ``white``               white noise instead of the features, each image of the same root mean square
    ======================  ============================================================

    Several are planted one after the other: ``autoregressive:0.5+relabelled``.

    Args:
        text: as above.
        seed: of the block; each effect, layer and, where it is one of single images, image has draws of its own.

    Returns:
        A function of a batch's layers and the number of its first image that gives the layers with the effects.

    Raises:
        ValueError: there is no such effect, or it takes other numbers.
    """
    steps = [_step(part, seed) for part in text.split("+")]

    def plant(layers: Sequence[Tensor], first: int) -> list[Tensor]:
        planted = list(layers)
        for step in steps:
            planted = step(planted, first)
        return planted

    return plant


def _step(text: str, seed: int) -> Plant:
    name, *numbers = text.split(":")
    try:
        given = [float(number) for number in numbers]
    except ValueError:
        given = [math.nan]
    if name not in _EFFECTS or len(given) != _EFFECTS[name][0] or not all(map(math.isfinite, given)):
        known = ", ".join(":".join([key, *["NUMBER"] * count]) for key, (count, _) in _EFFECTS.items())
        raise ValueError(f"no effect {text!r} to plant: choose from {known}")
    return partial(_EFFECTS[name][1], given, seed)


def _over_layers(change: Callable[[Tensor, list[float], torch.Generator], Tensor], topic: str) -> Make:
    """An effect on each layer alone; draws are the layer's."""

    def plant(given: list[float], seed: int, layers: Sequence[Tensor], _first: int) -> list[Tensor]:
        return [change(values, given, generator_for(seed, topic, layer)) for layer, values in enumerate(layers)]

    return plant


def _over_images(change: Callable[[Tensor, list[float], torch.Generator], Tensor], topic: str) -> Make:
    """An effect on each image of each layer alone; draws are the image's, so that they do not depend on batches."""

    def plant(given: list[float], seed: int, layers: Sequence[Tensor], first: int) -> list[Tensor]:
        return [
            torch.cat(
                [
                    change(values[place : place + 1], given, generator_for(seed, topic, layer, first + place))
                    for place in range(len(values))
                ]
            )
            for layer, values in enumerate(layers)
        ]

    return plant


def _noise(image: Tensor, generator: torch.Generator) -> Tensor:
    """White noise of the image's root mean square."""
    values = as_features(image)
    drawn = torch.randn(values.shape, generator=generator).to(values)
    return drawn * (_rms(values) / _rms(drawn))


def _narrowed(values: Tensor, share: float) -> Tensor:
    live = max(1, round(share * values.shape[2]))
    kept = values.clone()
    kept[..., live:] = 0
    return kept * _ratio(_rms(values), _rms(kept))


def _spike(tokens: int, channels: int, dims: int, generator: torch.Generator) -> Tensor:
    """Gaussian tokens in a random subspace, ``[N, C]`` float64."""
    drawn = torch.randn(channels, dims, generator=generator, dtype=torch.float64)
    coefficients = torch.randn(tokens, dims, generator=generator, dtype=torch.float64)
    spike: Tensor = coefficients @ torch.linalg.qr(drawn).Q.T
    return spike


def _rms(values: Tensor) -> Tensor:
    """Root mean square of each image, ``[B, 1, 1]`` in the type of the values."""
    size: Tensor = values.double().square().mean(dim=(1, 2), keepdim=True).sqrt()
    return size.to(values.dtype)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Part over whole; 1 where there is nothing to divide by."""
    return torch.where(whole > 0, part / whole, 1)


_EFFECTS: dict[str, tuple[int, Make]] = {
    "scale_u": (1, lambda given, _seed, layers, _first: scale_u(layers, given[0])),
    "narrow_u": (1, lambda given, _seed, layers, _first: narrow_u(layers, given[0])),
    "rank_limited": (1, _over_layers(lambda values, given, _: rank_limited(values, int(given[0])), "")),
    "spiked": (
        2,
        _over_images(
            lambda values, given, draws: spiked(values, given[0], dims=int(given[1]), generator=draws), "spiked"
        ),
    ),
    "autoregressive": (1, _over_layers(lambda values, given, _: autoregressive(values, given[0]), "")),
    "compressed": (
        1,
        _over_layers(lambda values, given, draws: compressed(values, int(given[0]), generator=draws), "compressed"),
    ),
    "relabelled": (0, _over_layers(lambda values, _, draws: relabelled(values, generator=draws), "relabelled")),
    "white": (0, _over_images(lambda values, _, draws: _noise(values, draws), "white")),
}
