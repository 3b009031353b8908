"""A verdict's numbers as a line of its own in the table: region, interval, controls, printed value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from suite.show.page.markup import Markup

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.judge import Interval
    from suite.show.figures.judged import Judged

WIDTH, HEIGHT = 132.0, 22.0
_EDGE = 5.0
_MEASURED, _CONTROLS = 8.0, 16.0  # heights


def spark(what: Judged) -> Markup:
    """A small picture; the numbers stand beside it as text, so a screen reader passes over it."""
    place = _scale(what)
    low, high = place(what.region.low), place(what.region.high)
    parts = [f'<rect class="s-region" x="{low:.1f}" y="0" width="{max(high - low, 1.2):.1f}" height="{HEIGHT:g}"/>']
    for row in reversed(what.rows):
        name, height = ("s-control", _CONTROLS) if row.control else ("s-ours", _MEASURED)
        parts.append(_bar(name, row.interval, height, place))
    for value, _ in what.published:
        x = place(value)
        parts.append(f'<path class="s-published" d="M{x:.1f} {_MEASURED - 5:g}l4 5l-4 5l-4 -5z"/>')
    body = "".join(parts)
    return Markup(f'<svg class="spark" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" aria-hidden="true">{body}</svg>')


def _bar(name: str, interval: Interval, height: float, place: Callable[[float], float]) -> str:
    left, right = place(interval.low), place(interval.high)
    point = place(interval.estimate)
    loose = "" if interval.bounded else " s-loose"
    line = f'<path class="{name}{loose}" d="M{left:.1f} {height:g}H{right:.1f}"/>'
    if name == "s-control":
        return f'{line}<path class="{name}" d="M{point:.1f} {height - 3:g}v6"/>'
    return f'{line}<circle class="{name}" cx="{point:.1f}" cy="{height:g}" r="2.6"/>'


def _scale(what: Judged) -> Callable[[float], float]:
    """From the quantity to a place; whatever lies beyond the picture is put at its edge."""
    numbers = what.numbers()
    if what.logarithmic:
        least = what.least

        def bend(value: float) -> float:
            return math.log10(max(value, least / 10))
    else:

        def bend(value: float) -> float:
            return value

    low, high = bend(min(numbers)), bend(max(numbers))
    span = (high - low) or 1.0

    def place(value: float) -> float:
        if math.isinf(value):
            return WIDTH if value > 0 else 0.0
        share = (bend(value) - low) / span
        return min(max(_EDGE + share * (WIDTH - 2 * _EDGE), 0.0), WIDTH)

    return place
