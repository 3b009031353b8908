"""Why a verdict is what it is, and what another one would take: ``python -m suite explain CLAIM``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from suite.run.progress import duration
from suite.show import describe
from suite.show.marks import MARKS, marked
from suite.show.numbers import number, plural, with_unit
from suite.show.runs import runs, seconds_per_seed
from suite.show.terminal import deviation_table, line
from suite.show.whatif import print_what_if, what_if_claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console, RenderableType

    from suite.assess import Assessment, Evidence
    from suite.claim import Claim
    from suite.show.recorded import Entry

__all__ = ["explain", "what_if"]

_FEWER_THAN_IMAGES = 40  # more values than seeds are images: their summary says more than the list


def explain(
    assessments: Sequence[Assessment],
    console: Console,
    *,
    history: Mapping[str, Sequence[Entry]] | None = None,
) -> None:
    """Print everything behind each verdict.

    Args:
        assessments: what to explain.
        console: where to.
        history: recorded values by ``claim.criterion`` (see :mod:`suite.show.recorded`).
    """
    for assessment in assessments:
        _explain(assessment, console, (history or {}).get(assessment.name, ()))


def _explain(assessment: Assessment, console: Console, history: Sequence[Entry]) -> None:
    criterion, verdict = assessment.criterion, assessment.verdict
    line(console, f"{assessment.name}: {criterion.sentence}", "bold")
    line(console, f"{describe.papers(assessment.claim)}; {assessment.claim.where}", "dim")
    heading = Text(marked(verdict), style=MARKS[verdict].style)
    heading.append(f" ({assessment.profile.scope}, profile {assessment.profile.name})", "not bold")
    console.print(heading.append(f" {describe.registered(assessment)}".rstrip()))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _facts(assessment):
        table.add_row(name, Text(text))
    _section(console, table)
    if assessment.cells:
        _section(console, _runs_table(assessment))
    if assessment.deviations:
        line(console, "differs from the paper in:")
        _section(console, deviation_table(assessment.deviations))
    for text in _environments(assessment):
        line(console, text, "dim")
    if history:
        line(console, "recorded before:")
        _section(console, _history_table(history, criterion.quantity.unit))
    line(console, "")


def _section(console: Console, content: RenderableType) -> None:
    console.print(Padding(content, (0, 0, 0, 2)))


def _facts(assessment: Assessment) -> Iterable[tuple[str, str]]:
    """Names and texts, in the order in which a reviewer asks."""
    criterion, judgement = assessment.criterion, assessment.judgement
    unit = criterion.quantity.unit
    yield "why", judgement.reason
    for entry in criterion.published:
        yield "published", f"{describe.published_text(entry, unit)} ({entry.paper.title}, {entry.where})"
    yield (
        "quantity",
        f"{with_unit(criterion.quantity.name, f'[{unit}]' if unit else '')}; larger is {_larger(assessment)}",
    )
    yield "claimed", f"{describe.claimed(assessment)}, because {criterion.because}"
    if judgement.interval is not None:
        yield "measured", f"{describe.measured(assessment)}, {describe.size(assessment)}"
        yield "interval", f"{100 * judgement.interval.level:g} %: {judgement.interval.method}"
        yield "values", _values(assessment)
    yield from _control_facts(assessment)
    if judgement.p is not None:
        holm = f", {number(judgement.p_holm)} after Holm's adjustment" if judgement.p_holm is not None else ""
        yield "p-value", f"{number(judgement.p)}{holm}"
    if judgement.flips:
        yield "would flip", judgement.flips
    settle = describe.outlook(assessment)
    if settle:
        yield "would settle", settle
    cost = seconds_per_seed(assessment)
    if cost:
        yield "one more seed", f"takes about {duration(cost)} of computing, controls included"
    if assessment.expected is not None:
        expected = assessment.expected
        yield "registered", f"{expected.verdict}, since {expected.since}, because {expected.because}"
    yield "command", assessment.command


def _larger(assessment: Assessment) -> str:
    return assessment.criterion.quantity.larger or "more"


def _values(assessment: Assessment) -> str:
    observed = assessment.observed
    assert observed is not None
    note = f" ({observed.note})" if observed.note else ""
    if len(observed.values) > _FEWER_THAN_IMAGES:
        low, high = min(observed.values), max(observed.values)
        return f"{observed.size}, from {number(low)} to {number(high)}{note}"
    labels = observed.labels or [f"{observed.unit} {index + 1}" for index in range(len(observed.values))]
    return (
        ", ".join(f"{label}: {number(value)}" for label, value in zip(labels, observed.values, strict=True))
        + note
    )


def _control_facts(assessment: Assessment) -> Iterable[tuple[str, str]]:
    said = {control.key: control.sentence for control in assessment.criterion.controls}
    for judged in assessment.judgement.controls:
        text = describe.control(judged, assessment.criterion.quantity.unit)
        message = f"; {judged.message}" if judged.message else ""
        yield "control", f"{text} ({said[judged.name]}){message}"
    if assessment.criterion.control_free:
        yield "control", f"none: {assessment.criterion.control_free}"


def _runs_table(assessment: Assessment) -> Table:
    """The runs a verdict stands on, with their keys."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("stands on", "time", "cell"):
        table.add_column(column, overflow="fold")
    for run in runs(assessment.cells).values():
        origin = f" from {run.result.origin}" if run.result.origin else ""
        table.add_row(Text(run.label + origin), Text(duration(run.result.seconds)), Text(run.key))
    return table


def _environments(assessment: Assessment) -> list[str]:
    """Where the runs were computed, each environment once."""
    found: dict[str, int] = {}
    for result in assessment.cells:
        where = result.environment
        libraries = ", ".join(f"{name} {version}" for name, version in where.get("libraries", {}).items())
        text = f"commit {where.get('commit')}; {where.get('gpu', where.get('device'))}; {libraries}"
        found[text] = found.get(text, 0) + 1
    return [f"{plural(count, 'cell')} computed with {text}" for text, count in found.items()]


def _history_table(history: Sequence[Entry], unit: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("date", "profile", "verdict", "measured [95 %]", "n", "commit"):
        table.add_column(column)
    for entry in history:
        cells = (
            entry.date,
            entry.profile,
            entry.verdict,
            entry.measured(unit),
            str(entry.n or "-"),
            entry.commit[:12],
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def what_if(
    claims: Iterable[Claim],
    evidence: Evidence,
    console: Console,
    *,
    margin: float | None = None,
    seeds: int | None = None,
) -> None:
    """Judge claims again under another rule and print both verdicts; see :mod:`suite.show.whatif`."""
    for claim in claims:
        print_what_if(what_if_claim(claim, evidence, margin=margin, seeds=seeds), console)
