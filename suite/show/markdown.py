"""Verdicts as a Markdown table, and where it goes in a README."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from suite.errors import SuiteError
from suite.show import describe
from suite.show.files import replace_text
from suite.show.numbers import plural
from suite.show.verdicts import marked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from suite.assess import Assessment
    from suite.show.comparison import Comparison

MARKER = "verdicts"
_COLUMNS = ("claim", "what is said", "published", "measured [95 %]", "control", "verdict")


def _cell(text: str) -> str:
    """Text that stays within its cell of a table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", "<br>")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _verdict(assessment: Assessment) -> str:
    departs = describe.registered(assessment)
    return f"**{marked(assessment.verdict)}**" + (f" ({departs})" if departs else "")


def as_markdown(assessments: Sequence[Assessment]) -> str:
    """One row a criterion, and below it one line a profile that says what the table stands on."""
    rows = [_row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
    for assessment in assessments:
        said = f"{assessment.criterion.sentence} ({describe.claimed(assessment)})"
        rows.append(
            _row(
                [
                    f"{assessment.claim.key}\n{assessment.criterion.key}",
                    said,
                    describe.published(assessment.criterion),
                    describe.measured(assessment),
                    "\n".join(describe.controls(assessment)),
                    _verdict(assessment),
                ]
            )
        )
    return "\n".join([*rows, "", *_footnotes(assessments)]) + "\n"


def comparison_markdown(tables: Sequence[Comparison]) -> str:
    """Every comparison: a row a method, one set of columns a profile, and below it what depends on a condition."""
    return "\n\n".join(map(_comparison, tables)) + "\n"


def _comparison(table: Comparison) -> str:
    columns = [f"{profile}: {column}" for profile in table.profiles for column in table.columns]
    rows = [_row(["method", *columns]), _row(["---"] * (len(columns) + 1))]
    for row in table.rows:
        texts = [text for profile in table.profiles for text in table.cells(row, profile)]
        rows.append(_row([row.title, *texts]))
    return "\n\n".join(["\n".join(rows), *table.depends(), table.legend()])


def _footnotes(assessments: Sequence[Assessment]) -> list[str]:
    today = datetime.now(UTC).date().isoformat()
    lines = []
    by_profile: dict[str, list[Assessment]] = {}
    for assessment in assessments:
        by_profile.setdefault(assessment.profile.name, []).append(assessment)
    for group in by_profile.values():
        profile = group[0].profile
        sources = dict.fromkeys(result.source for one in group for result in one.cells if result.source)
        computed = ", ".join(commit[:12] for commit in describe.commits(group))
        differs = "; ".join(f"{entry.what}: {entry.ours}, not {entry.paper}" for entry in profile.deviations)
        parts = [
            f"Profile `{profile.name}` ({profile.scope})",
            plural(len(profile.seeds), "seed"),
            *([f"computed at commit {computed}"] if computed else []),
            f"judged {today}",
            *([f"changed: {', '.join(profile.modified)}"] if profile.modified else []),
            *(f"with runs from {source}" for source in sources),
            *([f"differs from the papers in {differs}"] if differs else []),
        ]
        lines.append(f"{', '.join(parts)}.")
    return lines


def fill(path: Path, made: Mapping[str, Callable[[], str]]) -> None:
    """Fill the markers that a file has.

    Args:
        path: the file.
        made: by marker, what makes the text; only those that are needed are made.

    Raises:
        SuiteError: the file is not there, has none of the markers, or one of them not once and in order.
    """
    try:
        old = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SuiteError(f"{path} does not exist: give a file with markers ({', '.join(made)})") from None
    there = [marker for marker in made if f"<!-- {marker}:begin -->" in old]
    if not there:
        raise SuiteError(f"{path} has none of the markers {', '.join(f'<!-- {marker}:begin -->' for marker in made)}")
    for marker in there:
        update_readme(path, made[marker](), marker=marker)


def renew(path: Path, drawn: Path, profile: str) -> list[Path]:
    """Replace the figures of criteria that a file shows by those that the report page has of them now.

    Args:
        path: the file; it shows ``figures/CLAIM.CRITERION.png`` in some folder.
        drawn: the report page's figures.
        profile: whose figures; that of a comparison shows every profile.

    Returns:
        Those that were replaced by another picture.
    """
    changed = []
    for link, name in re.findall(r"\]\(((?:[\w.-]+/)*figures/([\w.]+)\.png)\)", path.read_text(encoding="utf-8")):
        of_all, old = drawn / f"{name}.png", path.parent / link
        new = of_all if of_all.is_file() else drawn / f"{name}.{profile}.png"
        if new.is_file() and (not old.is_file() or new.read_bytes() != old.read_bytes()):
            shutil.copyfile(new, old)
            changed.append(old)
    return changed


def update_readme(path: Path, text: str, *, marker: str = MARKER) -> None:
    """Replace what stands between ``<!-- MARKER:begin -->`` and ``<!-- MARKER:end -->``.

    Args:
        path: the file.
        text: what shall stand there.
        marker: the markers' name.

    Raises:
        SuiteError: the file is not there, or does not hold each marker once and in this order.
    """
    begin, end = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    try:
        old = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SuiteError(f"{path} does not exist: give a file with the lines {begin} and {end}") from None
    if old.count(begin) != 1 or old.count(end) != 1 or old.index(begin) > old.index(end):
        raise SuiteError(f"{path} must hold the lines {begin} and {end} once each, in this order")
    head, rest = old.split(begin)
    replace_text(path, f"{head}{begin}\n{text.strip()}\n{end}{rest.split(end)[1]}")
