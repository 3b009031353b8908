"""The card of one criterion: everything a reviewer asks, in the order in which it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.run.progress import duration
from suite.show import describe
from suite.show.mlflow.rows import experiment_name, run_name
from suite.show.numbers import interval_text, number, plural, with_unit
from suite.show.page.markup import Content, Markup, join, link, tag
from suite.show.page.pieces import chip, departure, figure, paper_link
from suite.show.recorded import periods
from suite.show.runs import seconds_per_seed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from suite.assess import Assessment
    from suite.judge import ControlJudgement
    from suite.show.page.item import Item

_LISTED = 40  # more values than this are summed up


def card(item: Item) -> Markup:
    """The card as an element with its anchor."""
    assessment = item.assessment
    criterion = assessment.criterion
    head = tag(
        "header",
        tag("p", f"{assessment.claim.sentence} – {assessment.claim.where}; {_scope(assessment)}", class_="over"),
        tag("h3", criterion.sentence),
    )
    facts = tag(
        "div",
        tag(
            "p",
            chip(assessment.verdict),
            departure(assessment),
            f" {assessment.judgement.reason}",
            class_="reason",
        ),
        _list(_facts(assessment)),
        _controls(assessment),
        _list(_outlook(assessment)),
        class_="facts",
    )
    rest = tag("div", _deviations(assessment), _history(item), _provenance(item), class_="rest")
    return tag("article", head, tag("div", facts, figure(item.picture), class_="columns"), rest, id=item.anchor)


def _scope(assessment: Assessment) -> str:
    changed = "".join(f", changed: {change}" for change in assessment.profile.modified)
    return f"{assessment.profile.scope} scope, profile {assessment.profile.name}{changed}"


def _list(facts: Iterable[tuple[str, Content]]) -> Markup | None:
    written = [join([tag("dt", name), tag("dd", content)]) for name, content in facts]
    return tag("dl", *written) if written else None


def _facts(assessment: Assessment) -> Iterator[tuple[str, Content]]:
    criterion, judgement = assessment.criterion, assessment.judgement
    unit = criterion.quantity.unit
    for entry in criterion.published:
        place = join([describe.published_text(entry, unit), " – ", paper_link(entry.paper), f", {entry.place}"])
        yield "Published", place
    yield (
        "Quantity",
        f"{with_unit(criterion.quantity.name, f'[{unit}]' if unit else '')}; larger: {_larger(assessment)}",
    )
    yield "Claimed", join([tag("strong", describe.claimed(assessment)), f", because {criterion.because}"])
    yield "Role", describe.role(criterion)
    interval, observed = judgement.interval, assessment.observed
    if interval is None or observed is None:
        return
    yield "Measured", join([tag("strong", describe.measured(assessment)), f", {describe.size(assessment)}"])
    yield "Interval", f"{100 * interval.level:g} %: {interval.method}"
    yield "Values", _values(assessment)
    if observed.note:
        yield "Note", observed.note


def _larger(assessment: Assessment) -> str:
    return assessment.criterion.quantity.larger or "more"


def _values(assessment: Assessment) -> str:
    observed = assessment.observed
    assert observed is not None
    if len(observed.values) > _LISTED:
        return f"{observed.size}, from {number(min(observed.values))} to {number(max(observed.values))}"
    labels = observed.labels or [f"{observed.unit} {index + 1}" for index in range(len(observed.values))]
    return "; ".join(f"{label}: {number(value)}" for label, value in zip(labels, observed.values, strict=True))


def _controls(assessment: Assessment) -> Markup:
    criterion = assessment.criterion
    if not assessment.judgement.controls:
        why = f"none: {criterion.control_free}" if criterion.control_free else "none"
        return tag("p", tag("strong", "Controls "), why, class_="control-free")
    said = {control.key: control.sentence for control in criterion.controls}
    rows = [
        [
            join(
                [
                    tag("strong", f"{judged.kind}: {judged.name.replace('_', ' ')}"),
                    f" – {said.get(judged.name, '')}",
                    tag("span", judged.message, class_="key") if judged.message else None,
                ]
            ),
            interval_text(judged.interval, criterion.quantity.unit),
            _position(judged),
        ]
        for judged in assessment.judgement.controls
    ]
    caption = "Controls: negative ones must lie outside the claimed region, positive ones inside"
    return small_table(caption, ("control", "measured [95 %]", "lies"), rows)


def _position(judged: ControlJudgement) -> Markup:
    return tag("span", str(judged.holds), class_=f"lies {'as-it-should' if judged.as_it_should else 'in-the-way'}")


def small_table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Content]]) -> Markup:
    """A table within a card or a section."""
    head = tag("thead", tag("tr", *(tag("th", column, scope="col") for column in columns)))
    cells = ((tag("td", cell, data_label=column) for column, cell in zip(columns, row, strict=True)) for row in rows)
    body = tag("tbody", *(tag("tr", *row) for row in cells))
    return tag("div", tag("table", tag("caption", caption), head, body), class_="small-table")


def _outlook(assessment: Assessment) -> Iterator[tuple[str, Content]]:
    judgement = assessment.judgement
    if judgement.p is not None:
        holm = f"; {number(judgement.p_holm)} after Holm's adjustment" if judgement.p_holm is not None else ""
        yield "p-value", f"{number(judgement.p)}{holm}"
    if judgement.adjusted is not None:
        unit = assessment.criterion.quantity.unit
        yield "Adjusted", f"{judgement.adjusted.describe(unit)} at the level of the whole family"
    if judgement.flips:
        yield "Would flip", judgement.flips
    settle = describe.outlook(assessment)
    if settle:
        yield "Would settle", settle
    cost = seconds_per_seed(assessment)
    if cost:
        yield "One more seed", f"takes about {duration(cost)} of computing, controls included"
    expected = assessment.expected
    if expected is not None:
        yield "Expected", describe.expectation(assessment)
    elif assessment.profile.modified:
        yield "Expected", "nothing is held to a profile that was changed"
    else:
        yield "Expected", "no verdict at this profile"


def _deviations(assessment: Assessment) -> Markup:
    if not assessment.deviations:
        return tag("p", "No difference from the paper's set-up is stated.")
    rows = [(entry.what, entry.paper, entry.ours) for entry in assessment.deviations]
    return small_table(f"Differs from the paper in {plural(len(rows), 'respect')}", ("what", "the paper", "here"), rows)


def _history(item: Item) -> Markup:
    unit = item.assessment.criterion.quantity.unit
    rows = [
        (
            period.dates,
            period.first.profile,
            period.first.verdict,
            period.first.measured(unit),
            number(period.first.n) if period.first.n else "-",
            period.commits,
        )
        for period in periods(item.history)
    ]
    if not rows:
        return tag(
            "p", "This verdict was not recorded before (", tag("code", item.assessment.session.command("record")), ")."
        )
    columns = ("date", "profile", "verdict", "measured [95 %]", "n", "commit")
    return small_table("How the verdict changed over time", columns, rows)


def _provenance(item: Item) -> Markup:
    assessment = item.assessment
    notes = assessment.claim.notes
    run = run_name(assessment)
    facts: list[tuple[str, Content]] = [
        ("Command", tag("code", assessment.command)),
        ("More", tag("code", assessment.session.command("explain", assessment.claim.key))),
        (
            "MLflow",
            join(
                [
                    tag("code", assessment.session.command("ui")),
                    f", experiment “{experiment_name(assessment.claim.papers[0])}”, run “",
                    link(item.mlflow, run) if item.mlflow else run,
                    "”",
                ]
            ),
        ),
        *[("Computed", text) for text in environments(item)],
    ]
    whose = describe.origin(assessment)
    if whose:
        facts.insert(0, ("Origin", whose))
    if notes:
        facts.insert(0, ("Note", notes))
    return join([_list(facts), _runs(item)])


def environments(item: Item) -> list[str]:
    """Where and when the runs were computed, each environment once."""
    found: dict[str, list[str]] = {}
    for run in item.runs:
        where = run.result.environment
        versions = where.get("libraries", {})
        libraries = ", ".join(f"{name} {version}" for name, version in versions.items() if name != "device")
        place = where.get("gpu", where.get("device", "unknown device"))
        text = f"commit {str(where.get('commit', 'unknown'))[:12]}; {place}; {where.get('system', '')}; {libraries}"
        found.setdefault(text, []).append(run.finished[:10])
    return [f"{plural(len(days), 'cell')}, {_days(days)}, {text}" for text, days in found.items()]


def _days(days: Sequence[str]) -> str:
    known = sorted(filter(None, days))
    if not known:
        return "date unknown"
    return known[0] if known[0] == known[-1] else f"{known[0]} to {known[-1]}"


def _runs(item: Item) -> Markup | None:
    if not item.runs:
        return None
    rows = [
        (
            f"{run.label or run.study}{f' from {run.result.lender}' if run.result.lender else ''}",
            duration(run.result.seconds),
            tag("code", run.key),
        )
        for run in item.runs
    ]
    table = small_table("Cells it stands on, controls included", ("cell", "took", "key"), rows)
    return tag("details", tag("summary", f"Stands on {plural(len(rows), 'cell')}"), table, class_="runs")
