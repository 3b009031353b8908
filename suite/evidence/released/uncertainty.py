"""How far an accuracy, or a difference of two, may be off when only logs are released."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from suite.errors import SuiteError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LARGEST_SET = 100_000
WHOLE = 0.01  # images: 32-bit means leave up to 0.002 at 50,000 images; a wrong size misses by up to 0.5


def evaluation_images(percents: ArrayLike) -> int:
    """Size of the set on which accuracies were measured: the smallest of which all are whole shares.

    Args:
        percents: ``[E]`` accuracies in percent, of many epochs: a single one fits many sizes.

    Returns:
        Number of images, at most 100,000.

    Raises:
        SuiteError: the accuracies are whole shares of no such set.
    """
    sizes = np.arange(1, LARGEST_SET + 1)
    for percent in np.unique(np.asarray(percents, dtype=np.float64)):
        sizes = sizes[off_grid(percent, sizes) < WHOLE]
    if not len(sizes):
        raise SuiteError(f"the accuracies are whole shares of no evaluation set up to {LARGEST_SET:,} images")
    return int(sizes[0])


def off_grid(percents: ArrayLike, images: ArrayLike) -> NDArray[np.float64]:
    """Distance of an accuracy from the nearest whole number of correct images.

    Args:
        percents: accuracies in percent.
        images: size of the evaluation set; broadcasts with ``percents``.

    Returns:
        In images, 0 to 0.5.
    """
    correct = np.asarray(percents, dtype=np.float64) * np.asarray(images) / 100
    distance: NDArray[np.float64] = np.abs(correct - np.round(correct))
    return distance


def binomial_error(percent: float, images: int) -> float:
    """Standard error of an accuracy over a random set of images.

    Args:
        percent: accuracy, 0 to 100.
        images: size of the set.

    Returns:
        In percentage points.
    """
    return 100 * math.sqrt(percent / 100 * (1 - percent / 100) / images)


def paired_error(first: float, second: float, images: int, *, correlation: float) -> float:
    """Standard error of the difference of two networks' accuracies on the same images.

    Args:
        first: accuracy of one in percent.
        second: accuracy of the other in percent.
        images: size of the set.
        correlation: over images, between being right of one and of the other; 0 if they err independently.
            At accuracies of 77 % both, 0.6 means that on 14 % of the images exactly one is right.

    Returns:
        In percentage points.

    References:
        McNemar, Psychometrika 12 (1947) 153: the difference rests on the images of which one alone is right.
    """
    one, other = binomial_error(first, images), binomial_error(second, images)
    return math.sqrt(max(0.0, one**2 + other**2 - 2 * correlation * one * other))


def run_noise(first: ArrayLike, second: ArrayLike) -> float:
    """Standard deviation of one run, from two runs that differ by nothing that matters.

    Args:
        first: ``[...]`` accuracies of one.
        second: the same of the other.

    Returns:
        Root mean square difference over √2, in the unit of the accuracies. A systematic difference between
        the two counts as noise, so it is an upper estimate.
    """
    gap = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return float(np.sqrt(np.mean(gap**2) / 2))
