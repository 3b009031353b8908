"""The judge's sentences: why a verdict was reached and what would change it."""

import math
from collections.abc import Mapping

from suite.judge._text import count, measured, number
from suite.judge.case import Case
from suite.judge.power import BEYOND_REACH, Outlook
from suite.judge.reading import Position, Reading
from suite.judge.region import Region


def sentence(text: str) -> str:
    """Capitalises a text and closes it with a full stop."""
    return f"{text[0].upper()}{text[1:]}." if text else ""


def subject(claim: Reading, unit: str, level: float) -> str:
    """Names the measured quantity with its numbers, to begin a sentence.

    Args:
        claim: A reading with an interval.
        unit: Unit of the quantity.
        level: Confidence of the interval.

    Returns:
        For instance ``"the 95 % interval 0.21 [0.18, 0.24] bits of 3 seeds"``.
    """
    interval = claim.interval
    assert interval is not None
    if claim.single:
        return f"the single run at {measured(number(interval.estimate), unit)}"
    if claim.unit == "value":
        return f"the exact value {interval.describe(unit)}"
    if not interval.bounded:
        return f"the mean {interval.describe(unit)} of {claim.size}"
    return f"the {100 * level:g} % interval {interval.describe(unit)} of {claim.size}"


def named(name: str, control: Reading, unit: str) -> str:
    """A control with its numbers, ``"negative control 'untrained' at 0.02 [0.01, 0.03] bits"``."""
    where = f" at {control.interval.describe(unit)}" if control.interval else ""
    return f"{name}{where}"


def what_is_open(name: str, control: Reading, unit: str, *, wanted: str = "inside") -> str:
    """Why a control that was not found where it should lie stands in the way of a verdict."""
    if control.position is Position.NOT_RUN:
        return f"{name} is not run" + (f" ({control.message})" if control.message else "")
    interval = control.interval
    if interval is not None and not interval.bounded:
        return f"{named(name, control, unit)} has {interval.method}"
    if wanted == "outside" and control.leans_inside:
        return f"{named(name, control, unit)} may well lie inside too"
    return f"{named(name, control, unit)} is not shown to lie {wanted}"


def outlook(more: Outlook | None, unit: str) -> str:
    """What it would take to settle an open question, to end a sentence.

    Args:
        more: Further units needed; None if no reachable number would do.
        unit: The noun for one of them.

    Returns:
        A clause that begins with a semicolon.
    """
    if more is None:
        return f"; not settled by up to {BEYOND_REACH:,} {unit}s, as the estimate lies on or near a bound"
    return f"; {further(more, unit)} would settle it"


def further(more: Outlook, unit: str) -> str:
    """How many more units, with the range that the present evidence leaves.

    Args:
        more: Further units needed.
        unit: The noun for one of them.

    Returns:
        For instance ``"about 12 more seeds (likely 4 to 90)"`` or ``"about 12 more seeds (likely 4 or more)"``.
    """
    text = f"about {count(more.likely, f'more {unit}')}"
    if more.high is None:
        return f"{text} (likely {more.low:,} or more)"
    return text if more.low == more.high else f"{text} (likely {more.low:,} to {more.high:,})"


def flips(case: Case) -> str:
    """What would give another answer: controls that lie elsewhere, where they stand in the way, and other bounds.

    Args:
        case: The claim's and the controls' readings.

    Returns:
        Sentences with the numbers at which the answer changes, empty if the evidence sets none.
    """
    return " ".join(text for text in (_controls_elsewhere(case), _other_bounds(case)) if text)


def _controls_elsewhere(case: Case) -> str:
    """Which controls make the measurement uninformative, and what it would be without that."""
    region = case.question.region.describe(case.question.unit)
    conditions = [
        f"{' and '.join(repr(name) for name in controls)} lay {where} {region}"
        for controls, where in ((case.missed, "inside"), (case.satisfied if case.held else {}, "outside"))
        if controls
    ]
    if not conditions:
        return ""
    return sentence(f"if {' and '.join(conditions)}, the verdict would be {case.without_faults.verdict}")


def _other_bounds(case: Case) -> str:
    """Which bounds of the region would give another answer."""
    claim, region, unit = case.claim, case.question.region, case.question.unit
    interval = claim.interval
    if interval is None:
        return ""
    low, high = interval.low, interval.high
    if claim.single and claim.position is Position.UNDECIDED:
        low = high = interval.estimate
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    ends = measured(number(low), unit), measured(number(high), unit)
    if region.contains(low, high):
        return _while_inside(ends, region, case.negatives, unit)
    if region.disjoint(low, high):
        return _while_outside(ends, below=high < region.low)
    return _while_across(ends, region, low, high)


def flips_in_family(p_holm: float, alpha: float) -> str:
    """What would flip a verdict that Holm's adjustment withholds."""
    return sentence(f"decided once its adjusted p-value, now {number(p_holm)}, is {number(alpha)} or less")


def _while_inside(ends: tuple[str, str], region: Region, controls: Mapping[str, Reading], unit: str) -> str:
    changes = []
    outside = {
        name: control.interval
        for name, control in controls.items()
        if control.interval is not None and control.position is Position.OUTSIDE
    }
    if math.isfinite(region.low):
        changes.append(f"the lower bound rose above {ends[0]}")
        below = [(interval.high, name) for name, interval in outside.items() if interval.high < region.low]
        if below:
            edge, name = max(below)
            changes.append(f"fell to {measured(number(edge), unit)} (control '{name}')")
    if math.isfinite(region.high):
        changes.append(f"the upper bound fell below {ends[1]}")
        above = [(interval.low, name) for name, interval in outside.items() if interval.low > region.high]
        if above:
            edge, name = min(above)
            changes.append(f"rose to {measured(number(edge), unit)} (control '{name}')")
    return sentence(f"this would change if {' or '.join(changes)}")


def _while_outside(ends: tuple[str, str], *, below: bool) -> str:
    if ends[0] == ends[1]:
        bound = f"a lower bound of {ends[0]} or less" if below else f"an upper bound of {ends[0]} or more"
        return sentence(f"it would hold with {bound}")
    if below:
        return sentence(f"a lower bound of {ends[1]} or less would leave it open, of {ends[0]} or less make it hold")
    return sentence(f"an upper bound of {ends[0]} or more would leave it open, of {ends[1]} or more make it hold")


def _while_across(ends: tuple[str, str], region: Region, low: float, high: float) -> str:
    needed, fatal = [], []
    if low < region.low:
        needed.append(f"a lower bound of {ends[0]} or less")
    if high > region.high:
        needed.append(f"an upper bound of {ends[1]} or more")
    if math.isfinite(region.low):
        fatal.append(f"a lower bound above {ends[1]}")
    if math.isfinite(region.high):
        fatal.append(f"an upper bound below {ends[0]}")
    return sentence(f"it would hold with {' and '.join(needed)}, and fail with {' or '.join(fatal)}")
