"""Write the report: the page, its figures as files, and everything on it as JSON."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from suite.errors import SuiteError, Unavailable
from suite.evidence.runtime import commit
from suite.show import describe
from suite.show.comparison import comparisons
from suite.show.files import replace_text
from suite.show.links import runs_link, slug
from suite.show.page.comparison import Compared
from suite.show.page.document import Stamp, document
from suite.show.page.item import Item, Picture, shown
from suite.show.page.markup import Markup, text
from suite.show.runs import runs
from suite.show.summary import machine, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from suite.assess import Assessment, Evidence, Judged
    from suite.session import Session
    from suite.show.comparison import Comparison
    from suite.show.figures.shelf import Shelf
    from suite.show.recorded import Entry

FOLDER = "report"


class Drawn(Protocol):
    """What a figure is drawn from, as data."""

    def drawn(self) -> Figure:
        """The figure."""


NO_MATPLOTLIB = "figures need matplotlib: python -m pip install matplotlib, then make the page again"


def write_report(
    root: Path,
    sessions: Sequence[Judged],
    *,
    history: Mapping[str, Sequence[Entry]] | None = None,
    stamp: Stamp | None = None,
    more: Sequence[Markup | None] = (),
    into: Path | None = None,
) -> Path:
    """Write ``index.html``, ``figures/`` and ``claims.json``.

    Figures whose data did not change are kept as they are (``report/figures.json``, see
    :mod:`suite.show.figures.shelf`).

    Args:
        root: the evidence's folder.
        sessions: judged profiles; the first is shown even without any evidence, the others only with some.
        history: recorded values by ``claim.criterion`` (see :mod:`suite.show.recorded`).
        stamp: when and where; now and here by default.
        more: further sections of the page.
        into: the folder; ``report`` under the evidence's by default, where figures are drawn and kept in any case.

    Returns:
        The page.
    """
    drawn = root / FOLDER
    folder = into or drawn
    present = [session for index, session in enumerate(sessions) if index == 0 or session.has_evidence]
    absent = [session.evidence for session in sessions if session not in present]
    assessments = shown(present)
    tables = comparisons(assessments)
    pictures, tabled = _pictures(assessments, tables, present, drawn)
    if into:
        _copy([*pictures, *tabled], drawn / "figures", into / "figures")
    items = _items(assessments, pictures, history or {}, others=sessions[0].evidence.for_others)
    compared = [Compared(table, picture) for table, picture in zip(tables, tabled, strict=True)]
    profiles = [one.evidence.profile for one in present]
    stamp = stamp or _now(sessions[0].evidence.told)
    page = document(items, profiles, stamp, absent=absent, compared=compared, more=more)
    replace_text(folder / "index.html", page)
    write_json(folder / "claims.json", assessments)
    return folder / "index.html"


def _copy(pictures: Sequence[Picture], drawn: Path, folder: Path) -> None:
    """Put the figures of a page beside it; others that lie there are somebody's."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        for ending in ("svg", "png") if picture.file else ():
            shutil.copyfile(drawn / f"{picture.file}.{ending}", folder / f"{picture.file}.{ending}")


def _now(session: Session) -> Stamp:
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Stamp(made, commit()[:20], machine(), session.command("report"))


def _items(
    assessments: Sequence[Assessment],
    pictures: Sequence[Picture],
    history: Mapping[str, Sequence[Entry]],
    *,
    others: bool,
) -> list[Item]:
    """One item a verdict; ``others`` read the page where no MLflow of ours runs."""
    known = runs(result for assessment in assessments for result in assessment.cells)
    return [
        Item(
            assessment,
            picture,
            tuple(known[result.key] for result in assessment.cells),
            tuple(entry for entry in history.get(assessment.name, ()) if entry.profile == assessment.profile.name),
            "" if others else runs_link(assessment.claim.key),
        )
        for assessment, picture in zip(assessments, pictures, strict=True)
    ]


def _pictures(
    assessments: Sequence[Assessment], tables: Sequence[Comparison], sessions: Sequence[Judged], page: Path
) -> tuple[list[Picture], list[Picture]]:
    """Draw every figure whose data changed and write its files; files of figures that are gone are removed.

    Returns:
        Those of the criteria, and those of the comparisons.
    """
    if find_spec("matplotlib") is None:
        none = Picture(None, NO_MATPLOTLIB)
        return [none] * len(assessments), [none] * len(tables)
    from suite.show.figures.shelf import Shelf  # noqa: PLC0415 - needs matplotlib, which is optional

    evidence = {session.evidence.profile.name: session.evidence for session in sessions}
    folder = page / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    shelf = Shelf(page, folder)
    pictures = [_picture(assessment, evidence[assessment.profile.name], shelf) for assessment in assessments]
    drawn = [_comparison_picture(table, shelf) for table in tables]
    shelf.save()
    return pictures, drawn


def _comparison_picture(table: Comparison, shelf: Shelf) -> Picture:
    from suite.show.figures.compared import forest_of  # noqa: PLC0415 - needs matplotlib, which is optional

    name, forest = slug(table.name), forest_of(table)
    words = text(f"{table.claim.sentence} Every method compared with {table.claim.compared_with}.")
    return Picture(_on_shelf(name, forest, shelf, words), forest.caption, name)


def _on_shelf(name: str, sketch: Drawn, shelf: Shelf, description: str) -> Markup:
    """A figure as an element of the page, drawn unless it lies on the shelf."""
    from suite.show.figures.export import inline, png, svg  # noqa: PLC0415 - needs matplotlib, which is optional

    image = shelf.take(name, sketch)
    if image is None:
        figure = sketch.drawn()
        image = svg(figure)
        shelf.put(name, sketch, image, png(figure))
    return Markup(inline(image, prefix=f"{name}-", description=description))


def _picture(assessment: Assessment, evidence: Evidence, shelf: Shelf) -> Picture:
    from suite.show.figures.drawing import sketch_of  # noqa: PLC0415 - needs matplotlib, which is optional

    name = slug(f"{assessment.name}.{assessment.profile.name}")
    try:
        sketch = sketch_of(assessment, evidence)
        words = text(f"{assessment.criterion.sentence} Measured {describe.measured(assessment)}.")
        image = _on_shelf(name, sketch, shelf, words)
    except (Unavailable, SuiteError) as reason:
        return Picture(None, str(reason))
    except (ValueError, KeyError, IndexError, StopIteration) as fault:
        return Picture(None, f"it could not be drawn ({type(fault).__name__}: {fault})")
    return Picture(image, sketch.caption, name)
