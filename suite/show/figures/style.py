"""One look for all figures: colours by role, sizes in inches, direct labels instead of legends.

A figure has a plot on top (the paper's figure, redrawn from our evidence) and below it a strip with what was judged:
the claimed region, the interval, the controls. Both share their left and right edge, and names stand to the right.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from suite.show.numbers import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from suite.show.figures.palette import Theme


SALT = "suite"  # ids inside an SVG follow from its content and this word alone

WIDTH = 6.0
LEFT, RIGHT = 0.72, 1.95  # margins: tick labels; names and numbers
TOP, GAP, BOTTOM = 0.22, 0.66, 0.56
PLOT = 2.3
SMALL, NORMAL = 7.5, 8.5  # points
LABEL_WIDTH = 40  # characters of a vertical axis

_STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same layout on every machine
    "font.size": NORMAL,
    "axes.labelsize": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": False,
    "axes.axisbelow": True,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "svg.fonttype": "none",
    "svg.hashsalt": SALT,
    "path.simplify": True,
}


@contextmanager
def styled(theme: Theme) -> Iterator[None]:
    """Everything drawn or saved inside has this look; matplotlib's settings come back afterwards."""
    colours = {
        "figure.facecolor": theme.paper,
        "axes.facecolor": "none",
        "axes.edgecolor": theme.muted,
        "axes.labelcolor": theme.ink,
        "text.color": theme.ink,
        "xtick.color": theme.muted,
        "ytick.color": theme.muted,
        "xtick.labelcolor": theme.muted,
        "ytick.labelcolor": theme.muted,
    }
    with mpl.rc_context(_STYLE | colours):  # type: ignore[arg-type,unused-ignore]
        yield


@dataclass(frozen=True)
class Sheet:
    """An empty figure.

    Attributes:
        figure: matplotlib's.
        strip: axes of what was judged; its vertical unit is an inch.
        plot: axes above it, or None for a figure that is a strip alone.
    """

    figure: Figure
    strip: Axes
    plot: Axes | None


def sheet(*, strip: float, plot: float = 0.0) -> Sheet:
    """An empty figure of two plots.

    Args:
        strip: height of the strip in inches.
        plot: height of the plot above it in inches; 0 for none.
    """
    height = TOP + (plot + GAP if plot else 0.0) + strip + BOTTOM
    figure = Figure(figsize=(WIDTH, height))
    left, width = LEFT / WIDTH, (WIDTH - LEFT - RIGHT) / WIDTH
    below = figure.add_axes((left, BOTTOM / height, width, strip / height), label="strip")
    below.set_ylim(0, strip)
    if not plot:
        return Sheet(figure, below, None)
    above = figure.add_axes((left, (BOTTOM + strip + GAP) / height, width, plot / height), label="plot")
    above.grid(axis="y", color=mpl.rcParams["axes.edgecolor"], alpha=0.18, linewidth=0.6)
    return Sheet(figure, below, above)


def plain_ticks(axes: Axes, *, x: int = 5, y: int = 5) -> None:
    """Few ticks, written as numbers are written everywhere else; 0 leaves an axis as it is."""
    for axis, count in ((axes.xaxis, x), (axes.yaxis, y)):
        if count:
            axis.set_major_locator(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]))
            axis.set_major_formatter(FuncFormatter(lambda value, _: number(round(value, 12))))


def name_right(axes: Axes, y: float, lines: tuple[str, ...], colour: str, *, at: float | None = None) -> None:
    """Write a name beside the axes, its first line at height ``y`` in data, further lines small below it.

    Args:
        axes: whose right edge it stands at.
        y: height of what is named.
        lines: the name; then, smaller and muted, its numbers.
        colour: of the name.
        at: height of the text, where it had to move; a thin line then leads to ``y``.
    """
    place = y if at is None else at
    common: dict[str, Any] = {
        "xycoords": axes.get_yaxis_transform(),
        "textcoords": "offset points",
        "annotation_clip": False,
        "ha": "left",
    }
    drop = 0.0 if len(lines) == 1 else 4.6
    if abs(place - y) > 0:
        axes.annotate(
            "",
            xy=(1.0, y),
            xytext=(1.022, place),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
        )
    axes.annotate(lines[0], xy=(1.0, place), xytext=(7, drop), va="center", color=colour, fontsize=NORMAL, **common)
    for index, line in enumerate(lines[1:], start=1):
        axes.annotate(
            line,
            xy=(1.0, place),
            xytext=(7, drop - 9.4 * index),
            va="center",
            color=mpl.rcParams["ytick.color"],
            fontsize=SMALL,
            **common,
        )
