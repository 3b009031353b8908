"""What a stream keeps of one layer: a few numbers per image, and sums over images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from suite.measure._features import groups_of, pieces, working
from suite.measure._histogram import histogram_bits
from suite.measure._kernels import reorder_channels
from suite.measure.entropy import BINS, standard_range
from suite.measure.magnitude import mean_absolute, rms_about_mean, token_moments
from suite.measure.spectrum import ChannelSpectrum, mirror, one_sided_amplitude

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from suite.measure._spill import Spill
    from suite.measure.energy_pattern import PatternSum

Range = tuple[float, float]

PER_IMAGE = (
    "magnitude",
    "scale",
    "intensity",
    "entropy_global",
    "entropy_layer",
    "entropy_standardised",
    "dc_share",
    "flatness",
    "flatness_permuted",
    "low_pass",
    "low_pass_permuted",
)
"""Quantities with one number per image and layer."""


@dataclass(frozen=True)
class Deep:
    """What is kept of a layer that gets a second look.

    Attributes:
        spill: its features on disk.
        pattern: energy pattern of its tokens, in bin order.
        pattern_permuted: the same after the channel permutation.
        pattern_sorted: energy pattern of its tokens, strongest bin first.
    """

    spill: Spill
    pattern: PatternSum
    pattern_permuted: PatternSum
    pattern_sorted: PatternSum

    @property
    def patterns(self) -> tuple[PatternSum, PatternSum, PatternSum]:
        """All three."""
        return self.pattern, self.pattern_permuted, self.pattern_sorted


@dataclass(frozen=True)
class Piece:
    """What is measured on a few images at a time.

    Attributes:
        spectrum: of the channels as they are.
        permuted: of the permuted channels.
        bits: ``[b, 3, N]`` entropy of each token: range over all layers, over this layer, standardised.
        size: ``[b, 2]`` magnitude and scale.
        pooled: ``[b, C]`` mean token.
    """

    spectrum: ChannelSpectrum
    permuted: ChannelSpectrum
    bits: Tensor
    size: Tensor
    pooled: Tensor


class LayerTally:
    """Measures batches of one layer and keeps the results."""

    def __init__(
        self,
        tokens: int,
        channels: int,
        *,
        order: Tensor,
        over_layers: Range,
        over_layer: Range,
        deep: Deep | None,
        groups: int = 1,
    ) -> None:
        """Fix what does not change from batch to batch.

        Args:
            tokens: ``N``.
            channels: ``C``.
            order: ``[C]`` the channel permutation.
            over_layers: histogram range common to all layers.
            over_layer: histogram range of this layer.
            deep: where the features go if the layer gets a second look.
            groups: sums are kept for each group of images, image ``i`` being in group ``i % groups``.
        """
        self.tokens = tokens
        self.channels = channels
        self.deep = deep
        self._order = order
        self._over_layers = over_layers
        self._over_layer = over_layer
        self._per_image: list[NDArray[np.float64]] = []
        self._pooled: list[NDArray[np.float32]] = []
        self._amplitude = torch.zeros(groups, 2, channels // 2 + 1, dtype=torch.float64)
        self._images = 0
        self._clipped = 0

    def add(self, features: Tensor, low: Tensor, high: Tensor) -> None:
        """Measure a batch.

        Args:
            features: ``[B, N, C]``, finite.
            low: ``[B]`` smallest value of each image.
            high: ``[B]`` largest.
        """
        if float(low.min()) < self._over_layer[0] or float(high.max()) > self._over_layer[1]:
            inside = (features >= self._over_layer[0]) & (features <= self._over_layer[1])
            self._clipped += features.numel() - int(inside.sum())
        self._keep([self._measure(working(piece)) for piece in pieces(features)])
        self._images += len(features)

    def per_image(self) -> NDArray[np.float64]:
        """The quantities of `PER_IMAGE`, in that order.

        Returns:
            ``[Q, I]``.
        """
        return np.concatenate(self._per_image, axis=1)

    def pooled(self) -> NDArray[np.float32]:
        """Mean token of each image.

        Returns:
            ``[I, C]``.
        """
        return np.concatenate(self._pooled)

    def clipped_share(self) -> float:
        """Share of values outside this layer's histogram range.

        Returns:
            From 0 to 1; no larger a share lies outside the range common to all layers.
        """
        return self._clipped / (self._images * self.tokens * self.channels)

    def amplitude(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean two-sided amplitude, as it is and with channels permuted.

        Returns:
            Two ``[C]`` arrays.
        """
        as_is, permuted = mirror(self._amplitude.sum(dim=0) / self._images, self.channels).numpy()
        return as_is, permuted

    def grouped_amplitude(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`amplitude` of each group of images.

        Returns:
            Two ``[groups, C]`` arrays.
        """
        counts = groups_of(0, self._images, len(self._amplitude)).bincount(minlength=len(self._amplitude))
        mean = mirror(self._amplitude / counts[:, None, None], self.channels).numpy()
        return mean[:, 0], mean[:, 1]

    def state(self) -> dict[str, Any]:
        """What :meth:`resumed` goes on from; the features themselves lie on disk."""
        return {
            "tokens": self.tokens,
            "channels": self.channels,
            "order": self._order,
            "over_layers": list(self._over_layers),
            "over_layer": list(self._over_layer),
            "per_image": torch.from_numpy(self.per_image()),
            "pooled": torch.from_numpy(self.pooled()),
            "amplitude": self._amplitude,
            "images": self._images,
            "clipped": self._clipped,
            "kind": None if self.deep is None else self.deep.spill.kind,
            "patterns": [] if self.deep is None else [pattern.state() for pattern in self.deep.patterns],
        }

    @classmethod
    def resumed(cls, state: Mapping[str, Any], *, deep: Deep | None) -> LayerTally:
        """Go on from a :meth:`state`.

        Args:
            state: of a tally that was as deep as this one.
            deep: its features on disk, with as many images.

        Returns:
            The tally.
        """
        tally = cls(
            state["tokens"],
            state["channels"],
            order=state["order"],
            over_layers=tuple(state["over_layers"]),
            over_layer=tuple(state["over_layer"]),
            deep=deep,
            groups=len(state["amplitude"]),
        )
        tally._per_image, tally._pooled = [state["per_image"].numpy()], [state["pooled"].numpy()]
        tally._amplitude, tally._images, tally._clipped = state["amplitude"], state["images"], state["clipped"]
        if deep is not None:
            for pattern, before in zip(deep.patterns, state["patterns"], strict=True):
                pattern.load(before)
        return tally

    def _measure(self, values: Tensor) -> Piece:
        amplitude = one_sided_amplitude(values)
        amplitude_permuted = one_sided_amplitude(reorder_channels(values, self._order))
        if self.deep is not None:
            self.deep.spill.append(values)
            self.deep.pattern.add(amplitude)
            self.deep.pattern_permuted.add(amplitude_permuted)
            self.deep.pattern_sorted.add(amplitude)
        moments = token_moments(values)
        ranges = (self._over_layers, self._over_layer, standard_range(*moments))
        return Piece(
            ChannelSpectrum.of(amplitude, self.channels),
            ChannelSpectrum.of(amplitude_permuted, self.channels),
            torch.stack([histogram_bits(values, *ends, bins=BINS) for ends in ranges], dim=1),
            torch.stack([mean_absolute(values), rms_about_mean(*moments)], dim=1),
            values.mean(dim=1).float(),
        )

    def _keep(self, parts: list[Piece]) -> None:
        spectrum = ChannelSpectrum.joined([part.spectrum for part in parts])
        permuted = ChannelSpectrum.joined([part.permuted for part in parts])
        bits, size, pooled = (
            torch.cat(tensors) for tensors in zip(*((p.bits, p.size, p.pooled) for p in parts), strict=True)
        )
        rows = (
            *size.T,
            spectrum.intensity(),
            *bits.mean(dim=2).T,
            spectrum.dc_share(),
            spectrum.flatness(),
            permuted.flatness(),
            spectrum.low_pass_share(),
            permuted.low_pass_share(),
        )
        self._per_image.append(torch.stack(rows).cpu().numpy())
        self._pooled.append(pooled.cpu().numpy())
        group = groups_of(self._images, len(pooled), len(self._amplitude))
        both = torch.stack([part.amplitude for part in (spectrum, permuted)], dim=1)
        self._amplitude.index_add_(0, group, both.double().cpu())
