"""Quality of an enlarged image on its luma channel, and where the energy of a feature map lies.

References:
    BasicSR (XPixelGroup), PSNR and SSIM on the Y channel of ITU-R BT.601; Wang et al., Image quality assessment: from
    error visibility to structural similarity, IEEE TIP 13 (2004) 600.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import convolve2d

RED, GREEN, BLUE, OFFSET = 65.481, 128.553, 24.966, 16.0
PEAK = 255.0
WINDOW, SIGMA = 11, 1.5  # of SSIM's Gaussian
C1, C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2

Image = NDArray[np.uint8]


def luma(image: Image) -> NDArray[np.float64]:
    """The Y channel of a picture, not rounded.

    Args:
        image: ``[H, W, 3]``, red, green, blue, 0 to 255.

    Returns:
        ``[H, W]``, 16 to 235.
    """
    scaled = image.astype(np.float32) / np.float32(PEAK)
    y = scaled @ np.asarray([RED, GREEN, BLUE], dtype=np.float32) + np.float32(OFFSET)
    return (y / np.float32(PEAK) * np.float32(PEAK)).astype(np.float64)


def psnr(image: Image, other: Image, *, border: int) -> float:
    """Peak signal-to-noise ratio on luma.

    Args:
        image: ``[H, W, 3]``, red, green, blue.
        other: likewise.
        border: pixels cut off at each side first.

    Returns:
        In dB; infinite for equal images.
    """
    error = np.mean((luma(_inner(image, border)) - luma(_inner(other, border))) ** 2)
    return float(10 * np.log10(PEAK**2 / error)) if error > 0 else float("inf")


def ssim(image: Image, other: Image, *, border: int) -> float:
    """Structural similarity on luma, mean over the part where the window fits.

    Args:
        image: ``[H, W, 3]``, red, green, blue.
        other: likewise.
        border: pixels cut off at each side first.

    Returns:
        At most 1.
    """
    first, second = luma(_inner(image, border)), luma(_inner(other, border))
    line = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
    window = np.outer(line, line) / line.sum() ** 2

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        smooth: NDArray[np.float64] = convolve2d(values, window, mode="valid")
        return smooth

    one, two = mean(first), mean(second)
    variances = mean(first**2) - one**2 + mean(second**2) - two**2
    covariance = mean(first * second) - one * two
    alike = (2 * one * two + C1) * (2 * covariance + C2) / ((one**2 + two**2 + C1) * (variances + C2))
    return float(alike.mean())


def radial_centroid(features: torch.Tensor) -> torch.Tensor:
    """Mean spatial frequency of feature maps, weighted by power, without the mean of each map.

    Args:
        features: ``[B, C, H, W]``.

    Returns:
        ``[B]`` in cycles a pixel, 0 to 0.71; NaN for an image whose maps are all constant.
    """
    maps = features.double()
    power = torch.fft.fft2(maps - maps.mean(dim=(2, 3), keepdim=True)).abs().square().sum(dim=1)
    rows, columns = (torch.fft.fftfreq(length, dtype=torch.float64, device=maps.device) for length in maps.shape[2:])
    radius = torch.hypot(rows[:, None], columns[None, :])
    centroid: torch.Tensor = (power * radius).sum(dim=(1, 2)) / power.sum(dim=(1, 2))
    return centroid


def _inner(image: Image, border: int) -> Image:
    height, width = image.shape[:2]
    return image[border : height - border, border : width - border]
