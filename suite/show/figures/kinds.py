"""The kinds of figures by name: what each one draws of a criterion, and the words below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.errors import SuiteError
from suite.show.figures.networks import layer_profile, matrix, pattern, ranks, scatter
from suite.show.figures.students import student_depth, trajectory, trend

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.show.figures.plots import Plot

SPREAD = "Thin lines: one seed each. Thick lines: their mean, with its 95 % interval at every point."


@dataclass(frozen=True)
class Kind:
    """A kind of figure.

    Attributes:
        plot: what is drawn above the strip: (assessment, evidence, further parts of the name) -> plot.
        caption: how to read it.
        lanes: whether the strip gives every seed a line of its own.
    """

    plot: Callable[..., Plot | None]
    caption: str
    lanes: bool = False


def _nothing(*_: object) -> None:
    """A strip alone."""


KINDS: dict[str, Kind] = {
    "": Kind(_nothing, ""),
    "paired": Kind(_nothing, "One dot a seed, each seed on a line of its own in every row.", lanes=True),
    "depth": Kind(layer_profile, SPREAD),
    "scatter": Kind(scatter, "Large points: a layer's mean over seeds. Small points: one seed each."),
    "matrix": Kind(matrix, "The mean over seeds; the outlined cells are those that are judged."),
    "ranks": Kind(ranks, f"{SPREAD} Null: Gaussian tokens with the same shared spectrum and no rotation."),
    "pattern": Kind(pattern, f"{SPREAD} Shaded: as far from the diagonal as is claimed."),
    "trajectory": Kind(trajectory, f"{SPREAD} Differences are paired by seed."),
    "student-depth": Kind(student_depth, f"{SPREAD} At the end of training."),
    "trend": Kind(trend, SPREAD),
}


def parse(name: str) -> tuple[Kind, tuple[str, ...]]:
    """``"scatter:a:b"`` -> the kind ``scatter`` and (``a``, ``b``).

    Raises:
        SuiteError: there is no such kind.
    """
    kind, *rest = name.split(":")
    if kind not in KINDS:
        raise SuiteError(f"no kind of figure {kind!r}: choose from {', '.join(sorted(filter(None, KINDS)))}")
    return KINDS[kind], tuple(rest)
