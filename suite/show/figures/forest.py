"""The figure of a comparison: every difference with its controls, and how much each method's own terms count."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from suite.show.figures.palette import LIGHT, Theme
from suite.show.figures.style import SMALL, plain_ticks, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from suite.judge import Region

ROLES = ("ours", "second", "third")  # colours of profiles, in their order
MARKS = ("|", "x", "+", "1")  # of controls, in their order
WIDTH, LEFT, RIGHT, TOP, BOTTOM, GAP = 7.4, 1.85, 0.75, 0.5, 0.6, 0.25  # inches
LANE, SPACE = 0.19, 0.14  # of one profile in a row; between rows
WEIGHTS = 0.36  # of the width between the margins, where there is anything beside
BELOW = 0.075  # of a difference, where its controls are marked
LEAST_HEIGHT = 1.0


@dataclass(frozen=True)
class Bar:
    """One difference.

    Attributes:
        profile: number of the profile.
        estimate: of the difference.
        low: end of its interval; infinite where there is none.
        high: likewise.
        controls: (number of its name, estimate) of the same difference under each control.
        beside: what is shown on the right, in its order.
        text: written at the right edge.
    """

    profile: int
    estimate: float
    low: float
    high: float
    controls: tuple[tuple[int, float], ...]
    beside: tuple[float, ...]
    text: str


@dataclass(frozen=True)
class Forest:
    """Everything that is drawn.

    Attributes:
        rows: title and bars of each.
        profiles: names.
        controls: names.
        axis: what the differences are.
        region: that is claimed of them.
        topic: what is beside; empty for nothing.
        caption: how to read the figure.
    """

    rows: tuple[tuple[str, tuple[Bar, ...]], ...]
    profiles: tuple[str, ...]
    controls: tuple[str, ...]
    axis: str
    region: Region
    topic: str
    caption: str

    @property
    def height(self) -> float:
        """Of the axes, in inches."""
        return max(LEAST_HEIGHT, sum(_height(bars) for _, bars in self.rows))

    def drawn(self, theme: Theme = LIGHT) -> Figure:
        """The figure."""
        with styled(theme):
            total = TOP + self.height + BOTTOM
            figure = Figure(figsize=(WIDTH, total))
            inside = WIDTH - LEFT - RIGHT
            share = 1 - WEIGHTS if self.topic else 1.0
            at, high = BOTTOM / total, self.height / total
            gains = figure.add_axes((LEFT / WIDTH, at, (inside * share - GAP) / WIDTH, high), label="differences")
            beside = None
            if self.topic:
                start = (LEFT + inside * share) / WIDTH
                beside = figure.add_axes((start, at, inside * WEIGHTS / WIDTH, high), label="beside")
            self._draw(gains, beside, theme)
        return figure

    def _draw(self, gains: Axes, beside: Axes | None, theme: Theme) -> None:
        ticks: list[float] = []
        top = self.height
        for _, bars in self.rows:
            middle = top - _height(bars) / 2
            ticks.append(middle)
            for number, bar in enumerate(bars):
                height = middle + LANE * ((len(bars) - 1) / 2 - number)
                _bar(gains, bar, height, theme)
                if beside is not None:
                    _beside(beside, bar, height, theme)
            top -= _height(bars)
        gains.set_yticks(ticks, [title for title, _ in self.rows], fontsize=SMALL)
        gains.set_xlabel(self.axis, fontsize=SMALL)
        gains.set_xlim(*_limits(self))
        gains.axvline(0, color=theme.ink, linewidth=0.7, zorder=1)
        for bound in self.region.boundaries:
            gains.axvline(bound, color=theme.ink, linewidth=0.6, linestyle=(0, (2, 2)), zorder=1)
        plain_ticks(gains, y=0)
        for axes in filter(None, (gains, beside)):
            axes.set_ylim(0, self.height)
            axes.tick_params(axis="y", length=0)
        if beside is not None:
            beside.set_yticks([])
            beside.set_xscale("log")
            beside.xaxis.set_minor_locator(NullLocator())
            beside.set_xlabel(self.topic, fontsize=SMALL)
        self._legend(gains, theme)

    def _legend(self, axes: Axes, theme: Theme) -> None:
        """Profiles by colour and controls by mark, above the axes."""
        for number, profile in enumerate(self.profiles):
            axes.plot([], [], color=theme.roles()[ROLES[number % len(ROLES)]], linewidth=2.2, label=profile)
        for number, control in enumerate(self.controls):
            mark = MARKS[number % len(MARKS)]
            axes.plot([], [], color=theme.control, marker=mark, linestyle="none", markersize=5, label=control)
        columns = len(self.profiles) + len(self.controls)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize=SMALL, borderpad=0)


def _height(bars: Sequence[Bar]) -> float:
    return LANE * len(bars) + SPACE


def _limits(forest: Forest) -> tuple[float, float]:
    """From the lowest to the highest number; an interval may be cut where it dwarfs every estimate."""
    bars = [bar for _, found in forest.rows for bar in found]
    centres = [value for bar in bars for value in (bar.estimate, *(value for _, value in bar.controls))]
    low, high = min(0.0, *centres), max(0.0, *centres)
    span = (high - low) or 1.0
    ends = [end for bar in bars for end in (bar.low, bar.high) if math.isfinite(end)]
    low, high = max(min([low, *ends]), low - span), min(max([high, *ends]), high + span)
    return low - 0.05 * span, high + 0.05 * span


def _bar(axes: Axes, bar: Bar, height: float, theme: Theme) -> None:
    colour = theme.roles()[ROLES[bar.profile % len(ROLES)]]
    if math.isfinite(bar.low) and math.isfinite(bar.high):
        axes.plot((bar.low, bar.high), (height, height), color=colour, linewidth=2.0, solid_capstyle="butt")
    axes.plot(bar.estimate, height, marker="o", markersize=4.5, color=colour)
    for number, value in bar.controls:
        mark = MARKS[number % len(MARKS)]
        axes.plot(value, height - BELOW, marker=mark, markersize=5, color=theme.control, linestyle="none", zorder=3)


def _beside(axes: Axes, bar: Bar, height: float, theme: Theme) -> None:
    """From the first to the last number, the last one marked; and what is written at the right edge."""
    colour = theme.roles()[ROLES[bar.profile % len(ROLES)]]
    there = [value for value in bar.beside if value > 0]
    if there:
        axes.plot(there, [height] * len(there), color=colour, linewidth=1.2)
        axes.plot(there[-1], height, marker="<" if there[-1] < there[0] else ">", markersize=4, color=colour)
    axes.annotate(
        bar.text,
        xy=(1, height),
        xycoords=axes.get_yaxis_transform(),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        color=theme.muted,
    )
