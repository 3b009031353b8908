"""The strip below every figure: what was judged, on one axis with the claimed region."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import TYPE_CHECKING

from matplotlib.patches import Rectangle

from suite.show.figures.style import SMALL, name_right, plain_ticks
from suite.show.numbers import interval_text, number, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from suite.show.figures.judged import Judged, Row
    from suite.show.figures.palette import Theme

ROW, HEAD = 0.34, 0.26  # inches
LANE = 0.125  # a seed with a line of its own
LANES = 12  # as many seeds are told apart by name
_CHARACTER = 0.021  # a small one, as a share of the axis
_SAME = 1e-9  # a spread below this share of the numbers is none
_SMALLEST = 1e-200  # matplotlib divides by the width of an axis
_LINE_WIDTH = 74  # characters below the axis
_NAME_WIDTH = 27  # characters beside it


def strip_height(what: Judged, *, lanes: bool = False) -> float:
    """How many inches the strip needs."""
    return HEAD + sum(_height(row, lanes=lanes) for row in what.rows) + ROW * len(what.published)


def _height(row: Row, *, lanes: bool) -> float:
    return ROW + LANE * len(row.values) if lanes and len(row.values) <= LANES else ROW


def draw_strip(axes: Axes, what: Judged, theme: Theme, *, lanes: bool = False) -> None:
    """Draw the strip.

    Args:
        axes: as high as :func:`strip_height` says, in inches.
        what: to draw.
        theme: its colours.
        lanes: give every seed a line of its own, the same in each row.
    """
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    _scale(axes, what)
    top = axes.get_ylim()[1]
    _draw_region(axes, what, theme, top)
    top -= HEAD
    for value, text in what.published:
        middle = top - ROW / 2
        axes.plot(value, middle, marker="D", markersize=5, color=theme.published, fillstyle="none", clip_on=False)
        name_right(axes, middle, tuple(wrap(f"published {text}", _NAME_WIDTH)[:2]), theme.published)
        top -= ROW
    ticks: list[tuple[float, str]] = []
    for row in what.rows:
        ticks += _draw_row(axes, row, theme, top, lanes=lanes)
        top -= _height(row, lanes=lanes)
    axes.set_yticks([height for height, _ in ticks], [label for _, label in ticks], fontsize=6.5)
    axes.tick_params(axis="y", length=0)
    if not what.logarithmic:
        plain_ticks(axes, y=0)
    name = with_unit(what.quantity, f"[{what.unit}]" if what.unit else "")
    axes.set_xlabel("\n".join(wrap(name, _LINE_WIDTH)[:2]), fontsize=SMALL)


def _scale(axes: Axes, what: Judged) -> None:
    """Set the horizontal range, in powers of ten where the numbers lie far apart."""
    numbers = what.numbers()
    low, high = min(numbers), max(numbers)
    if not what.logarithmic:
        largest = max(abs(low), abs(high))
        span = high - low if high - low > _SAME * largest else 0.02 * largest
        margin = 0.07 * span if span > _SMALLEST else 1.0
        axes.set_xlim(low - margin, high + margin)
        return
    least = what.least
    axes.set_xscale("symlog", linthresh=least / 10, linscale=0.5)
    axes.set_xlim(-least / 30 if low < least else least / 10, high * 10)
    axes.minorticks_off()
    axes.set_xticks(_decades(least, high, zero=low < least))


def _decades(least: float, most: float, *, zero: bool) -> list[float]:
    """Powers of ten, five at most."""
    first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
    every = max(1, math.ceil((last - first) / 4))
    return [*([0.0] if zero else []), *(10.0**power for power in range(first, last + 1, every))]


def _draw_region(axes: Axes, what: Judged, theme: Theme, top: float) -> None:
    left, right = axes.get_xlim()
    low, high = max(what.region.low, left), min(what.region.high, right)
    if low < high:
        area = Rectangle((low, 0), high - low, top, color=theme.region, linewidth=0, zorder=0, label="claimed region")
        axes.add_patch(area)
    for bound in what.region.boundaries:
        axes.axvline(bound, color=theme.ink, linewidth=0.6, linestyle=(0, (2, 2)), zorder=1)
    to_share = axes.transData + axes.transAxes.inverted()
    middle = sum(float(to_share.transform((end, 0))[0]) for end in (low, high)) / 2
    text = f"claimed {what.region.describe(what.unit)}"
    half = len(text) * _CHARACTER / 2
    side = "left" if middle < half else "right" if middle > 1 - half else "center"
    at = {"left": 0.0, "right": 1.0, "center": middle}[side]
    axes.annotate(
        text,
        xy=(at, top),
        xycoords=axes.get_yaxis_transform(),
        xytext=({"left": 3, "right": -3, "center": 0}[side], -3),
        textcoords="offset points",
        ha=side,
        va="top",
        fontsize=SMALL,
        color=theme.ink,
    )


def _draw_row(axes: Axes, row: Row, theme: Theme, top: float, *, lanes: bool) -> list[tuple[float, str]]:
    """Draw one row below ``top``; the labels of its lanes, if it has any."""
    colour = theme.control if row.control else theme.ours
    interval = row.interval
    ticks: list[tuple[float, str]] = []
    if row.values and lanes and len(row.values) <= LANES:
        for index, value in enumerate(row.values):
            height = top - LANE * (index + 0.7)
            axes.plot(value, height, marker="o", markersize=3.6, color=colour, alpha=0.75, linestyle="none")
            axes.axhline(height, color=theme.muted, linewidth=0.4, alpha=0.25, zorder=0.5)
            ticks.append((height, row.labels[index] if row.labels else str(index + 1)))
        top -= LANE * len(row.values)
    elif row.values:
        axes.plot(
            row.values,
            [top - 0.27 * ROW] * len(row.values),
            marker="o",
            markersize=2.8,
            color=colour,
            alpha=0.55,
            linestyle="none",
        )
    middle = top - 0.62 * ROW
    left, right = axes.get_xlim()
    ends = max(interval.low, left), min(interval.high, right)
    axes.plot(
        ends,
        (middle, middle),
        color=colour,
        linewidth=2.2 if interval.bounded else 1.0,
        linestyle="-" if interval.bounded else ":",
        solid_capstyle="butt",
        label=f"interval: {row.name}",
    )
    axes.plot(interval.estimate, middle, marker="|" if row.control else "o", markersize=6, color=colour)
    _name_row(axes, row, middle, colour)
    return ticks


def _name_row(axes: Axes, row: Row, height: float, colour: str) -> None:
    name = f"{row.name}, {row.size}" if row.size and len(row.name) + len(row.size) < _NAME_WIDTH else row.name
    name = name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 1]}…"
    interval = row.interval
    text = interval_text(interval) if interval.bounded else f"{number(interval.estimate)}, no interval"
    name_right(axes, height, (name, text), colour)
