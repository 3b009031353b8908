"""How numbers and counts are written in the judge's sentences."""

import math

_LARGEST_WHOLE = 1e15  # above this a float no longer tells neighbouring whole numbers apart


def number(value: float) -> str:
    """Writes a number for a sentence: whole numbers in full, the rest to four significant digits.

    Args:
        value: Any float, infinities included.

    Returns:
        For instance ``"5,717,416"``, ``"0.1437"`` or ``"-∞"``.
    """
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if abs(value) < _LARGEST_WHOLE and value == int(value):
        return f"{int(value):,}"
    return f"{value:.4g}"


def measured(value: str, unit: str) -> str:
    """Joins a written number and its unit.

    Args:
        value: The number as text.
        unit: The unit, or an empty string for a bare number.

    Returns:
        ``"0.14 bits"``, or ``"0.14"`` without a unit.
    """
    return f"{value} {unit}" if unit else value


def count(n: int, noun: str) -> str:
    """Counts things in English.

    Args:
        n: How many.
        noun: What, in the singular; its plural takes an s.

    Returns:
        ``"1 seed"`` or ``"3 seeds"``.
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
