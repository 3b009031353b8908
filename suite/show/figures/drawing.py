"""The figure of one judged criterion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.errors import Unavailable
from suite.show.figures.judged import judged
from suite.show.figures.kinds import parse
from suite.show.figures.plots import draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from suite.assess import Assessment, Evidence
    from suite.show.figures.judged import Judged
    from suite.show.figures.plots import Plot

_STRIP = (
    "Below, what was judged: shaded the claimed region, bars the 95 % intervals, "
    "blue the measurement, grey the controls, which must lie outside."
)


@dataclass(frozen=True)
class Sketch:
    """Everything a figure is drawn from, as data.

    Attributes:
        plot: drawn above the strip; None for a strip alone.
        what: was judged.
        lanes: whether the strip gives every seed a line of its own.
        caption: how to read the figure.
    """

    plot: Plot | None
    what: Judged
    lanes: bool
    caption: str

    def drawn(self) -> Figure:
        """The figure."""
        return draw(self.plot, self.what, lanes=self.lanes)


@dataclass(frozen=True)
class Drawing:
    """A figure and how to read it."""

    figure: Figure
    caption: str


def figure_of(assessment: Assessment, evidence: Evidence) -> Drawing:
    """The figure of one judged criterion; arguments and faults are those of :func:`sketch_of`."""
    sketch = sketch_of(assessment, evidence)
    return Drawing(sketch.drawn(), sketch.caption)


def sketch_of(assessment: Assessment, evidence: Evidence) -> Sketch:
    """What the figure of one judged criterion is drawn from.

    Args:
        assessment: what was judged.
        evidence: of the same profile, to read the cells from.

    Returns:
        All of it, gathered from the cells.

    Raises:
        Unavailable: nothing was measured or a cell is missing; the message says how to get it.
        SuiteError: the criterion asks for a figure that does not exist or does not fit its reading.
    """
    kind, rest = parse(assessment.criterion.figure)
    what = judged(assessment)
    if what is None:
        raise Unavailable(assessment.judgement.reason)
    try:
        plot = kind.plot(assessment, evidence, *rest)
    except Unavailable as reason:
        raise Unavailable(f"{reason}: {assessment.command}") from None
    strip = _STRIP if plot is not None else _STRIP.removeprefix("Below, what was judged: ").capitalize()
    return Sketch(plot, what, kind.lanes, f"{kind.caption} {strip}".strip())
