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
LINES, COMFORTABLE = 40, 100  # lines of a screen of so many characters a line
_NAMED = 3  # criteria that are named before the rest is counted
_SIZES = ((None, None, None), (2, 4, 4), (2, 3, 3), (2, 2, 2), (2, 1, 2), (1, 1, 1))
"""Lines of a finding's head, of its sentence and of each remark below: the first that fit are taken."""


def screen(
    shown: Sequence[Row],
    assessments: Sequence[Assessment],
    *,
    width: int,
    hints: Iterable[str] = (),
    notes: Iterable[str] = (),
) -> str:
    """The summary of a session as plain text, of at most `LINES` lines where a line has `COMFORTABLE` characters.

    Args:
        shown: the findings' rows.
        assessments: everything that was judged, of all profiles.
        width: characters a line; fewer than `NARROWEST` count as that many.
        hints: what to type next, one line each.
        notes: what else must be known, one sentence each.

    Returns:
        Lines without any style, so that they read the same in a pipe, in a log and without colour. What would not fit
        is cut and ends in an ellipsis; ``--details`` shows it.
    """
    room = max(width, NARROWEST)
    below = [_totals(assessments), *notes, *_ending(assessments)]
    whole = [_finding(one, room, head=None, sentence=None) for one in shown]
    for head, sentence, remark in _SIZES:
        blocks = [_finding(one, room, head=head, sentence=sentence) for one in shown]
        last = ["", *(line for each in below for line in _cut(_wrapped(each, room), remark, room)), *hints]
        spare = LINES - len(last) - sum(map(len, blocks))
        if room < COMFORTABLE or spare >= 0:
            break
    for index, full in enumerate(whole):
        if 0 < len(full) - len(blocks[index]) <= spare:  # what is left goes to those that were cut, the first first
            spare -= len(full) - len(blocks[index])
            blocks[index] = full
    return "\n".join([*(line for block in blocks for line in block), *last])


def _ending(assessments: Sequence[Assessment]) -> list[str]:
    """Whether the session stands, and what departs: a few by name, the others by number."""
    counted = tally(assessments)
    if counted.ok:
        return ["Session: as expected."]
    said = [] if counted.measured else ["Session: FAILED: nothing was measured."]
    kinds = {
        "in error": [one.name for one in counted.errors],
        "not as expected": [
            f"{one.name} ({one.verdict}, not {one.expected.verdict})"
            for one in counted.departures
            if one.expected and not one.rule_changed
        ],
        "with a changed rule": [one.name for one in counted.departures if one.rule_changed],
    }
    said += [f"Session: FAILED: {len(names)} {kind}: {_few(names)}." for kind, names in kinds.items() if names]
    first = next(iter((*counted.errors, *counted.departures)), None)
    return [*said, f"Why: {first.session.command('explain', first.name)}"] if first else said


def _few(names: Sequence[str]) -> str:
    """The first names, and where the others are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more: judge --details" if more > 0 else "")


def _finding(one: Row, width: int, *, head: int | None, sentence: int | None) -> list[str]:
    """Title and counts on lines of their own, the sentence below; at most so many lines of each."""
    counts = " | ".join(f"{column}: {one.cell(column)}" for column in _ordered(one.counts) if one.counts[column])
    title = _wrapped(f"{one.finding.title}  [{counts or 'nothing judged yet'}]", width, later="    ")
    return [
        *_cut(title, head, width),
        *_cut(_wrapped(one.sentence, width, first="  ", later="  "), sentence, width),
    ]


def _cut(lines: Sequence[str], most: int | None, width: int) -> list[str]:
    """The first lines; an ellipsis where there were more."""
    if most is None or len(lines) <= most:
        return list(lines)
    last = lines[most - 1]
    kept = last if len(last) <= width - 2 else last.rpartition(" ")[0]
    return [*lines[: most - 1], f"{kept} …"]


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
