"""Curves with their spread: one thin line a seed, their mean, and its interval; named at their right end."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from suite.judge import NoSpread, mean_interval
from suite.show.figures.style import SMALL, name_right
from suite.show.numbers import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from suite.show.figures.palette import Theme

    Vector = NDArray[np.float64]

_NAME_HEIGHT = 0.15  # inches a line of a name takes
_NAME_WIDTH = 28  # characters
_BEYOND = 0.6  # a band may reach so far beyond the curves, in units of their own range


@dataclass(frozen=True)
class Series:
    """One quantity along an axis.

    Attributes:
        name: written at its end.
        x: ``[L]`` ascending.
        y: ``[S, L]`` one row a seed.
        role: a colour of :class:`suite.show.figures.style.Theme`.
        dashed: for a second control.
        named_at: where along x to write the name inside the plot; None for beside its right end.
    """

    name: str
    x: Vector
    y: Vector
    role: str = "ours"
    dashed: bool = False
    named_at: float | None = None

    @property
    def mean(self) -> Vector:
        """``[L]`` over seeds."""
        return np.asarray(self.y.mean(axis=0))

    def band(self) -> tuple[Vector, Vector] | None:
        """``[L]`` ends of the 95 % interval of the mean at each point; None for a single seed."""
        if len(self.y) < 2:
            return None
        ends = [mean_ends(column.tolist()) for column in self.y.T]
        return np.array([low for low, _ in ends]), np.array([high for _, high in ends])


def mean_ends(values: Sequence[float]) -> tuple[float, float]:
    """Ends of the 95 % interval of a mean for a picture: both the value itself, where all are equal."""
    try:
        interval = mean_interval(values)
    except NoSpread:
        return values[0], values[0]
    return interval.low, interval.high


def plot_series(axes: Axes, series: Sequence[Series], theme: Theme) -> None:
    """Draw curves, controls first, and leave the vertical range at what they span."""
    for one in sorted(series, key=lambda each: each.role != "control"):
        colour, control = theme.roles()[one.role], one.role == "control"
        band = one.band()
        if band is not None:
            axes.fill_between(one.x, *band, color=colour, alpha=0.14 if control else 0.2, linewidth=0)
        for row in one.y:
            axes.plot(one.x, row, color=colour, linewidth=0.6, alpha=0.55)
        style = "--" if one.dashed else "-"
        axes.plot(one.x, one.mean, color=colour, linewidth=1.4 if control else 2.0, linestyle=style)
    axes.set_ylim(*_range(series))
    size = plural(max(len(one.y) for one in series), "seed")
    axes.annotate(
        f"n = {size}",
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(0, 4),
        textcoords="offset points",
        va="bottom",
        fontsize=SMALL,
        color=theme.muted,
    )


def _range(series: Sequence[Series]) -> tuple[float, float]:
    """From lowest to highest curve, with the bands as far as they do not dwarf them."""
    low, high = min(float(one.y.min()) for one in series), max(float(one.y.max()) for one in series)
    span = (high - low) or abs(high) or 1.0
    bands = [band for one in series if (band := one.band()) is not None]
    lowest = min((float(band[0].min()) for band in bands), default=low)
    highest = max((float(band[1].max()) for band in bands), default=high)
    low, high = max(min(low, lowest), low - _BEYOND * span), min(max(high, highest), high + _BEYOND * span)
    margin = 0.05 * ((high - low) or 1.0)
    return low - margin, high + margin


def spread(heights: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Move things apart until they no longer overlap, as little as possible.

    Args:
        heights: where their centres belong, in any order.
        sizes: how much room each takes.
        low: lowest end allowed; given up if there is too much.
        high: highest end allowed.

    Returns:
        Their centres, in the order given.
    """
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    groups: list[tuple[list[int], float]] = []  # things that touch, and their lowest end
    for index in order:
        groups.append(([index], heights[index] - sizes[index] / 2))
        while len(groups) > 1 and groups[-1][1] < groups[-2][1] + sum(sizes[one] for one in groups[-2][0]):
            members = groups[-2][0] + groups[-1][0]
            groups[-2:] = [(members, _settled(members, heights, sizes))]
    bottoms = [bottom for _, bottom in groups]
    top = groups[-1][1] + sum(sizes[one] for one in groups[-1][0]) if groups else high
    shift = max(0.0, low - min(bottoms, default=low)) - max(0.0, top - high)
    places = [0.0] * len(heights)
    for members, bottom in groups:
        at = bottom + shift
        for index in members:
            places[index] = at + sizes[index] / 2
            at += sizes[index]
    return places


def _settled(members: Sequence[int], heights: Sequence[float], sizes: Sequence[float]) -> float:
    """The lowest end of a stack that moves its members by as little as possible in all."""
    wanted, below = [], 0.0
    for index in members:
        wanted.append(heights[index] - sizes[index] / 2 - below)
        below += sizes[index]
    return sum(wanted) / len(wanted)


def name_ends(axes: Axes, ends: Sequence[tuple[float, str, str]], height: float) -> None:
    """Write names to the right of where curves end, apart from each other.

    Args:
        axes: their vertical range must be final.
        ends: height in data, name, colour.
        height: of the axes in inches.
    """
    low, high = axes.get_ylim()
    per_inch = (high - low) / height
    inside = [min(max(value, low), high) for value, _, _ in ends]
    lines = [wrap(name, _NAME_WIDTH) for _, name, _ in ends]
    sizes = [_NAME_HEIGHT * per_inch * len(line) for line in lines]
    for value, place, line, (_, _, colour) in zip(inside, spread(inside, sizes, low, high), lines, ends, strict=True):
        moved = abs(place - value) > 0.02 * per_inch
        name_right(axes, value, ("\n".join(line),), colour, at=place if moved else None)
