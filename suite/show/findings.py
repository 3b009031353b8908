"""The summary: one row a finding, with counts by profile and one sentence that its verdicts bear out."""

from __future__ import annotations

import math
import re
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.claim import Lies, Role
from suite.errors import SuiteError
from suite.judge import WORST_FIRST, Verdict
from suite.show.numbers import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from suite.assess import Assessment
    from suite.claim import Finding, Sentence
    from suite.judge import Interval

COLUMNS = ("released", "desk", "desk-wide", "desk-long", "frozen", "full")
_NUMBER = re.compile(r"(?P<name>\w+\.\w+)(?:(?P<kind>[/-])(?P<control>\w+))?")
_PLACE = re.compile(rf"\{{{_NUMBER.pattern}(?::(?P<format>[^}}]+))?\}}")


class Departed(SuiteError):
    """A verdict that a sentence speaks of is another one now."""


@dataclass(frozen=True)
class Row:
    """One finding, as it is shown.

    Attributes:
        finding: which.
        counts: by column, how many criteria that a paper asserts have which verdict, best word first.
        probes: by column, the same for criteria that are our own scrutiny.
        sentence: what was found.
    """

    finding: Finding
    counts: Mapping[str, Mapping[Verdict, int]]
    probes: Mapping[str, Mapping[Verdict, int]]
    sentence: str

    def cell(self, column: str) -> str:
        """Asserted counts of a column in words: ``"2 consistent, 1 inconclusive"``; a dash for a column without any."""
        return in_words(self.counts.get(column, {}))


def column_of(profile: str) -> str:
    """The column that a profile's verdicts are counted in: its own name's, or that of the profile it varies.

    Returns:
        One of `COLUMNS`, or an empty text for profiles that are not summed up.
    """
    if profile in COLUMNS:
        return profile
    return next((name for name in ("frozen", "full") if profile.startswith(f"{name}-")), "")


def in_words(counts: Mapping[Verdict, int]) -> str:
    """Counts in words, best verdict first; a dash if there are none."""
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "–"


def row(finding: Finding, assessments: Iterable[Assessment], *, strict: bool = False) -> Row:
    """Sum up what was found of one finding.

    Args:
        finding: which.
        assessments: of any claims and profiles; those of other findings are left out.
        strict: whether to raise where a verdict that a sentence speaks of has changed, not to say so in its place.

    Returns:
        The row; its sentence is the first of the finding's whose verdicts were all reached, then its remarks.

    Raises:
        Departed: with ``strict``, naming the verdicts that changed.
    """
    own = [one for one in assessments if one.claim.finding == finding.key]
    by_role: dict[Role, dict[str, list[Verdict]]] = {role: {} for role in Role}
    for one in own:
        column = column_of(one.profile.name) or one.profile.name
        if one.verdict is not Verdict.SMOKE:
            by_role[one.criterion.role].setdefault(column, []).append(one.verdict)
    asserted, probes = (
        {column: _counted(verdicts) for column, verdicts in by_role[role].items()}
        for role in (Role.ASSERTED, Role.PROBE)
    )
    sentence = " ".join([_said(finding, own, strict=strict), *remarks(finding, own)])
    return Row(finding, asserted, probes, sentence)


def rows(findings: Iterable[Finding], assessments: Sequence[Assessment], *, strict: bool = False) -> list[Row]:
    """One row a finding, in their order."""
    return [row(finding, assessments, strict=strict) for finding in findings]


def fill(sentence: Sentence, assessments: Iterable[Assessment]) -> str:
    """The sentence with its numbers.

    Args:
        sentence: which.
        assessments: among them, those of its profile.

    Raises:
        Departed: a verdict it speaks of is another one now, or was not reached; a number lies elsewhere.
        SuiteError: it quotes a criterion whose verdict it does not name, or a control or number that there is not.
    """
    found = {one.name: one for one in assessments if one.profile.name == sentence.profile}
    changed = [
        f"{name} is {found[name].verdict if name in found else 'not judged'}, not {verdict}"
        for name, verdict in sentence.verdicts.items()
        if name not in found or found[name].verdict is not verdict
    ]
    changed += [f"{place} is not {lies}" for place, lies in sentence.shows.items() if not _shown(found, place, lies)]
    if changed:
        raise Departed("; ".join(changed))

    def numbered(place: re.Match[str]) -> str:
        name = place["name"]
        if name not in sentence.verdicts and _place(place) not in sentence.shows:
            raise SuiteError(f"{name} is quoted, but its verdict is not named: {sentence.text}")
        interval = _interval(found[name], place["kind"], place["control"])
        if interval is None:
            raise SuiteError(f"there is no number {_place(place)} to quote: {sentence.text}")
        value = interval.estimate
        return format(value, place["format"]).replace("-", "−") if place["format"] else number(value)

    return _PLACE.sub(numbered, sentence.text)


def text(shown: Iterable[Row], *, columns: Sequence[str] = COLUMNS, width: int = 100) -> str:
    """The rows as plain text: title, counts of every column that has any, and the sentence.

    Args:
        shown: the rows.
        columns: which to show, in this order.
        width: characters a line.
    """
    lines = []
    for one in shown:
        counts = [f"{column}: {one.cell(column)}" for column in columns if one.counts.get(column)]
        lines.append(one.finding.title)
        for part in (" · ".join(counts) or "nothing judged yet", one.sentence):
            lines += textwrap.wrap(part, width, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(lines)


def as_markdown(shown: Sequence[Row], *, columns: Sequence[str] = COLUMNS) -> str:
    """One row a finding: what was found, and the counts of every column in which anything was judged.

    Args:
        shown: the rows.
        columns: which to show, in this order, where they have any counts.
    """
    kept = [column for column in columns if any(one.counts.get(column) for one in shown)]
    lines = [
        f"| finding | {' | '.join(kept)} | what was found |",
        f"| --- |{' --- |' * len(kept)} --- |",
        *(
            f"| **{one.finding.title}** | {' | '.join(one.cell(column) for column in kept)} | {one.sentence} |"
            for one in shown
        ),
    ]
    return "\n".join(lines) + "\n"


def _counted(verdicts: Iterable[Verdict]) -> dict[Verdict, int]:
    found = Counter(verdicts)
    return {verdict: found[verdict] for verdict in reversed(WORST_FIRST) if found[verdict]}


def _said(finding: Finding, assessments: Sequence[Assessment], *, strict: bool) -> str:
    """The first sentence whose verdicts were reached; what changed, where one speaks of other verdicts."""
    judged = {(one.profile.name, one.name) for one in assessments}
    departed = ""
    for sentence in finding.sentences:
        if not all((sentence.profile, name) in judged for name in sentence.verdicts):
            continue
        try:
            return fill(sentence, assessments)
        except Departed as changed:
            if strict:
                raise
            departed = departed or f"{finding.sentence} Verdicts have changed: {changed}."
    return departed or finding.sentence


def _place(found: re.Match[str]) -> str:
    """A number's place in the notation of sentences, without its format."""
    return f"{found['name']}{found['kind'] or ''}{found['control'] or ''}"


def _shown(found: Mapping[str, Assessment], place: str, lies: Lies) -> bool:
    """Whether the interval of a number lies where a sentence says.

    Raises:
        SuiteError: the place is none.
    """
    parts = _NUMBER.fullmatch(place)
    if parts is None:
        raise SuiteError(f"{place!r} is no number of a criterion: write claim.criterion, /control or -control")
    interval = _interval(found[parts["name"]], parts["kind"], parts["control"]) if parts["name"] in found else None
    if interval is None:
        return False
    if lies is Lies.AROUND:
        return -math.inf < interval.low <= 0 <= interval.high < math.inf
    return interval.low > 0 if lies is Lies.ABOVE else interval.high < 0


def _interval(assessment: Assessment, kind: str | None, control: str | None) -> Interval | None:
    """The interval of a criterion, of its control, or of the one less the other; None where there is none."""
    if control is None:
        return assessment.judgement.interval
    for one in assessment.judgement.controls:
        if one.name == control:
            return one.interval if kind == "/" else one.contrast
    return None


def remarks(finding: Finding, assessments: Sequence[Assessment]) -> list[str]:
    """What the numbers of several profiles add to a finding's sentence: one sentence a group, if any is borne out."""
    said = []
    for group in finding.remarks:
        for sentence in group:
            try:
                said.append(fill(sentence, assessments))
            except Departed:
                continue
            break
    return said
