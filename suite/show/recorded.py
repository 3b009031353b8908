"""The log of recorded values: what was measured last, and before that, one dated line each.

Published values are never edited and stand with their claims; what *we* measured may be recorded anew when
libraries or machines move. Every recording appends lines; earlier ones are never touched.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError
from suite.evidence.runtime import commit
from suite.judge import Verdict
from suite.show import describe
from suite.show.numbers import aligned, finite, number, with_unit
from suite.show.summary import machine

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from suite.assess import Assessment

_DIGITS = 6  # the seventh digit differs between processors and says nothing beside any interval
_NOT_MEASURED = (Verdict.NOT_RUN, Verdict.ERROR, Verdict.UNVERIFIABLE, Verdict.SMOKE)


@dataclass(frozen=True)
class Entry:
    """One recorded value.

    Attributes:
        date: the day it was recorded, ISO 8601.
        commit: the source it was computed with; the one that judged, where it stands on no cells.
        machine: where it was judged.
        profile: at which scale.
        name: ``claim.criterion``.
        verdict: the word.
        estimate: what was measured; None where nothing could be.
        low: lower end of the interval; None if there is none.
        high: upper end; None if there is none.
        n: how many seeds, images or values.
    """

    date: str
    commit: str
    machine: str
    profile: str
    name: str
    verdict: str
    estimate: float | None
    low: float | None
    high: float | None
    n: int | None

    @property
    def finding(self) -> tuple[object, ...]:
        """What must differ for a new line to be worth writing."""
        return (self.verdict, self.estimate, self.low, self.high, self.n)

    def measured(self, unit: str = "") -> str:
        """Estimate and interval in words."""
        if self.estimate is None:
            return "-"
        if self.low is None or self.high is None or self.low == self.high:
            return with_unit(number(self.estimate), unit)
        texts = aligned((self.estimate, self.low, self.high), (self.high - self.low) / 2)
        return with_unit(f"{texts[0]} [{texts[1]}, {texts[2]}]", unit)


_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("date", "commit", "machine", "profile", "name", "verdict"), (str,)),
    **dict.fromkeys(("estimate", "low", "high"), (int, float, type(None))),
    "n": (int, type(None)),
}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _entry(text: str) -> Entry:
    """One line of the log; ValueError if it is none."""
    data: Any = json.loads(text, parse_constant=_refuse)
    names = [field.name for field in fields(Entry)]
    if not isinstance(data, dict) or sorted(data) != sorted(names):
        raise ValueError(f"an entry has exactly the keys {', '.join(names)}")
    for name, types in _TYPES.items():
        if not isinstance(data[name], types):
            raise ValueError(f"{name} must not be {data[name]!r}")  # noqa: TRY004 - a fault of the file
    date.fromisoformat(data["date"])
    Verdict(data["verdict"])
    return Entry(**data)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def history(path: Path) -> dict[str, list[Entry]]:
    """Every recorded value by ``claim.criterion``, oldest first; nothing if there is no log yet.

    Raises:
        SuiteError: a line is not an entry; the message gives its number.
    """
    found: dict[str, list[Entry]] = {}
    for index, text in enumerate(_lines(path), start=1):
        try:
            entry = _entry(text)
        except ValueError as error:
            raise SuiteError(
                f"{path}, line {index} is not a recorded value ({error}): restore it from version control"
            ) from None
        found.setdefault(entry.name, []).append(entry)
    return found


@dataclass(frozen=True)
class Period:
    """A verdict with its numbers for as long as it was recorded unchanged.

    Attributes:
        first: when it was recorded first.
        last: when it was recorded last; the same entry where it was recorded once.
        times: how often.
    """

    first: Entry
    last: Entry
    times: int

    @property
    def dates(self) -> str:
        """The day, or the first and the last of them."""
        first, last = self.first.date, self.last.date
        days = first if first == last else f"{first} to {last}"
        return days if self.times == 1 else f"{days}, {self.times} times"

    @property
    def commits(self) -> str:
        """The commit, or the first and the last, twelve digits each."""
        first, last = self.first.commit[:12], self.last.commit[:12]
        return first if first == last else f"{first} to {last}"


def periods(entries: Iterable[Entry]) -> list[Period]:
    """How a verdict changed over time, profile by profile: unchanged repeats are folded, oldest first."""
    found: dict[str, list[Period]] = {}
    for entry in entries:
        kept = found.setdefault(entry.profile, [])
        if kept and kept[-1].first.finding == entry.finding:
            kept[-1] = Period(kept[-1].first, entry, kept[-1].times + 1)
        else:
            kept.append(Period(entry, entry, 1))
    return [period for kept in found.values() for period in kept]


def _rounded(value: float | None) -> float | None:
    kept = finite(value)
    if kept is None or kept.is_integer():
        return kept
    return float(f"{kept:.{_DIGITS}g}")


def entry_of(assessment: Assessment) -> Entry:
    """What would be recorded of an assessment now."""
    interval = assessment.judgement.interval
    return Entry(
        date=datetime.now(UTC).date().isoformat(),
        commit=", ".join(describe.commits([assessment])) or commit(),
        machine=machine(),
        profile=assessment.profile.name,
        name=assessment.name,
        verdict=str(assessment.verdict),
        estimate=_rounded(interval.estimate) if interval else None,
        low=_rounded(interval.low) if interval else None,
        high=_rounded(interval.high) if interval else None,
        n=interval.n if interval else None,
    )


def record(path: Path, assessments: Iterable[Assessment]) -> int:
    """Append what was measured and differs from the last record at the same profile.

    What was not run, broke, is unverifiable or smoke was not measured and is not recorded.

    Args:
        path: the log; made if need be.
        assessments: of an unmodified profile.

    Returns:
        How many entries were added.

    Raises:
        SuiteError: the log is corrupt, or the profile was changed on the command line.
    """
    last = {(entry.profile, name): entry.finding for name, entries in history(path).items() for entry in entries}
    added = []
    for assessment in assessments:
        if assessment.profile.modified:
            changes = ", ".join(assessment.profile.modified)
            raise SuiteError(f"only a profile as it is can be recorded; this one has {changes}")
        entry = entry_of(assessment)
        known = last.get((entry.profile, entry.name)) == entry.finding
        if assessment.verdict not in _NOT_MEASURED and not known:
            added.append(json.dumps(asdict(entry), allow_nan=False))
    _append(path, added)
    return len(added)


def _append(path: Path, lines: list[str]) -> None:
    """Add lines in one write, after closing a last line that an editor left open."""
    if not lines:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as stream:
        if stream.tell() > 0:
            stream.seek(-1, os.SEEK_END)
            lines = lines if stream.read(1) == b"\n" else ["", *lines]
        stream.write(("\n".join(lines) + "\n").encode())
        stream.flush()
        os.fsync(stream.fileno())
