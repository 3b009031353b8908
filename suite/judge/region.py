"""The region of values in which a claim says its quantity lies."""

import math
from dataclasses import dataclass
from typing import Self

from suite.judge._text import measured, number

_RELATIVE = 1e-9
_ABSOLUTE = 1e-12


@dataclass(frozen=True, slots=True)
class Region:
    """A closed interval of values, open to infinity on one side at most.

    A bound belongs to the region, and so does what misses it by the rounding of floating-point arithmetic: one part in
    10^9 of the bound, or 10^-12 (77.1 - 77.0 is at least 0.1).

    Args:
        low: Smallest value the claim allows; minus infinity for none.
        high: Largest value the claim allows; plus infinity for none.

    Raises:
        ValueError: If an end is NaN, the ends are reversed, or neither is finite.
    """

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        if not self.low <= self.high:
            raise ValueError(f"region [{self.low}, {self.high}] is empty: give low <= high, neither NaN")
        if not self.boundaries:
            raise ValueError(f"region [{self.low}, {self.high}] has no finite end: a claim must be able to fail")

    @classmethod
    def at_least(cls, value: float) -> Self:
        """The values from `value` upwards."""
        return cls(low=value)

    @classmethod
    def at_most(cls, value: float) -> Self:
        """The values up to `value`."""
        return cls(high=value)

    @classmethod
    def between(cls, low: float, high: float) -> Self:
        """The values from `low` to `high`."""
        return cls(low, high)

    @classmethod
    def around(cls, value: float, margin: float) -> Self:
        """The values that differ from `value` by at most `margin`: an equivalence region.

        Args:
            value: The centre, for instance 0 for "no difference".
            margin: The largest difference that would not matter, above 0.

        Returns:
            The region.

        Raises:
            ValueError: If the margin is not above 0; no sample of a noisy quantity fits into a point.
        """
        if not margin > 0:
            raise ValueError(f"margin {margin} must be above 0: say which difference would not matter")
        return cls(value - margin, value + margin)

    @classmethod
    def equal(cls, value: float, tolerance: float) -> Self:
        """The values equal to `value` up to rounding: for identities and counts, where `tolerance` may be 0.

        Args:
            value: The exact value.
            tolerance: The numerical error allowed, at least 0.

        Returns:
            The region.

        Raises:
            ValueError: If the tolerance is negative.
        """
        if not tolerance >= 0:
            raise ValueError(f"tolerance {tolerance} must be 0 or more")
        return cls(value - tolerance, value + tolerance)

    @property
    def boundaries(self) -> tuple[float, ...]:
        """The finite ends, in ascending order, each once."""
        return tuple(sorted({end for end in (self.low, self.high) if math.isfinite(end)}))

    def contains(self, low: float, high: float) -> bool:
        """Whether every value of [low, high] is claimed."""
        return self.low - slack(self.low) <= low and high <= self.high + slack(self.high)

    def disjoint(self, low: float, high: float) -> bool:
        """Whether no value of [low, high] is claimed."""
        return high < self.low - slack(self.low) or self.high + slack(self.high) < low

    def distance(self, value: float) -> float:
        """How far a value lies from the nearest end.

        Args:
            value: A finite value.

        Returns:
            The distance in the unit of the quantity: positive inside the region, negative outside it.
        """
        return min(value - self.low, self.high - value)

    def scaled(self, factor: float, shift: float = 0.0) -> "Region":
        """The region in another unit, where a value x reads ``factor * x + shift``.

        Args:
            factor: Finite and not 0; a negative one turns "at least" into "at most".
            shift: Finite.

        Returns:
            The region in the new unit.

        Raises:
            ValueError: If the factor is 0 or either number is not finite.
        """
        if factor == 0 or not math.isfinite(factor) or not math.isfinite(shift):
            raise ValueError(f"cannot rescale by {factor} and shift by {shift}: give finite numbers, factor not 0")
        ends = sorted((factor * self.low + shift, factor * self.high + shift))
        return Region(*ends)

    def widened(self, margin: float) -> "Region":
        """The region with each finite end moved outwards.

        Args:
            margin: How far, in the unit of the quantity; a negative one narrows the region.

        Returns:
            The wider region.

        Raises:
            ValueError: If nothing would be left of the region, or the margin is not finite.
        """
        return Region(self.low - margin, self.high + margin)

    def describe(self, unit: str = "") -> str:
        """The region in words.

        Args:
            unit: Unit of the quantity, empty for a bare number.

        Returns:
            ``"≥ 0.14 bits"``, ``"≤ 3"``, ``"= 12 layers"`` or ``"0.1 to 0.3 bits"``.
        """
        low, high = number(self.low), number(self.high)
        if self.high == math.inf:
            return measured(f"≥ {low}", unit)
        if self.low == -math.inf:
            return measured(f"≤ {high}", unit)
        if self.low == self.high:
            return measured(f"= {low}", unit)
        if low == high:  # a tolerance too small for the digits shown
            half = (self.high - self.low) / 2
            return measured(f"{number(self.low + half)} ± {number(half)}", unit)
        return measured(f"{low} to {high}", unit)


def slack(bound: float) -> float:
    """By how much a value may miss a bound through rounding alone; 0 for no bound."""
    return max(_RELATIVE * abs(bound), _ABSOLUTE) if math.isfinite(bound) else 0.0
