"""Verdicts in the terminal: one table a claim, then what holds for all of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from suite.assess import claim_word, tally
from suite.claim.schema import bearing
from suite.judge import DECIDED, WORST_FIRST, Verdict
from suite.show import describe
from suite.show.listing import print_claims, print_plan
from suite.show.numbers import number, plural
from suite.show.verdicts import LOOKS, marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from suite.assess import Assessment
    from suite.claim import Deviation

__all__ = [
    "by_claim",
    "deviation_table",
    "expected_false",
    "line",
    "outcome",
    "print_claims",
    "print_plan",
    "print_verdicts",
]

_WIDE = 118  # columns from which every fact can have a column of its own


def line(console: Console, text: str, style: str = "") -> None:
    """Print text as it is: no markup, so that an interval's brackets are not taken for it."""
    console.print(Text(text, style=style))


def by_claim(assessments: Iterable[Assessment]) -> dict[tuple[str, str], list[Assessment]]:
    """Assessments by (claim, profile), in their order."""
    groups: dict[tuple[str, str], list[Assessment]] = {}
    for assessment in assessments:
        groups.setdefault((assessment.claim.key, assessment.profile.name), []).append(assessment)
    return groups


def print_verdicts(assessments: Sequence[Assessment], console: Console) -> None:
    """Print every verdict with its numbers, then the counts and what they must be read with.

    Args:
        assessments: of any claims and profiles.
        console: its width decides whether every fact has its own column; colour is never needed to read it.
    """
    for group in by_claim(assessments).values():
        _print_claim(group, console)
    _print_counts(assessments, console)
    _print_deviations(assessments, console)
    line(console, outcome(assessments), "bold")


def outcome(assessments: Sequence[Assessment]) -> str:
    """Whether the session stands, and if not why not, in one line."""
    why_not = tally(assessments).why_not
    if why_not:
        return f"FAILED: {why_not}"
    held = Counter(assessment.expected.status for assessment in assessments if assessment.expected)
    if not held:
        return "OK: no verdict is expected to compare with"
    origins = [f"{held['registered']} registered before their evidence", f"{held['recorded']} recorded after it"]
    return f"OK: {plural(held.total(), 'verdict')} of {len(assessments)} as expected ({', '.join(origins)})"


def _print_claim(group: Sequence[Assessment], console: Console) -> None:
    claim = group[0].claim
    line(console, f"{claim.key}: {claim.sentence}", "bold")
    line(console, f"{describe.papers(claim)}; {claim.where}", "dim")
    console.print(_wide(group) if console.width >= _WIDE else _narrow(group))
    word = claim_word(group)
    style = LOOKS[word.verdict].style if word.verdict else ""
    console.print(Text("taken together: ").append(word.text, style))
    for text in _remarks(group):
        line(console, text)
    line(console, "")


def _sentence(assessment: Assessment) -> Text:
    return Text(assessment.criterion.key, style="bold").append(f"\n{assessment.criterion.sentence}", "not bold")


def _verdict(assessment: Assessment) -> Text:
    """Sign and word; below it whether it departs from what is expected, and what would settle it."""
    text = Text(marked(assessment.verdict), style=LOOKS[assessment.verdict].style)
    for more in (describe.registered(assessment), describe.outlook(assessment)):
        if more:
            text.append(f"\n{more}", style="bold" if more == describe.registered(assessment) else "not bold")
    return text


def _numbers(assessment: Assessment) -> str:
    return "\n".join(part for part in (describe.measured(assessment), describe.size(assessment)) if part)


def _wide(group: Sequence[Assessment]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    table.add_column("criterion", ratio=32)
    table.add_column("published", ratio=15)
    table.add_column("measured [95 %]", ratio=20)
    table.add_column("claimed", ratio=12)
    table.add_column("control", ratio=22)
    table.add_column("verdict", ratio=20)
    table.add_column("scope", min_width=5)
    table.add_column("dev.", justify="right", min_width=4)
    for assessment in group:
        table.add_row(
            _sentence(assessment),
            Text(describe.published(assessment.criterion)),
            Text(_numbers(assessment)),
            Text(describe.claimed(assessment)),
            Text("\n".join(describe.controls(assessment))),
            _verdict(assessment),
            Text(assessment.profile.scope),
            Text(str(len(assessment.deviations))),
        )
    return table


def _narrow(group: Sequence[Assessment]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, leading=1)
    table.add_column("criterion", ratio=26)
    table.add_column("numbers [95 %]", ratio=34)
    table.add_column("verdict", ratio=20)
    for assessment in group:
        size = describe.size(assessment)
        facts = [
            f"measured: {describe.measured(assessment)}{f', {size}' if size else ''}",
            f"claimed: {describe.claimed(assessment)}",
            f"published: {describe.published(assessment.criterion)}",
            *(f"control {text}" for text in describe.controls(assessment)),
        ]
        deviations = plural(len(assessment.deviations), "deviation")
        verdict = _verdict(assessment).append(f"\n{assessment.profile.scope}, {deviations}", "not bold")
        table.add_row(_sentence(assessment), Text("\n".join(facts)), verdict)
    return table


def _remarks(group: Sequence[Assessment]) -> list[str]:
    """What the table has no room for: what is missing and how to get it, what broke, what else differs."""
    missing: dict[str, list[str]] = {}
    for assessment in group:
        if assessment.verdict is Verdict.NOT_RUN:
            missing.setdefault(describe.remedy(assessment), []).append(assessment.criterion.key)
    remarks = [f"not run: {', '.join(names)}: {remedy}" for remedy, names in missing.items()]
    remarks += [
        f"error in {assessment.criterion.key}: {assessment.judgement.reason}"
        for assessment in group
        if assessment.verdict is Verdict.ERROR
    ]
    origins: dict[str, list[str]] = {}
    for assessment in group:
        origins.setdefault(describe.origin(assessment), []).append(assessment.criterion.key)
    remarks += [
        f"{', '.join(names) if len(origins) > 1 else 'every criterion'}: {origin}"
        for origin, names in origins.items()
        if origin
    ]
    own = dict.fromkeys(
        deviation.what
        for a in group
        for deviation in bearing((*a.claim.deviations, *a.criterion.deviations), a.profile)
    )
    if own:
        remarks.append(
            f"differs from the paper, besides the profile, in: {', '.join(own)} "
            f"({group[0].session.command('explain', group[0].claim.key)})"
        )
    return remarks


def _print_counts(assessments: Sequence[Assessment], console: Console) -> None:
    counts = Counter(assessment.verdict for assessment in assessments)
    text = Text("verdicts: ")
    for verdict in reversed(WORST_FIRST):
        if counts[verdict]:
            text.append(f"{marked(verdict)} {counts[verdict]}", LOOKS[verdict].style).append("   ")
    console.print(text)
    line(console, expected_false(assessments), "dim")


def expected_false(assessments: Sequence[Assessment]) -> str:
    """How many claims are expected to hold a false decision, if all else is right.

    Holm's adjustment keeps the chance of any false decision within a claim at or below 1 - level; the
    expected number of claims that hold one is at most that times the number of claims decided by samples.
    """
    decided = [
        assessment for assessment in assessments if assessment.verdict in DECIDED and assessment.judgement.p is not None
    ]
    families = len(by_claim(decided))
    if not families:
        return "no claim was decided by a sample, so none can be decided wrongly by chance"
    interval = decided[0].judgement.interval
    assert interval is not None
    at_most = round((1 - interval.level) * families, 6)  # the digits beyond are those of 1 - 0.95 in binary
    return (
        f"{plural(len(decided), 'decision')} by samples in {plural(families, 'claim')}, "
        f"Holm-adjusted within each claim: by chance alone, "
        f"at most {number(at_most)} claims are expected to hold a false one"
    )


def _print_deviations(assessments: Sequence[Assessment], console: Console) -> None:
    profiles = {assessment.profile.name: assessment.profile for assessment in assessments}
    for profile in profiles.values():
        if profile.modified:
            line(
                console,
                f"profile {profile.name} was changed ({', '.join(profile.modified)}): nothing is held to it",
            )
        if profile.deviations:
            line(console, f"profile {profile.name} ({profile.scope}) differs from the papers in:")
            console.print(deviation_table(profile.deviations))


def deviation_table(deviations: Iterable[Deviation]) -> Table:
    """Deviations side by side: what, the paper's, ours."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("what", "the papers", "here"):
        table.add_column(column, overflow="fold")
    for deviation in deviations:
        table.add_row(Text(deviation.what), Text(deviation.paper), Text(deviation.ours))
    return table
