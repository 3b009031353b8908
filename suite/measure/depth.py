"""The shape of a quantity over the layers of a network: does it fall and then rise?

References:
    Distillation Dynamics, arXiv 2511.06848 (the "U" of intensity, entropy and magnitude over layers).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Profile = NDArray[np.float64]


def u_depth(profile: ArrayLike) -> float:
    """How far both ends rise above the interior minimum: the lower end less that minimum.

    Args:
        profile: ``[L]`` values over layers, first layer first, at least 3.

    Returns:
        In the unit of the profile; positive if and only if both ends lie above some layer between them.

    Raises:
        ValueError: there are fewer than 3 layers, or a value is NaN or infinite.

    References:
        Distillation Dynamics, arXiv 2511.06848 (U-shaped profiles).
    """
    values = _checked(profile)
    return float(min(values[0], values[-1]) - values[1:-1].min())


def u_depth_log2(profile: ArrayLike) -> float:
    """`u_depth` of a positive quantity as a ratio: how many doublings both ends lie above the interior minimum.

    Args:
        profile: ``[L]`` positive values over layers, at least 3.

    Returns:
        ``log2`` of the smaller ratio end / minimum; it does not depend on the unit.

    Raises:
        ValueError: there are fewer than 3 layers, or a value is NaN, infinite or not positive.
    """
    values = _checked(profile)
    if (values <= 0).any():
        raise ValueError("a depth in doublings needs positive values: use u_depth")
    return u_depth(np.log2(values))


def minimum_position(profile: ArrayLike) -> float:
    """Where the smallest value lies, ends included; the first one of several.

    Args:
        profile: ``[L]`` values over layers, at least 3.

    Returns:
        0 at the first layer, 1 at the last.

    Raises:
        ValueError: there are fewer than 3 layers, or a value is NaN or infinite.
    """
    values = _checked(profile)
    return float(np.argmin(values) / (len(values) - 1))


def branch_correlations(profile: ArrayLike) -> tuple[float, float]:
    """Spearman correlation with depth before and after the interior minimum, which belongs to both branches.

    Args:
        profile: ``[L]`` values over layers, at least 3.

    Returns:
        (falling, rising), each from -1 to 1: (-1, 1) for a clean U. A constant branch has 0.

    Raises:
        ValueError: there are fewer than 3 layers, or a value is NaN or infinite.
    """
    values = _checked(profile)
    bottom = 1 + int(np.argmin(values[1:-1]))
    return _spearman(values[: bottom + 1]), _spearman(values[bottom:])


def _checked(profile: ArrayLike) -> Profile:
    values = np.asarray(profile, dtype=np.float64)
    if values.ndim != 1 or len(values) < 3:
        raise ValueError(f"a profile over depth needs at least 3 layers in one row, not {list(values.shape)}")
    if not np.isfinite(values).all():
        raise ValueError(f"the profile is NaN or infinite at layer {int(np.argmin(np.isfinite(values)))}")
    return values


def _spearman(values: Profile) -> float:
    """Rank correlation with the position; tied values share their mean rank."""
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    if len(size) == 1:
        return 0.0
    ranks = (np.cumsum(size) - (size - 1) / 2)[group]
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])
