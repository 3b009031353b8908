"""The Fourier transform of a token along its channels: amplitude, power and what is read off them.

For a token ``x`` of ``C`` channels, ``F[k] = 1/C sum_c x[c] exp(-2 pi i k c / C)``. Real tokens have
``F[C-k] = conj F[k]``, so only the bins ``0 .. C // 2`` are computed; the published two-sided curves are mirrored.
The order of channels in a network is arbitrary: compare every reading with its twin on permuted channels.

References:
    Distillation Dynamics, arXiv 2511.06848, and its released analysis (1/C scaling, amplitude, all bins, k = 0 too).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from suite.measure._features import as_features, pieces
from suite.measure._kernels import modulus, reorder_channels
from suite.measure.nulls import generator_for, permutation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from suite.measure._layer import Layer, Piece


def mirror(one_sided: Tensor, channels: int) -> Tensor:
    """Complete a one-sided spectrum of a real signal to all bins.

    Args:
        one_sided: ``[..., C // 2 + 1]``, bins 0 to ``C // 2``.
        channels: ``C``; its parity says whether the last bin has a twin.

    Returns:
        ``[..., C]``, bins 0 to ``C - 1``.
    """
    return torch.cat([one_sided, one_sided[..., 1 : (channels + 1) // 2].flip(-1)], dim=-1)


def two_sided_sum(one_sided: Tensor, channels: int) -> Tensor:
    """Sum over all ``C`` bins of a spectrum of which one side is given.

    Args:
        one_sided: ``[..., C // 2 + 1]``.
        channels: ``C``.

    Returns:
        ``[...]``.
    """
    twins = one_sided[..., 1 : (channels + 1) // 2].sum(dim=-1)
    return one_sided.sum(dim=-1) + twins


def one_sided_amplitude(values: Tensor) -> Tensor:
    """Amplitude ``C |F[k]|`` of every token at the bins ``0 .. C // 2``: not yet divided by ``C``.

    Args:
        values: checked features ``[B, N, C]``, float32 or float64.

    Returns:
        ``[B, N, C // 2 + 1]``, type of the input.
    """
    return modulus(torch.fft.rfft(values))


def bins_of(channels: int) -> int:
    """Bins of a one-sided spectrum."""
    return channels // 2 + 1


def amplitude_of(piece: Piece) -> Tensor:
    """`one_sided_amplitude` of a piece, for `suite.measure._layer.Piece.once`."""
    return one_sided_amplitude(piece.values)


def permuted_amplitude_of(piece: Piece) -> Tensor:
    """The same with the layer's channels in one random order."""
    return one_sided_amplitude(reorder_channels(piece.values, piece.layer.once(channel_order)))


def channel_order(layer: Layer) -> Tensor:
    """The layer's random order of channels, for `suite.measure._layer.Layer.once`: ``[C]`` int64 on its device."""
    generator = generator_for(layer.seed, "channel order", layer.number)
    return permutation(layer.channels, generator=generator).to(layer.device)


def spectrum_of(piece: Piece) -> ChannelSpectrum:
    """The channel spectrum of a piece, for `suite.measure._layer.Piece.once`."""
    return ChannelSpectrum.of(piece.once(amplitude_of), piece.layer.channels)


def permuted_spectrum_of(piece: Piece) -> ChannelSpectrum:
    """The same with the layer's channels in one random order."""
    return ChannelSpectrum.of(piece.once(permuted_amplitude_of), piece.layer.channels)


@dataclass(frozen=True)
class ChannelSpectrum:
    """The mean over its tokens of each image's channel spectrum.

    Attributes:
        amplitude: ``[B, C // 2 + 1]`` float64, mean of ``|F[k]|``, activation units.
        power: ``[B, C // 2 + 1]`` float64, mean of ``|F[k]|^2``; over all ``C`` bins it sums to the mean square
            (Parseval).
        channels: ``C``, at least 2.
    """

    amplitude: Tensor
    power: Tensor
    channels: int

    @classmethod
    def of(cls, amplitude: Tensor, channels: int) -> ChannelSpectrum:
        """Average the tokens' amplitudes.

        Args:
            amplitude: ``[B, N, C // 2 + 1]`` from `one_sided_amplitude`.
            channels: ``C``.

        Returns:
            The spectrum of each image.
        """
        mean, power = amplitude.mean(dim=1).double(), amplitude.square().mean(dim=1).double()
        return cls(mean / channels, power / channels**2, channels)

    @classmethod
    def joined(cls, parts: Sequence[ChannelSpectrum]) -> ChannelSpectrum:
        """Put the spectra of several pieces one after the other.

        Args:
            parts: at least one, of equal width.

        Returns:
            The spectra of all their images.
        """
        amplitude, power = (
            torch.cat(tensors) for tensors in zip(*((p.amplitude, p.power) for p in parts), strict=True)
        )
        return cls(amplitude, power, parts[0].channels)

    def intensity(self) -> Tensor:
        """Mean amplitude over all ``C`` bins: for white tokens ``0.886 sd / sqrt(C)``, so it measures scale.

        Returns:
            ``[B]``, activation units.

        References:
            Distillation Dynamics, arXiv 2511.06848 (frequency intensity).
        """
        return two_sided_sum(self.amplitude, self.channels) / self.channels

    def dc_share(self) -> Tensor:
        """Share of the energy in bin 0, that is in the tokens' means: the part no permutation of channels moves.

        Returns:
            ``[B]`` in [0, 1]; 0 for an image without energy.
        """
        return _share(self.power[:, 0], two_sided_sum(self.power, self.channels))

    def flatness(self) -> Tensor:
        """Geometric over arithmetic mean of the power in the one-sided bins ``k >= 1``.

        Returns:
            ``[B]`` in [0, 1]: 1 for a flat spectrum, 0 if a bin (or the image) is empty. White tokens come near 1
            because the power is averaged over tokens first.
        """
        varying = self.power[:, 1:]
        return _share(varying.log().mean(dim=1).exp(), varying.mean(dim=1))

    def low_pass_share(self) -> Tensor:
        """Share of the power of the one-sided bins ``k >= 1`` that lies in their lowest quarter.

        The quarter is rounded down, but never below one bin.

        Returns:
            ``[B]`` in [0, 1]: about 1/4 for a flat spectrum; 0 for an image without such power.
        """
        varying = self.power[:, 1:]
        quarter = max(1, varying.shape[1] // 4)
        return _share(varying[:, :quarter].sum(dim=1), varying.sum(dim=1))


def channel_spectrum(features: Tensor) -> ChannelSpectrum:
    """The channel spectrum of each image.

    Args:
        features: ``[B, N, C]``, ``C`` at least 2.

    Returns:
        Amplitude and power, averaged over tokens.

    Raises:
        ValueError: the features are malformed or have a single channel.
    """
    values = as_features(features)
    channels = values.shape[2]
    require_spectrum(channels)
    return ChannelSpectrum.joined(
        [ChannelSpectrum.of(one_sided_amplitude(piece), channels) for piece in pieces(values)]
    )


def require_spectrum(channels: int) -> None:
    """Refuse a width that has no bin besides the mean.

    Args:
        channels: ``C``.

    Raises:
        ValueError: it is below 2.
    """
    if channels < 2:
        raise ValueError("a channel spectrum needs at least 2 channels: leave this layer out")


def channel_amplitude(features: Tensor) -> Tensor:
    """The published curve: two-sided amplitude, averaged over images and tokens.

    Args:
        features: ``[B, N, C]``.

    Returns:
        ``[C]`` float64, bins 0 to ``C - 1``, activation units.

    References:
        Distillation Dynamics, arXiv 2511.06848 (channel spectra of layers).
    """
    spectrum = channel_spectrum(features)
    return mirror(spectrum.amplitude.mean(dim=0), spectrum.channels)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """Part over whole, 0 where there is nothing to share."""
    return torch.where(whole > 0, part / whole, torch.zeros_like(whole))
