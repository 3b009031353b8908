"""The shape of a quantity over the layers of a network: does it fall and then rise?

A minimum that lies below both ends does not make a U: a zigzag has one, too. `branches` therefore asks for both
branches, a first one that falls and a second one that rises.

References:
    Distillation Dynamics, arXiv 2511.06848 (the "U" of intensity, entropy and magnitude over layers).
    Simonsohn, Two lines: a valid alternative to the invalid testing of U-shaped relationships, AMPPS 1(4), 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Profile = NDArray[np.float64]
FEWEST = 3
"""Layers of a branch, the turning point included, where there are enough layers: two always have a direction."""


@dataclass(frozen=True)
class Branches:
    """A profile over depth as two lines that meet at a layer.

    Attributes:
        turning: relative depth of the layer where they meet, 0 at the first layer, 1 at the last.
        fall: how far the first line falls from the first layer to the turning point, in the unit of the profile;
            negative if it rises.
        rise: how far the second line rises from there to the last layer; negative if it falls.
        falling: Spearman correlation of the values with depth up to the turning point; -1 if each lies below the last.
        rising: the same from the turning point on; 1 if each lies above the last. A constant branch has 0.
    """

    turning: float
    fall: float
    rise: float
    falling: float
    rising: float

    @property
    def depth(self) -> float:
        """The smaller of fall and rise: positive if and only if the first line falls and the second one rises."""
        return min(self.fall, self.rise)

    @property
    def agreement(self) -> float:
        """How steadily both branches go their way, from -1 to 1: the worse one of ``-falling`` and ``rising``.

        A clean U has 1, a profile that only rises or only falls has a negative value.
        """
        return min(-self.falling, self.rising)


def branches(profile: ArrayLike) -> Branches:
    """Fit two lines that meet at a layer, by least squares; the layer is the one that fits best.

    Each line spans at least `FEWEST` layers, two where there are fewer than five in all.

    >>> found = branches([5, 4, 3, 4, 5, 6, 7])
    >>> round(found.depth, 3), round(found.turning, 3), round(found.agreement, 3)
    (2.0, 0.333, 1.0)
    >>> branches([1, 2, 3, 4, 5]).depth < 0
    True

    Args:
        profile: ``[L]`` values over layers, first layer first, at least 3.

    Returns:
        The lines. Of several layers that fit equally well the first one counts.

    Raises:
        ValueError: there are fewer than 3 layers, or a value is NaN or infinite.

    References:
        Simonsohn 2018 (interrupted regression); there the break is set from the data as well.
    """
    values = _checked(profile)
    layers = len(values)
    least = min(FEWEST, (layers + 1) // 2)
    fits = [(_two_lines(values, knot), knot) for knot in range(least - 1, layers - least + 1)]
    # Fits within rounding of the best one are as good; the first of them is taken.
    slack = 1e-12 * float(np.square(values - values.mean()).sum())
    best = min(error for (error, _, _), _ in fits)
    (_, first, second), knot = next(fit for fit in fits if fit[0][0] <= best + slack)
    return Branches(
        turning=knot / (layers - 1),
        fall=-first * knot,
        rise=second * (layers - 1 - knot),
        falling=_spearman(values[: knot + 1]),
        rising=_spearman(values[knot:]),
    )


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
    return u_depth(doublings(profile))


def doublings(profile: ArrayLike) -> Profile:
    """A positive quantity as its binary logarithm: a profile whose unit is a doubling.

    Args:
        profile: ``[L]`` positive values over layers, at least 3.

    Returns:
        ``[L]``.

    Raises:
        ValueError: there are fewer than 3 layers, or a value is NaN, infinite or not positive.
    """
    values = _checked(profile)
    if (values <= 0).any():
        raise ValueError("a depth in doublings needs positive values: use the profile as it is")
    return np.log2(values)


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


def _checked(profile: ArrayLike) -> Profile:
    values = np.asarray(profile, dtype=np.float64)
    if values.ndim != 1 or len(values) < FEWEST:
        raise ValueError(f"a profile over depth needs at least 3 layers in one row, not {list(values.shape)}")
    if not np.isfinite(values).all():
        raise ValueError(f"the profile is NaN or infinite at layer {int(np.argmin(np.isfinite(values)))}")
    return values


def _two_lines(values: Profile, knot: int) -> tuple[float, float, float]:
    """Squared error and the slopes per layer of the best two lines that meet at a layer."""
    place = np.arange(len(values), dtype=np.float64) - knot
    design = np.stack([np.ones_like(place), np.minimum(place, 0), np.maximum(place, 0)], axis=1)
    height = values - values.mean()  # spares the fit the rounding of a common offset
    weights, *_ = np.linalg.lstsq(design, height, rcond=None)
    return float(np.square(height - design @ weights).sum()), float(weights[1]), float(weights[2])


def _spearman(values: Profile) -> float:
    """Rank correlation with the position; tied values share their mean rank."""
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    if len(size) == 1:
        return 0.0
    ranks = (np.cumsum(size) - (size - 1) / 2)[group]
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])
