"""Write the report: the page, its figures as files, and everything on it as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING

from suite.assess import Evidence, assess
from suite.claim import Unavailable
from suite.errors import SuiteError
from suite.evidence.runtime import commit
from suite.show import describe
from suite.show.files import replace_text
from suite.show.page.document import Stamp, document
from suite.show.page.item import Item, Judged, Picture, shown, slug
from suite.show.page.markup import Markup, text
from suite.show.runs import runs
from suite.show.summary import machine, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from suite.assess import Assessment
    from suite.claim import Claim
    from suite.evidence.store import Store
    from suite.profile import Profile
    from suite.show.recorded import Entry

FOLDER = "report"
NO_MATPLOTLIB = "figures need matplotlib: python -m pip install matplotlib, then make the page again"


def judge_profiles(claims: Sequence[Claim], profiles: Sequence[Profile], store: Store) -> list[Judged]:
    """The verdicts of some profiles over one store; nothing is computed but what is a matter of seconds."""
    found = []
    for profile in profiles:
        evidence = Evidence(profile, store)
        found.append(Judged(evidence, tuple(assess(claims, evidence))))
    return found


def write_report(
    root: Path,
    sessions: Sequence[Judged],
    *,
    history: Mapping[str, Sequence[Entry]] | None = None,
    stamp: Stamp | None = None,
) -> Path:
    """Write ``report/index.html``, ``report/figures/`` and ``report/claims.json`` under a folder.

    Args:
        root: the evidence's folder.
        sessions: judged profiles; the first is shown even without any evidence, the others only with some.
        history: recorded values by ``claim.criterion`` (see :mod:`suite.show.recorded`).
        stamp: when and where; now and here by default.

    Returns:
        The page.
    """
    folder = root / FOLDER
    present = [session for index, session in enumerate(sessions) if index == 0 or session.has_evidence]
    absent = [session.evidence.profile for session in sessions if session not in present]
    assessments = shown(present)
    pictures = _pictures(assessments, present, folder / "figures")
    items = _items(assessments, pictures, history or {})
    page = document(items, [one.evidence.profile for one in present], stamp or _now(), absent=absent)
    replace_text(folder / "index.html", page)
    write_json(folder / "claims.json", assessments)
    return folder / "index.html"


def _now() -> Stamp:
    return Stamp(datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), commit()[:20], machine())


def _items(
    assessments: Sequence[Assessment], pictures: Sequence[Picture], history: Mapping[str, Sequence[Entry]]
) -> list[Item]:
    known = runs(result for assessment in assessments for result in assessment.cells)
    return [
        Item(
            assessment,
            picture,
            tuple(known[result.key] for result in assessment.cells),
            tuple(entry for entry in history.get(assessment.name, ()) if entry.profile == assessment.profile.name),
        )
        for assessment, picture in zip(assessments, pictures, strict=True)
    ]


def _pictures(assessments: Sequence[Assessment], sessions: Sequence[Judged], folder: Path) -> list[Picture]:
    """Draw every figure and write its files; files of figures that are gone are removed."""
    if find_spec("matplotlib") is None:
        return [Picture(None, NO_MATPLOTLIB) for _ in assessments]
    evidence = {session.evidence.profile.name: session.evidence for session in sessions}
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [_picture(assessment, evidence[assessment.profile.name], folder) for assessment in assessments]
    kept = {picture.file for picture in pictures}
    for path in folder.iterdir():
        if path.suffix in (".svg", ".png") and path.stem not in kept:
            path.unlink()
    return pictures


def _picture(assessment: Assessment, evidence: Evidence, folder: Path) -> Picture:
    from suite.show.figures.drawing import figure_of  # noqa: PLC0415 - needs matplotlib, which is optional
    from suite.show.figures.export import inline, png, svg  # noqa: PLC0415

    try:
        drawing = figure_of(assessment, evidence)
    except (Unavailable, SuiteError) as reason:
        return Picture(None, str(reason))
    except (ValueError, KeyError, IndexError, StopIteration) as fault:
        return Picture(None, f"it could not be drawn ({type(fault).__name__}: {fault})")
    name = slug(f"{assessment.name}.{assessment.profile.name}")
    image = svg(drawing.figure)
    replace_text(folder / f"{name}.svg", image)
    (folder / f"{name}.png").write_bytes(png(drawing.figure))
    description = text(f"{assessment.criterion.sentence} Measured {describe.measured(assessment)}.")
    return Picture(Markup(inline(image, prefix=f"{name}-", description=description)), drawing.caption, name)
