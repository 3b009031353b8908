"""Figures and verdicts as artifacts of the summary runs: links to files that are there, never a second drawing."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING

from suite.show.files import replace_text
from suite.show.mlflow_rows import experiment_name, summary_key
from suite.show.mlflow_store import stored
from suite.show.page.item import slug
from suite.show.page.report import FOLDER
from suite.show.summary import as_json
from suite.show.terminal import by_claim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suite.assess import Assessment

FIGURES = "figures"
VERDICTS = "claims.json"
_ENDINGS = (".svg", ".png")


def attach(root: Path, assessments: Sequence[Assessment]) -> int:
    """Give every summary run its figure, and its claim's verdicts as ``claims.json``.

    Figures are the files of the report page, linked where the file system can and copied where it cannot; what is
    there already is left alone, and a figure that is gone from the report goes from the run.

    Args:
        root: the evidence's root folder.
        assessments: all criteria of each claim; those without a run in the view are passed over.

    Returns:
        How many files were linked, copied, written or removed.
    """
    runs, changed = stored(root), 0
    for group in by_claim(assessments).values():
        places = [runs.get((experiment_name(one.claim.papers[0]), summary_key(one))) for one in group]
        documents = [place / VERDICTS for place in places if place is not None]
        changed += _document(documents, group)
        for assessment, place in zip(group, places, strict=True):
            if place is not None:
                changed += _figures(root, assessment, place / FIGURES)
    return changed


def _document(paths: Sequence[Path], group: Sequence[Assessment]) -> int:
    """The claim's verdicts, one file under several names; it is dated, so it is kept while nothing else changes."""
    if not paths:
        return 0
    document = as_json(group)
    first, changed = paths[0], 0
    try:
        kept = json.loads(first.read_text(encoding="utf-8"))["criteria"] == document["criteria"]
    except (OSError, ValueError, KeyError, TypeError):
        kept = False
    if not kept:
        replace_text(first, json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n")
        changed += 1
    return changed + sum(same_file(first, path) for path in paths[1:])


def _figures(root: Path, assessment: Assessment, folder: Path) -> int:
    drawn = root / FOLDER / FIGURES / slug(f"{assessment.name}.{assessment.profile.name}")
    wanted = [path for ending in _ENDINGS if (path := drawn.with_name(drawn.name + ending)).is_file()]
    changed = sum(same_file(path, folder / path.name) for path in wanted)
    names = {path.name for path in wanted}
    for path in folder.glob("*"):
        if path.name not in names:
            path.unlink()
            changed += 1
    return changed


def same_file(source: Path, target: Path) -> bool:
    """Make a file another name of a file, or a copy of it; whether anything had to be done."""
    if target.exists() and (target.samefile(source) or target.read_bytes() == source.read_bytes()):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as place:
        draft = Path(place) / source.name
        try:
            os.link(source, draft)
        except OSError:  # another file system, or one without links
            copyfile(source, draft)
        draft.replace(target)
    return True
