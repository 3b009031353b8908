"""A plot of curves: layers, training, widths or shares of energy along the horizontal axis."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from suite.show.figures.series import Series, name_ends, plot_series
from suite.show.figures.style import LABEL_WIDTH, PLOT, SMALL, plain_ticks
from suite.show.numbers import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from suite.judge import Region
    from suite.show.figures.palette import Theme


@dataclass(frozen=True)
class Curves:
    """Curves over one axis.

    Attributes:
        series: the curves.
        x_label: horizontal axis, with its unit.
        y_label: vertical axis, with its unit.
        x_ticks: where to label the horizontal axis; empty: everywhere.
        doubling: whether equal steps of the horizontal axis are doublings.
        zero: whether 0 means "no difference" and is drawn.
        flips: mark where a mean changes its sign, in this unit; empty: do not.
        region: claimed, where the vertical axis shows the judged quantity itself.
        corridor: claimed largest distance from the diagonal.
        levels: named heights that cannot be exceeded, or that anything reaches.
    """

    series: tuple[Series, ...]
    x_label: str
    y_label: str
    x_ticks: tuple[float, ...] = ()
    doubling: bool = False
    zero: bool = False
    flips: str = ""
    region: Region | None = None
    corridor: float | None = None
    levels: tuple[tuple[str, float], ...] = ()


def draw_curves(axes: Axes, plot: Curves, theme: Theme) -> None:
    """Draw curves into axes of the standard height, and name them at their ends."""
    plot_series(axes, plot.series, theme)
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel("\n".join(wrap(plot.y_label, LABEL_WIDTH)))
    if plot.doubling:
        axes.set_xscale("log", base=2)
        axes.minorticks_off()
    plain_ticks(axes, x=0 if plot.x_ticks or plot.doubling else 6)
    if plot.x_ticks:
        axes.set_xticks(plot.x_ticks, [number(tick) for tick in plot.x_ticks])
    ends = [(float(one.mean[-1]), one.name, theme.roles()[one.role]) for one in plot.series if one.named_at is None]
    for one in plot.series:
        if one.named_at is not None:
            _name_inside(axes, one, one.named_at, theme)
    for _, level in plot.levels:
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, level), max(high, level + 0.04 * (high - low)))
        axes.axhline(level, color=theme.third, linewidth=0.9, linestyle=(0, (4, 2)))
    ends += [(level, name, theme.third) for name, level in plot.levels]
    _reach_region(axes, plot.region)
    if plot.zero:
        axes.axhline(0, color=theme.ink, linewidth=0.8)
    _shade(axes, plot, theme)
    ours = [one for one in plot.series if plot.flips and one.role != "control"]
    for index, one in enumerate(ours):
        _mark_flips(axes, one, plot.flips, theme, away=9 + 11 * index)
    axes.set_xlim(min(one.x[0] for one in plot.series), max(one.x[-1] for one in plot.series))
    name_ends(axes, ends, PLOT)


def _name_inside(axes: Axes, one: Series, at: float, theme: Theme) -> None:
    """Write a name beside its curve: a control's and a diagonal's below it, any other above."""
    height = float(np.interp(at, one.x, one.mean))
    above = height > at + 0.05 and one.role != "control"
    axes.annotate(
        one.name,
        xy=(at, height),
        xytext=(-4, 6) if above else (7, -7),
        ha="right" if above else "left",
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        color=theme.roles()[one.role],
    )


def _reach_region(axes: Axes, region: Region | None) -> None:
    """Widen the vertical range so that the claimed region can be seen."""
    if region is not None:
        low, high = axes.get_ylim()
        margin = 0.1 * (high - low)
        first, last = region.boundaries[0], region.boundaries[-1]
        axes.set_ylim(min(low, first - margin), max(high, last + margin))


def _shade(axes: Axes, plot: Curves, theme: Theme) -> None:
    if plot.region is not None:
        low, high = axes.get_ylim()
        ends = max(plot.region.low, low), min(plot.region.high, high)
        axes.axhspan(*ends, color=theme.region, linewidth=0, zorder=0, label="claimed region")
        axes.set_ylim(low, high)
    if plot.corridor is not None:
        line = np.linspace(0.0, 1.0, 2)
        axes.fill_between(
            line,
            line - plot.corridor,
            line + plot.corridor,
            color=theme.region,
            linewidth=0,
            zorder=0,
            label="claimed region",
        )


def crossings(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[float]:
    """Where a curve changes its sign, between the points it is known at."""
    found = []
    for index in np.flatnonzero(y[:-1] * y[1:] < 0):
        share = y[index] / (y[index] - y[index + 1])
        found.append(float(x[index] + share * (x[index + 1] - x[index])))
    return found


def _mark_flips(axes: Axes, one: Series, unit: str, theme: Theme, *, away: int) -> None:
    """Circle where a mean changes its sign, and say where, ``away`` points off the line of no difference."""
    places = crossings(one.x, one.mean)
    if not places:
        return
    colour = theme.roles()[one.role]
    axes.plot(
        places,
        [0] * len(places),
        "o",
        markersize=6,
        fillstyle="none",
        color=colour,
        linestyle="none",
        label="sign flip",
    )
    first, *further = (f"{place:,.0f} {unit}" for place in places)
    where = first if not further else f"{first}, then {len(further)} more times"
    falls = one.mean[one.x < places[0]][-1] > 0
    axes.annotate(
        f"sign flips at {where}",
        xy=(places[0], 0),
        xytext=(6, away if falls else -away),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        color=colour,
    )
