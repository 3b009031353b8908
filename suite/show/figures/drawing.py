"""The figure of one judged criterion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.claim import Unavailable
from suite.show.figures.judged import judged
from suite.show.figures.kinds import parse
from suite.show.figures.plots import draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from suite.assess import Assessment, Evidence

_STRIP = (
    "Below, what was judged: shaded the claimed region, bars the 95 % intervals, "
    "blue the measurement, grey the controls, which must lie outside."
)


@dataclass(frozen=True)
class Drawing:
    """A figure and how to read it."""

    figure: Figure
    caption: str


def figure_of(assessment: Assessment, evidence: Evidence) -> Drawing:
    """The figure of one judged criterion.

    Args:
        assessment: what was judged.
        evidence: of the same profile, to read the cells from.

    Returns:
        The figure with its caption.

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
    return Drawing(draw(plot, what, lanes=kind.lanes), f"{kind.caption} {strip}".strip())
