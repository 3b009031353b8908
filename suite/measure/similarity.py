"""Are two layers alike? Linear CKA on images, and correlation of channel spectra.

References:
    Kornblith et al., Similarity of Neural Network Representations Revisited, arXiv 1905.00414 (linear CKA; its plain
    estimator grows with the number of channels per image even for independent features, so it is not used).
    Song et al., Feature Selection via Dependence Maximization, JMLR 13 (2012), equation 5 (unbiased HSIC).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Vector = NDArray[np.float64]


def debiased_cka(first: ArrayLike, second: ArrayLike) -> float:
    """Linear CKA from the unbiased estimator of HSIC: near 0 for independent features, however wide.

    Args:
        first: ``[I, C1]``, at least 4 images.
        second: ``[I, C2]``.

    Returns:
        At most 1 up to sampling noise; it can fall below 0.

    Raises:
        ValueError: the rows do not pair up, hold NaN, are fewer than 4, or do not vary beyond noise.

    References:
        Song et al. 2012, equation 5; Nguyen et al., arXiv 2010.15327, equation 3.
    """
    return float(debiased_cka_table([first], [second])[0, 0])


def debiased_cka_table(first: Sequence[ArrayLike], second: Sequence[ArrayLike]) -> Vector:
    """`debiased_cka` of every layer of one network with every layer of another, each layer's images compared once.

    Args:
        first: one ``[I, C]`` per layer, at least 4 images.
        second: one ``[I, C]`` per layer, the same images.

    Returns:
        ``[len(first), len(second)]``.

    Raises:
        ValueError: as `debiased_cka` does.
    """
    for one, two in (*((layer, second[0]) for layer in first), *((first[0], layer) for layer in second)):
        _paired(one, two, least=4)
    others = [_hollow_gram(two) for two in second]
    norms = [_norm(other) for other in others]
    table = np.empty((len(first), len(second)))
    for row, features in enumerate(first):
        gram = _hollow_gram(features)
        norm = _norm(gram)
        table[row] = [_unbiased_hsic(gram, other) / (norm * size) for other, size in zip(others, norms, strict=True)]
    return table


def spectrum_similarity(first: ArrayLike, second: ArrayLike) -> float:
    """Pearson correlation of two layers' log-amplitude spectra on a common normalised frequency.

    Bin 0 is left out (it is the mean, not a frequency), only one side is used, and both curves are interpolated to the
    frequencies of the narrower layer, in cycles per channel, that lie within the range of both.

    Args:
        first: ``[C1]`` two-sided amplitude, bins 0 to ``C1 - 1``, positive from bin 1 on.
        second: ``[C2]`` likewise.

    Returns:
        From -1 to 1. Channel order is arbitrary, so compare with the correlation after permuting channels.

    Raises:
        ValueError: a curve is too short, not positive, or flat (its correlation is undefined).
    """
    curves = [_log_spectrum(first), _log_spectrum(second)]
    grid = min((frequency for frequency, _ in curves), key=len)
    grid = grid[(grid >= max(f[0] for f, _ in curves)) & (grid <= min(f[-1] for f, _ in curves))]
    one, two = (np.interp(grid, frequency, level) for frequency, level in curves)
    if len(grid) < 3 or min(np.ptp(one), np.ptp(two)) == 0:
        raise ValueError("these spectra have no correlation: they need 3 common frequencies and must not be flat")
    return float(np.clip(np.corrcoef(one, two)[0, 1], -1, 1))


def _log_spectrum(amplitude: ArrayLike) -> tuple[Vector, Vector]:
    """Frequencies in cycles per channel and log amplitudes of the bins 1 .. C // 2."""
    curve = np.asarray(amplitude, dtype=np.float64)
    if curve.ndim != 1 or len(curve) < 6:
        raise ValueError(f"a spectrum must be a curve over at least 6 channels, not {list(curve.shape)}")
    one_sided = curve[1 : len(curve) // 2 + 1]
    if not (np.isfinite(one_sided).all() and (one_sided > 0).all()):
        raise ValueError("a spectrum must be finite and positive from bin 1 on: is the layer constant?")
    return np.arange(1, len(one_sided) + 1) / len(curve), np.log(one_sided)


def _paired(first: ArrayLike, second: ArrayLike, *, least: int) -> tuple[Vector, Vector]:
    """Two float64 matrices with equally many rows."""
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 2 or two.ndim != 2 or len(one) != len(two) or len(one) < least:
        raise ValueError(
            f"CKA compares [images, channels] with [images, channels] of the same images, at least {least}, "
            f"not {list(one.shape)} with {list(two.shape)}"
        )
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise ValueError("CKA features hold NaN or infinite values: find the image that causes them first")
    return one, two


def _centred(features: Vector) -> Vector:
    """Features less their mean over images, scaled so that squares neither under- nor overflow."""
    deviation = features - features.mean(axis=0)
    size = np.abs(deviation).max()
    if size <= np.finfo(np.float64).eps * np.abs(features).max() * len(features):
        raise ValueError("CKA is undefined for features that are equal for all images: leave this layer out")
    return np.asarray(deviation / size)


def _hollow_gram(features: ArrayLike) -> Vector:
    """Products of images, with the diagonal, which compares images with themselves, set to zero."""
    # The estimator is invariant to centring; centring first spares it the cancellation of a large common offset.
    centred = _centred(np.asarray(features, dtype=np.float64))
    gram = np.asarray(centred @ centred.T)
    np.fill_diagonal(gram, 0)
    return gram


def _norm(gram: Vector) -> float:
    square = _unbiased_hsic(gram, gram)
    if square <= 0:
        raise ValueError("debiased CKA is undefined here: a layer varies no more than noise, pass more images")
    return float(np.sqrt(square))


def _unbiased_hsic(one: Vector, two: Vector) -> float:
    """Song et al. 2012, equation 5, on two hollow Gram matrices."""
    n = len(one)
    rows, columns = one.sum(axis=0), two.sum(axis=0)
    total = np.vdot(one, two) + rows.sum() * columns.sum() / ((n - 1) * (n - 2)) - 2 * rows @ columns / (n - 2)
    return float(total / (n * (n - 3)))
