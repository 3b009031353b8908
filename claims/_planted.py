"""Effects planted at the desk's own scale: does the instrument show them where they are by construction?

Images of Gaussian tokens, as many and as wide as the network's layers are, drawn anew for every block; an effect is
planted in them, and the claim's own quantity read off. Where a quantity follows from saved numbers exactly (the mean
absolute activation of rescaled layers), the network's own are rescaled instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from suite.evidence.cell import Result

IMAGES = 32  # the published batch
ENDS = 8.0  # a U of dimensions: both ends hold this many times those of the bottom


def noise(result: Result, *topic: str) -> list[Tensor]:
    """White images, one set a layer, as wide as the network's: ``[32, N_l, C_l]``; drawn anew in every block."""
    from suite.measure.nulls import generator_for, white

    sizes = zip(result.arrays["tokens"], result.arrays["channels"], strict=True)
    return [
        white(IMAGES, int(tokens), int(channels), generator=generator_for(result.seed, *topic, layer))
        for layer, (tokens, channels) in enumerate(sizes)
    ]


def of_scale_u(profile: Callable[[Sequence[Tensor]], np.ndarray], dose: float) -> Callable[[Result], np.ndarray]:
    """A profile over layers of noise whose scale makes a U: both ends larger than the bottom by the dose."""

    def value(result: Result) -> np.ndarray:
        from suite.measure.planted import scale_u

        return profile(scale_u(noise(result, "scale u"), dose))

    return value


def of_compression(profile: Callable[[Sequence[Tensor]], np.ndarray]) -> Callable[[Result], np.ndarray]:
    """A profile over layers of noise squeezed through ever fewer dimensions, an eighth at the bottom, then more."""

    def value(result: Result) -> np.ndarray:
        from suite.measure.nulls import generator_for
        from suite.measure.planted import compressed, u_factors

        layers = noise(result, "compression")
        shares = np.asarray(u_factors(len(layers), ENDS - 1)) / ENDS
        return profile(
            [
                compressed(
                    layer,
                    max(1, round(share * layer.shape[2])),
                    generator=generator_for(result.seed, "through", number),
                )
                for number, (layer, share) in enumerate(zip(layers, shares, strict=True))
            ]
        )

    return value


def of_low_pass_u(profile: Callable[[Sequence[Tensor]], np.ndarray], *, again: bool) -> Callable[[Result], np.ndarray]:
    """A profile over layers whose neighbouring channels are alike in the middle of the network and not at its ends.

    Args:
        profile: features of all layers -> ``[L]``.
        again: whether channels are then put in another order, as no network would notice.
    """

    def value(result: Result) -> np.ndarray:
        from suite.measure.planted import autoregressive, u_factors

        layers = noise(result, "low pass")
        height = np.log(u_factors(len(layers), 1.0)) / np.log(2.0)  # 0 at the bottom, 1 at the ends
        planted = [
            autoregressive(layer, 0.5 * (1 - share)) for layer, share in zip(layers, height.tolist(), strict=True)
        ]
        return profile([reordered(result, layer) for layer in planted] if again else planted)

    return value


def reordered(result: Result, layer: Tensor) -> Tensor:
    """A layer with its channels in another order, drawn for the block."""
    from suite.measure.nulls import generator_for
    from suite.measure.planted import relabelled

    return relabelled(layer, generator=generator_for(result.seed, "relabelled", layer.shape[2]))


def rescaled(name: str, dose: float) -> Callable[[Result], np.ndarray]:
    """A saved quantity of degree one in the features, as if their scale made a U over the network's own layers.

    Args:
        name: of the saved array, ``[L, B]``, which doubles where features double.
        dose: by how much both ends exceed the bottom.
    """

    def value(result: Result) -> np.ndarray:
        from suite.measure.planted import u_factors

        saved, scale = (np.asarray(result.arrays[key], dtype=np.float64) for key in (name, "scale"))
        factors = np.asarray(u_factors(len(saved), dose))[:, None]
        return np.asarray((saved / scale * factors).mean(axis=1))

    return value
