"""Why a verdict is what it is, and what another one would take: ``python -m suite explain CLAIM``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from suite.claim.schema import bearing
from suite.run.progress import duration
from suite.show import describe
from suite.show.numbers import number, plural, ranges, with_unit
from suite.show.recorded import periods
from suite.show.runs import reached, runs, seconds_per_seed
from suite.show.terminal import by_claim, deviation_table, line
from suite.show.verdicts import LOOKS, marked
from suite.show.whatif import print_what_if, what_if_claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console, RenderableType

    from suite.assess import Assessment, Evidence
    from suite.claim import Claim
    from suite.evidence.cell import Result
    from suite.judge import Judgement
    from suite.show.recorded import Entry
    from suite.show.runs import Run

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
    for group in by_claim(assessments).values():
        line(console, f"{group[0].claim.key}: {group[0].claim.sentence}", "bold")
        line(console, f"{describe.papers(group[0].claim)}; {group[0].claim.where}", "dim")
        if group[0].claim.notes:
            line(console, group[0].claim.notes)
        known = runs(result for assessment in group for result in assessment.cells)
        for assessment in group:
            _explain_criterion(assessment, known, console)
            recorded = (history or {}).get(assessment.name, ())
            if recorded:
                line(console, "  recorded before:")
                _section(console, _history_table(recorded, assessment.criterion.quantity.unit))
        _explain_shared(group, known, console)


def _explain_criterion(assessment: Assessment, known: Mapping[str, Run], console: Console) -> None:
    """What holds for one criterion alone."""
    verdict, profile = assessment.verdict, assessment.profile
    line(console, "")
    heading = Text(f"{assessment.name}: {assessment.criterion.sentence}\n", style="bold")
    heading.append(marked(verdict), f"not bold {LOOKS[verdict].style}")
    heading.append(f" ({profile.scope}, profile {profile.name})", "not bold")
    console.print(heading.append(f" {describe.registered(assessment)}".rstrip()))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _facts(assessment, known):
        table.add_row(name, Text(text))
    _section(console, table)


def _explain_shared(group: Sequence[Assessment], known: Mapping[str, Run], console: Console) -> None:
    """What several criteria of a claim have in common: deviations, runs, where they were computed."""
    line(console, "")
    profile = group[0].profile
    deviations = (*profile.deviations, *bearing(group[0].claim.deviations, profile))
    if deviations:
        line(console, f"{group[0].claim.key} differs from the paper in:")
        _section(console, deviation_table(deviations))
    if known:
        line(console, f"{group[0].claim.key} stands on:")
        _section(console, _runs_table(known.values()))
    for text in _environments(run.result for run in known.values()):
        line(console, text, "dim")
    line(console, "")


def _section(console: Console, content: RenderableType) -> None:
    console.print(Padding(content, (0, 0, 0, 2)))


def _facts(assessment: Assessment, known: Mapping[str, Run]) -> Iterable[tuple[str, str]]:
    """Names and texts, in the order in which a reviewer asks."""
    criterion, judgement = assessment.criterion, assessment.judgement
    unit = criterion.quantity.unit
    yield "why", judgement.reason
    for entry in criterion.published:
        yield "published", f"{describe.published_text(entry, unit)} ({entry.paper.title}, {entry.place})"
        if entry.error is not None:
            yield "it could have seen", describe.could_have_seen(entry, unit)
    yield (
        "quantity",
        f"{with_unit(criterion.quantity.name, f'[{unit}]' if unit else '')}; larger is {_larger(assessment)}",
    )
    yield "claimed", f"{describe.claimed(assessment)}, because {criterion.because}"
    yield "role", describe.role(criterion)
    if judgement.interval is not None:
        yield "measured", f"{describe.measured(assessment)}, {describe.size(assessment)}"
        yield "interval", f"{100 * judgement.interval.level:g} %: {judgement.interval.method}"
        yield "values", _values(assessment)
    yield from _control_facts(assessment)
    yield from _family_facts(judgement, unit)
    if judgement.flips:
        yield "would flip", judgement.flips
    settle = describe.outlook(assessment)
    if settle:
        yield "would settle", settle
    cost = seconds_per_seed(assessment)
    if cost:
        yield "one more seed", f"takes about {duration(cost)} of computing, controls included"
    if assessment.expected is not None:
        yield "expected", describe.expectation(assessment)
    for deviation in criterion.deviations:
        yield "differs", f"{deviation.what}: {deviation.ours}; in the paper: {deviation.paper}"
    for text in _stands_on(assessment, known):
        yield "stands on", text
    yield "command", assessment.command


def _family_facts(judgement: Judgement, unit: str) -> Iterable[tuple[str, str]]:
    """What the other criteria of the same role make of it."""
    if judgement.p is not None:
        holm = f", {number(judgement.p_holm)} after Holm's adjustment" if judgement.p_holm is not None else ""
        yield "p-value", f"{number(judgement.p)}{holm}"
    if judgement.adjusted is not None:
        yield "adjusted", f"{judgement.adjusted.describe(unit)} at the level of the whole family"


def _stands_on(assessment: Assessment, known: Mapping[str, Run]) -> list[str]:
    """The runs by what they are: ``"train cait, seeds 0-5"``; their keys are listed once for the claim."""
    seeds: dict[str, set[int]] = {}
    for run in reached(assessment.cells, known).values():
        seeds.setdefault(run.group, set()).add(run.seed)
    whose = describe.origin(assessment)
    return ([whose] if whose else []) + [
        f"{group}, seed{'s' if len(found) > 1 else ''} {ranges(found)}" for group, found in seeds.items()
    ]


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
    return ", ".join(f"{label}: {number(value)}" for label, value in zip(labels, observed.values, strict=True)) + note


def _control_facts(assessment: Assessment) -> Iterable[tuple[str, str]]:
    said = {control.key: control.sentence for control in assessment.criterion.controls}
    for judged in assessment.judgement.controls:
        text = describe.control(judged, assessment.criterion.quantity.unit)
        message = f"; {judged.message}" if judged.message else ""
        yield f"{judged.kind} control", f"{text} ({said[judged.name]}){message}"
        if judged.contrast is not None:
            apart = judged.contrast.describe(assessment.criterion.quantity.unit)
            yield f"claim less {judged.name}", f"{apart}, run by run"
    if assessment.criterion.control_free:
        yield "control", f"no further one needed: {assessment.criterion.control_free}"


def _runs_table(stood_on: Iterable[Run]) -> Table:
    """Runs with the keys by which they lie on disk."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("run", "time", "cell"):
        table.add_column(column, overflow="fold")
    for run in stood_on:
        origin = f" from {run.result.lender}" if run.result.lender else ""
        table.add_row(Text(run.label + origin), Text(duration(run.result.seconds)), Text(run.key))
    return table


def _environments(results: Iterable[Result]) -> list[str]:
    """Where the runs were computed, each environment once."""
    found: dict[str, int] = {}
    for result in results:
        where = result.environment
        libraries = ", ".join(f"{name} {version}" for name, version in where.get("libraries", {}).items())
        text = f"commit {where.get('commit')}; {where.get('gpu', where.get('device'))}; {libraries}"
        found[text] = found.get(text, 0) + 1
    return [f"{plural(count, 'cell')} computed with {text}" for text, count in found.items()]


def _history_table(history: Sequence[Entry], unit: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("date", "profile", "verdict", "measured [95 %]", "n", "commit"):
        table.add_column(column)
    for period in periods(history):
        entry = period.first
        cells = (
            period.dates,
            entry.profile,
            entry.verdict,
            entry.measured(unit),
            str(entry.n or "-"),
            period.commits,
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
