"""Plots of layers against layers: two quantities of each, and the likeness of every pair."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Rectangle

from suite.show.figures.series import mean_ends
from suite.show.figures.style import LABEL_WIDTH, SMALL, name_right, plain_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from suite.show.figures.palette import Theme

_INK_LIMIT = 0.62  # the darkest a cell may be for the number in it to stay readable, in both themes
_TALL = 14  # rows from which not every one is labelled


@dataclass(frozen=True)
class Layers:
    """Two quantities, one point a layer.

    Attributes:
        x: ``[S, L]`` one row a seed.
        y: ``[S, L]``.
        x_label: horizontal axis, with its unit.
        y_label: vertical axis, with its unit.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    x_label: str
    y_label: str


@dataclass(frozen=True)
class Table:
    """How alike every pair of layers is.

    Attributes:
        likeness: ``[S, R, C]`` one table a seed.
        matched: row of every column that the claim is about.
        rows: what a row is.
        columns: what a column is.
        what: the measure of likeness.
    """

    likeness: NDArray[np.float64]
    matched: tuple[int, ...]
    rows: str
    columns: str
    what: str


def draw_layers(axes: Axes, plot: Layers, theme: Theme) -> None:
    """Draw one point a layer with its intervals, small points for single seeds."""
    for x, y in zip(plot.x, plot.y, strict=True):
        axes.plot(x, y, marker="o", markersize=2.2, linestyle="none", color=theme.ours, alpha=0.3)
    x, y = plot.x.mean(axis=0), plot.y.mean(axis=0)
    axes.plot(x, y, color=theme.ours, linewidth=0.7, alpha=0.6)
    low, high = axes.get_ylim()
    left, right_edge = axes.get_xlim()
    if len(plot.x) > 1:
        for across, up, mean_x, mean_y in zip(plot.x.T, plot.y.T, x, y, strict=True):
            ends, heights = mean_ends(across.tolist()), mean_ends(up.tolist())
            axes.plot(ends, (mean_y, mean_y), color=theme.ours, linewidth=0.8, label="interval")
            axes.plot((mean_x, mean_x), heights, color=theme.ours, linewidth=0.8, label="interval")
    axes.set_ylim(low, high)
    axes.set_xlim(left, right_edge)
    axes.plot(x, y, marker="o", markersize=4.5, linestyle="none", color=theme.ours)
    named = {0: "first layer", len(y) - 1: "last layer", int(np.argmin(y)): f"layer {int(np.argmin(y)) + 1}"}
    for layer, name in sorted(named.items(), reverse=True):
        right = x[layer] > (left + right_edge) / 2
        axes.annotate(
            name,
            xy=(x[layer], y[layer]),
            xytext=(-7, 7) if right else (7, -7),
            ha="right" if right else "left",
            va="center",
            textcoords="offset points",
            fontsize=SMALL,
            color=theme.ink,
        )
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel("\n".join(wrap(plot.y_label, LABEL_WIDTH)))
    plain_ticks(axes)
    middle = (low + high) / 2
    seeds = len(plot.x)
    name_right(axes, middle, ("one point a layer:", f"mean of {seeds} seeds with", "95 % intervals"), theme.ours)


def draw_table(axes: Axes, plot: Table, theme: Theme) -> None:
    """Draw a table of likeness, its numbers in its cells, the matched ones outlined."""
    mean = plot.likeness.mean(axis=0)
    rows, columns = mean.shape
    axes.grid(visible=False)
    for row in range(rows):
        for column in range(columns):
            value = float(mean[row, column])
            colour = theme.ours if value >= 0 else theme.third
            axes.add_patch(
                Rectangle((column, row), 1, 1, color=colour, alpha=_INK_LIMIT * min(1.0, abs(value)), linewidth=0)
            )
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{round(value, 2) + 0.0:.2f}",
                ha="center",
                va="center",
                fontsize=6.5,
                color=theme.ink,
            )
    for column, row in enumerate(plot.matched):
        axes.add_patch(
            Rectangle((column, row), 1, 1, fill=False, edgecolor=theme.ink, linewidth=1.6, label="matched layers")
        )
    axes.set_xlim(0, columns)
    axes.set_ylim(0, rows)
    axes.set_xticks(np.arange(columns) + 0.5, [str(column + 1) for column in range(columns)])
    every = 1 if rows <= _TALL else 4
    shown = [row for row in range(rows) if row == 0 or (row + 1) % every == 0]
    axes.set_yticks([row + 0.5 for row in shown], [str(row + 1) for row in shown])
    axes.set_xlabel(plot.columns)
    axes.set_ylabel(plot.rows)
    seeds = len(plot.likeness)
    lines = (plot.what, f"mean over {seeds} seeds", "blue: alike, orange: opposite")
    name_right(axes, 0.8 * rows, lines, theme.ours)
    name_right(axes, 0.4 * rows, ("outlined:", "layers of equal depth,", "whose mean is judged"), theme.ink)
