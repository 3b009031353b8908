"""How numbers are written everywhere: as many digits as the interval's width justifies, no more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from suite.judge import Interval

_DIGITS_OF_HALF_WIDTH = 2  # a half-width is itself uncertain; its third digit tells nothing
_DIGITS_WITHOUT_WIDTH = 4
_SMALL, _LARGE = 1e-4, 1e15  # below and above, powers of ten are easier to read than zeros


def number(value: float) -> str:
    """A number that comes without an interval: whole ones in full, others to four digits.

    Returns:
        ``"5,717,416"``, ``"0.1375"``, ``"∞"`` or ``"not a number"``.
    """
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if abs(value) < _LARGE and value == int(value):
        return f"{int(value):,}"
    return f"{value:.{_DIGITS_WITHOUT_WIDTH}g}"


def _tidy(text: str) -> str:
    """No minus sign before a zero."""
    return text.lstrip("-") if not text.strip("-0.,") else text


def aligned(values: Sequence[float], half_width: float) -> list[str]:
    """Writes values to the same last digit: the second one of the half-width.

    Args:
        values: Finite values that belong together (an estimate and its ends).
        half_width: Half the width of their interval, above 0.

    Returns:
        One text per value, ``["0.215", "0.194", "0.236"]`` for a half-width of 0.021.
    """
    largest = max(abs(value) for value in values)
    last = math.floor(math.log10(half_width)) - (_DIGITS_OF_HALF_WIDTH - 1)  # power of ten of the last digit
    if not _SMALL <= largest < _LARGE:
        digits = max(0, math.floor(math.log10(largest)) - last) if largest else 0
        return [_tidy(f"{value:.{digits}e}") for value in values]
    if last >= 0:
        return [_tidy(f"{round(value, -last):,.0f}") for value in values]
    return [_tidy(f"{value:,.{-last}f}") for value in values]


def with_unit(text: str, unit: str) -> str:
    """``"0.14 bits"``, or the bare number where the quantity has no unit."""
    return f"{text} {unit}" if unit else text


def interval_text(interval: Interval | None, unit: str = "") -> str:
    """An estimate with its interval.

    Args:
        interval: None where nothing was measured.
        unit: Unit of the quantity, may be empty.

    Returns:
        ``"0.215 [0.194, 0.236] bits"``; the estimate alone where there is no interval, or one without width;
        ``"-"`` where nothing was measured.
    """
    if interval is None:
        return "-"
    half_width = (interval.high - interval.low) / 2
    if not interval.bounded or half_width == 0:
        return with_unit(number(interval.estimate), unit)
    estimate, low, high = aligned((interval.estimate, interval.low, interval.high), half_width)
    return with_unit(f"{estimate} [{low}, {high}]", unit)


def finite(value: float | None) -> float | None:
    """The value, or None where it is missing, infinite or not a number: JSON knows no such numbers."""
    return value if value is not None and math.isfinite(value) else None


def plural(count: int, noun: str) -> str:
    """``"1 seed"``, ``"3 seeds"``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers in short: ``"0-2, 5"`` for 0, 1, 2 and 5."""
    found: list[list[int]] = []
    for value in sorted(set(numbers)):
        if found and value == found[-1][1] + 1:
            found[-1][1] = value
        else:
            found.append([value, value])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)
