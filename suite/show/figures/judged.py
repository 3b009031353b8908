"""What was judged, as numbers on one axis: region, measurement, controls, what is printed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.judge import ControlKind
from suite.show import describe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from suite.assess import Assessment
    from suite.claim import Published
    from suite.judge import ControlJudgement, Interval, Observed, Region

FEW = 40  # more values than this are not drawn one by one
_DECADES = 3.0  # values further apart than this need a logarithmic axis
_NOTHING = 1e-20  # as a share of the largest value


@dataclass(frozen=True)
class Row:
    """One quantity on the strip.

    Attributes:
        name: what was measured.
        size: on how many seeds, images or values.
        interval: with its estimate; an end is infinite where the evidence sets no bound.
        values: one by one, where they are few.
        labels: their names, where they have any.
        control: whether it must lie outside the region.
    """

    name: str
    size: str
    interval: Interval
    values: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    control: bool = False


@dataclass(frozen=True)
class Judged:
    """Everything on the strip.

    Attributes:
        quantity: what the axis shows.
        unit: its unit, may be empty.
        region: where the claim says it lies.
        rows: the measurement first, then its controls.
        published: printed numbers with their words.
    """

    quantity: str
    unit: str
    region: Region
    rows: tuple[Row, ...]
    published: tuple[tuple[float, str], ...] = ()

    def numbers(self) -> list[float]:
        """Every finite number that must be visible."""
        found = [*self.region.boundaries, *(value for value, _ in self.published)]
        for row in self.rows:
            found += [row.interval.estimate, row.interval.low, row.interval.high, *row.values]
        return [value for value in found if math.isfinite(value)]

    @property
    def least(self) -> float:
        """The smallest number above 0 that is not 0 beside the largest; infinite if there is none."""
        found = self.numbers()
        largest = max(map(abs, found))
        return min((value for value in found if value > _NOTHING * largest), default=math.inf)

    @property
    def logarithmic(self) -> bool:
        """Whether the numbers are too far apart for equal steps; none is below 0 then."""
        found = self.numbers()
        return min(found) >= 0 and max(found) > self.least * 10**_DECADES


def judged(assessment: Assessment) -> Judged | None:
    """What was judged of a criterion; None if nothing was measured."""
    criterion, judgement = assessment.criterion, assessment.judgement
    if judgement.interval is None or not math.isfinite(judgement.interval.estimate):
        return None
    rows = [_row("measured", judgement.interval, assessment.observed)]
    rows += [
        _row(_named(control), control.interval, assessment.controls.get(control.name), control=True)
        for control in judgement.controls
        if control.interval is not None and math.isfinite(control.interval.estimate)
    ]
    return Judged(
        quantity=criterion.quantity.name,
        unit=criterion.quantity.unit,
        region=judgement.region,
        rows=tuple(rows),
        published=tuple(_published(criterion.published, criterion.quantity.unit)),
    )


def _named(control: ControlJudgement) -> str:
    """A control with what is asked of it."""
    must = "must hold" if control.kind is ControlKind.POSITIVE else "must fail"
    return f"{must}: {control.name.replace('_', ' ')}"


def _row(name: str, interval: Interval, observed: Observed | None, *, control: bool = False) -> Row:
    shown = observed if observed is not None and 1 < len(observed.values) <= FEW else None
    values = shown.values if shown is not None and all(map(math.isfinite, shown.values)) else ()
    return Row(
        name=name,
        size=observed.size if observed is not None else "",
        interval=interval,
        values=values,
        labels=shown.labels if shown is not None and values else (),
        control=control,
    )


def _published(entries: Iterable[Published], unit: str) -> Iterable[tuple[float, str]]:
    for entry in entries:
        if entry.value is not None and math.isfinite(entry.value):
            yield entry.value, describe.published_text(entry, unit)
