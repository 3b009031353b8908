"""A whole figure: a plot and below it the strip. Data in, figure out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.show.figures.curves import Curves, draw_curves
from suite.show.figures.grids import Layers, Table, draw_layers, draw_table
from suite.show.figures.palette import LIGHT, Theme
from suite.show.figures.strip import draw_strip, strip_height
from suite.show.figures.style import PLOT, sheet, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from suite.show.figures.judged import Judged

Plot = Curves | Layers | Table


def draw(plot: Plot | None, what: Judged, *, lanes: bool = False, theme: Theme = LIGHT) -> Figure:
    """The whole figure.

    Args:
        plot: drawn above the strip; None for a strip alone.
        what: was judged.
        lanes: give every seed a line of its own on the strip.
        theme: colours; a page replaces those of the light theme by its own.
    """
    with styled(theme):
        made = sheet(strip=strip_height(what, lanes=lanes), plot=0.0 if plot is None else _height(plot))
        draw_strip(made.strip, what, theme, lanes=lanes)
        if plot is not None and made.plot is not None:
            match plot:
                case Curves():
                    draw_curves(made.plot, plot, theme)
                case Layers():
                    draw_layers(made.plot, plot, theme)
                case Table():
                    draw_table(made.plot, plot, theme)
    return made.figure


def _height(plot: Plot) -> float:
    return max(1.2, 0.145 * plot.likeness.shape[1]) if isinstance(plot, Table) else PLOT
