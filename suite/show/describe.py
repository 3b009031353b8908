"""The words in which an assessment is told, shared by terminal, README, MLflow and pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.judge import ControlKind, Role, Sampling, further, telescope
from suite.run.progress import duration
from suite.show.numbers import interval_text, number, ranges, with_unit
from suite.show.runs import seconds_per_seed

if TYPE_CHECKING:
    from suite.assess import Assessment
    from suite.claim import Claim, Criterion
    from suite.claim.schema import Published
    from suite.judge import ControlJudgement


def papers(claim: Claim) -> str:
    """Who says so: titles with arXiv numbers."""
    return "; ".join(f"{paper.title} (arXiv:{paper.arxiv}{paper.version})" for paper in claim.papers)


def published_text(published: Published, unit: str = "") -> str:
    """What a paper prints, in its words or as a number."""
    if published.text or published.value is None:
        return published.text or "-"
    return with_unit(number(published.value), unit)


def could_have_seen(published: Published, unit: str = "") -> str:
    """The effect that a printed measurement had a chance of one in three to find, and whether its own is as large."""
    assert published.error is not None
    seen, value = telescope(published.error), published.value
    text = (
        f"an effect of {with_unit(number(seen), unit)}, with a chance of one in three: its standard error is "
        f"{with_unit(number(published.error), unit)} from the images alone, one run each"
    )
    if value is None:
        return text
    return f"{text}; the printed {number(abs(value))} {'is smaller' if abs(value) < seen else 'is as large'}"


def published(criterion: Criterion) -> str:
    """What the papers print, each text once."""
    texts = dict.fromkeys(published_text(entry, criterion.quantity.unit) for entry in criterion.published)
    return "; ".join(texts) or "-"


def published_value(criterion: Criterion) -> float | None:
    """The first printed number, or None where only words or figures were printed."""
    return next((entry.value for entry in criterion.published if entry.value is not None), None)


def measured(assessment: Assessment) -> str:
    """Estimate and interval with the unit."""
    return interval_text(assessment.judgement.interval, assessment.criterion.quantity.unit)


def size(assessment: Assessment) -> str:
    """How many seeds, images or values were measured; empty if none."""
    observed = assessment.observed
    return observed.size if observed is not None and observed.values else ""


def claimed(assessment: Assessment) -> str:
    """The region that was judged."""
    return assessment.judgement.region.describe(assessment.criterion.quantity.unit)


def control(judged: ControlJudgement, unit: str) -> str:
    """``"− untrained: 0.022 [0.019, 0.024] bits, outside"``; a plus stands before a positive control."""
    sign = "+" if judged.kind is ControlKind.POSITIVE else "−"
    if judged.interval is None:
        return f"{sign} {judged.name}: {judged.holds}"
    return f"{sign} {judged.name}: {interval_text(judged.interval, unit)}, {judged.holds}"


def controls(assessment: Assessment) -> list[str]:
    """Every control with its kind and where it lies; why there is none, where there is none."""
    unit = assessment.criterion.quantity.unit
    found = [control(judged, unit) for judged in assessment.judgement.controls]
    if found:
        return found
    return ["none needed (exact)" if assessment.criterion.control_free else "none"]


def registered(assessment: Assessment) -> str:
    """A mark where the verdict departs from the expected one, or its rule did; empty where neither does."""
    expected = assessment.expected
    if not assessment.departs or expected is None:
        return ""
    if assessment.rule_changed:
        return f"rule changed since it was {expected.status}: {expected.verdict}"
    return f"NOT as {expected.status}: {expected.verdict}"


def role(criterion: Criterion) -> str:
    """Who says it."""
    asserted = criterion.role is Role.ASSERTED
    return "asserted by the paper" if asserted else "our probe, which never enters the claim's word"


def expectation(assessment: Assessment) -> str:
    """What is expected, since when, why, and whether that was written before or after the evidence."""
    expected = assessment.expected
    if expected is None:
        return ""
    when = "before" if expected.status == "registered" else "after"
    written = f"{expected.status} on {expected.since.isoformat()} ({when} the evidence)"
    return f"{expected.verdict}, {written}: {expected.because}"


def outlook(assessment: Assessment) -> str:
    """What it would take to settle an open question, and what that costs; empty if nothing is open."""
    more, observed = assessment.judgement.more, assessment.observed
    if more is None or observed is None:
        return ""
    text = further(more, observed.unit)
    if observed.sampling is not Sampling.SEEDS:
        return text
    seconds = seconds_per_seed(assessment)
    return f"{text}, {duration(more.likely * seconds)} of computing" if seconds else text


def origin(assessment: Assessment) -> str:
    """Whose runs a verdict stands on, where any are somebody else's: which seeds are whose, and what differs there."""
    seeds: dict[str, set[int]] = {}
    for result in assessment.cells:
        seeds.setdefault(result.source, set()).add(result.seed)
    if not any(seeds):
        return ""
    if len(seeds) == 1:
        return f"all its runs are from {next(iter(seeds))}"
    parts = [f"{_seeds(found)} {f'from {source}' if source else 'ours'}" for source, found in seeds.items()]
    text = f"its runs are of different origin: {'; '.join(parts)}"
    mixed = {seed for found in seeds.values() for seed in found if sum(seed in one for one in seeds.values()) > 1}
    if mixed:
        text += f"; {_seeds(mixed)}: mixed, so what is compared there was not computed together"
    return text


def _seeds(seeds: set[int]) -> str:
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {ranges(seeds)}"


def remedy(assessment: Assessment) -> str:
    """What would get the evidence that is missing: the command where that would do, else the reason."""
    reason, command = assessment.judgement.reason, assessment.command
    return command if reason.endswith(command) else reason


def sentence(assessment: Assessment) -> str:
    """A verdict in one readable line, for a failure message or a log."""
    departs = registered(assessment)
    printed = published(assessment.criterion)
    return (
        f"{assessment.name}: {assessment.verdict}{f' ({departs})' if departs else ''}. "
        f"{assessment.criterion.sentence} {assessment.judgement.reason}"
        + (f" Published: {printed}." if printed != "-" else "")
    )
