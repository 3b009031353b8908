"""SpectralKD: match the two-dimensional spectra of feature maps; by Parseval, a re-weighted squared error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines._feature import FeatureMethod, PairedOptions, Pairs
from baselines._pairs import pool_channels, require_poolable


def spectral_alignment(student: Tensor, teacher: Tensor) -> Tensor:
    """The loss as published: MSE of real and imaginary parts of the orthonormal rfft2 over H and W.

    The reference for `spatial_alignment`, which costs less than half.

    Args:
        student: [B, C_s, H, W].
        teacher: [B, C_t, H, W], C_t ≥ C_s; pooled over adjacent channels to C_s.

    References:
        arXiv 2412.19055; github thy960112/SpectralKD, losses.py.
    """

    def spectrum(x: Tensor) -> Tensor:
        return torch.view_as_real(torch.fft.rfft2(x, norm="ortho"))

    return F.mse_loss(spectrum(student), spectrum(pool_channels(teacher, student.shape[1])))


def spatial_alignment(student: Tensor, teacher: Tensor) -> Tensor:
    """The same number without a transform.

    With D the difference of the maps and E_v the energy of D in horizontal frequency v,

        L = (‖D‖² + E_0 + [W even]·E_{W/2}) / (4·B·C·H·(⌊W/2⌋ + 1)):

    rfft2 keeps half of the conjugate-symmetric spectrum, all of it twice but for the columns 0 and W/2. Those
    two energies need only sums along W: of all positions for v = 0, with alternating sign for v = W/2, and
    the squares of sum and difference of the even and the odd positions add up to twice their squares.

    Args:
        student: [B, C_s, H, W].
        teacher: [B, C_t, H, W], C_t ≥ C_s; pooled over adjacent channels to C_s.
    """
    difference = student - pool_channels(teacher, student.shape[1])
    rows, width = difference[..., 0].numel(), difference.shape[-1]
    if width % 2:
        doubled = difference.sum(-1).square().sum() / width
    else:
        even, odd = difference[..., 0::2].sum(-1), difference[..., 1::2].sum(-1)
        doubled = 2 * (even.square().sum() + odd.square().sum()) / width
    return (difference.square().sum() + doubled) / (4 * rows * (width // 2 + 1))


def generic_weight(width: int) -> float:
    """The weight that SpectralKD gives an MSE at every horizontal frequency but 0 and W/2: .4375 for W = 14.

    Those two get twice as much, so L / MSE lies between this and twice this.
    """
    return width / (4 * (width // 2 + 1))


@dataclass(frozen=True, kw_only=True)
class SpectralOptions(PairedOptions):
    """Layers default to the published choice: the first two and the last six blocks of each network."""

    student_layers: tuple[int, ...] = (0, 1, -6, -5, -4, -3, -2, -1)
    teacher_layers: tuple[int, ...] = (0, 1, -6, -5, -4, -3, -2, -1)


class SpectralKD(FeatureMethod):
    """Spectral alignment averaged over the pairs of layers, computed by the spatial identity.

    Being an average, each pair has the weight / number of pairs. Distillation Dynamics (arXiv 2511.06848)
    uses the same loss on the first, the last, or the first and the last layer.
    """

    name = "spectral_kd"
    title = "SpectralKD"
    paper = "SpectralKD, arXiv 2412.19055"
    year = 2024
    aligns = "chosen layers, pooled channels, in the frequency domain"
    source = "arXiv 2412.19055; github thy960112/SpectralKD, losses.py and README (DeiT-Tiny)"
    licence = "MIT"
    differs = "the loss on spectra equals, by Parseval, an MSE with two columns of frequencies weighted double"
    published: ClassVar[Mapping[str, Any]] = {
        "alpha": 0.9,
        "temperature": 1.0,
        "label_smoothing": 0.1,
        "weight": 0.2,
        "student_layers": (0, 1, 6, 7, 8, 9, 10, 11),
        "teacher_layers": (0, 1, 18, 19, 20, 21, 22, 23),
    }
    options_type = SpectralOptions
    options: SpectralOptions

    def features(self) -> Pairs:
        """See `FeatureMethod.features`."""
        return Pairs(self.options, loss=spatial_alignment, require_fit=require_poolable)
