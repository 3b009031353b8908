"""One screen at the end of a session: a row a finding, what departs, and what to type next."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from suite.assess import tally
from suite.judge import WORST_FIRST
from suite.show.findings import COLUMNS, column_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from suite.assess import Assessment
    from suite.show.findings import Row

NARROWEST = 60  # characters for which lines are still broken sensibly


def screen(shown: Sequence[Row], assessments: Sequence[Assessment], *, width: int, hints: Iterable[str] = ()) -> str:
    """The summary of a session as plain text; nine findings take at most 40 lines at 100 columns.

    Args:
        shown: the findings' rows.
        assessments: everything that was judged, of all profiles.
        width: characters a line; fewer than `NARROWEST` count as that many.
        hints: what to type next, one line each.

    Returns:
        Lines without any style, so that they read the same in a pipe, in a log and without colour.
    """
    room = max(width, NARROWEST)
    lines = [line for one in shown for line in _finding(one, room)]
    lines += ["", *_wrapped(_totals(assessments), room)]
    counted = tally(assessments)
    said = "as expected" if counted.ok else f"FAILED: {counted.why_not}"
    lines += _wrapped(f"Session: {said}.", room)
    return "\n".join([*lines, *hints])


def _finding(one: Row, width: int) -> list[str]:
    """Title and counts on a line of their own, the sentence below."""
    counts = " | ".join(f"{column}: {one.cell(column)}" for column in _ordered(one.counts) if one.counts[column])
    head = f"{one.finding.title}  [{counts or 'nothing judged yet'}]"
    return [*_wrapped(head, width, later="    "), *_wrapped(one.sentence, width, first="  ", later="  ")]


def _ordered(columns: Iterable[str]) -> list[str]:
    """The columns of the summary first, in their order, then other profiles by name."""
    found = set(columns)
    return [*(column for column in COLUMNS if column in found), *sorted(found - set(COLUMNS))]


def _wrapped(text: str, width: int, *, first: str = "", later: str = "") -> list[str]:
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=later, break_long_words=False)


def _totals(assessments: Sequence[Assessment]) -> str:
    """How many criteria of every column have which verdict, probes included."""
    parts = []
    columns = [column_of(one.profile.name) or one.profile.name for one in assessments]
    for column in _ordered(columns):
        found = Counter(one.verdict for one, own in zip(assessments, columns, strict=True) if own == column)
        words = ", ".join(f"{found[word]} {word}" for word in reversed(WORST_FIRST) if found[word])
        total = sum(found.values())
        parts.append(f"{column}: {total} {'criterion' if total == 1 else 'criteria'} ({words})")
    return "; ".join(parts) or "Nothing was judged."
