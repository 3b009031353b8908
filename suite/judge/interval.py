"""Intervals: an estimate, and the values that the evidence does not rule out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from scipy import special

from suite.judge._text import measured, number
from suite.judge.pooling import Pooled
from suite.judge.region import slack

_NEGLIGIBLE = 1e-3  # share of an error below which its degrees of freedom no longer matter
_ROUNDING = 1e-12  # spread in parts of the largest value that floating-point arithmetic alone can cause


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided confidence interval, or an honest statement that there is none.

    Args:
        estimate: The point estimate, in the unit of the quantity.
        low: Lower end; minus infinity where the evidence sets no bound (a single run).
        high: Upper end; plus infinity likewise.
        n: Number of independent units behind it (runs, images, or sources of images).
        level: Confidence, for instance 0.95.
        sd: Standard deviation of one unit; None where it is not known.
        df: Degrees of freedom behind `sd` (infinite for a stated error); None where it is not known.
        method: How it was computed, in words.
        rounding: Standard error that all units share, so that more of them do not lessen it.
    """

    estimate: float
    low: float
    high: float
    n: int
    level: float
    sd: float | None
    df: float | None
    method: str
    rounding: float = 0.0

    @property
    def bounded(self) -> bool:
        """Whether the evidence bounds the quantity at all."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def describe(self, unit: str = "") -> str:
        """The interval in words, ``"0.21 [0.18, 0.24] bits"``.

        Args:
            unit: Unit of the quantity, empty for a bare number.

        Returns:
            Estimate and ends; the estimate alone where there are no ends or they coincide.
        """
        if not self.bounded or self.low == self.high:
            return measured(number(self.estimate), unit)
        return measured(f"{number(self.estimate)} [{number(self.low)}, {number(self.high)}]", unit)


class Estimate(Protocol):
    """An estimate that knows its uncertainty."""

    @property
    def value(self) -> float:
        """The point estimate."""

    def interval(self, level: float) -> Interval:
        """The interval at a confidence level in (0, 1)."""

    def p(self, boundary: float) -> float:
        """The smallest alpha at which the (1 - alpha) interval reaches no further than the boundary."""

    @property
    def certain(self) -> bool:
        """Whether its interval is the same at every level, so that nothing is left to chance."""


class NoSpread(ValueError):
    """Values that do not show their noise: one alone, or several that are all equal on a scale of unknown step."""


@dataclass(frozen=True, slots=True)
class StudentT:
    """The mean of independent, roughly normal values.

    Args:
        value: The mean.
        sd: Standard deviation of one value, at least 0.
        df: Degrees of freedom behind `sd`; infinite if it is known.
        n: Number of values.
        method: How it was computed, in words.
        rounding: Standard error from rounding to a measuring scale, common to all values, at least 0.
    """

    value: float
    sd: float
    df: float
    n: int
    method: str
    rounding: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float], *, pooled: Pooled | None = None, resolution: float = 0.0) -> Self:
        """Estimates a mean from finite values.

        Args:
            values: At least two values, or one and a fair pool.
            pooled: Noise shared with other methods; used if it is fair and this sample is not noisier.
            resolution: Step of the measuring scale. Values that fall on one step are all rounded the same way, so
                resolution / √12 is added (as variances) to the error of the mean, however many there are.

        Returns:
            The mean with its uncertainty.

        Raises:
            NoSpread: If a single value comes without a pool that may be used, or all are equal (up to the rounding of
                floating-point arithmetic) and neither a pool nor a resolution tells how far to trust that.

        References:
            JCGM 100:2008 (Guide to the expression of uncertainty in measurement), F.2.2.1: a step of width d
            contributes a standard uncertainty of d / √12; G.4: effective degrees of freedom (Welch-Satterthwaite).
        """
        n = len(values)
        mean, own_sd = _moments(values)
        if pooled is not None and pooled.serves(own_sd, n - 1):
            sd, df = pooled.sd, pooled.df
            method = f"Student t on {df} degrees of freedom, variance pooled over {pooled.groups} methods"
        elif own_sd is not None:
            sd, df = own_sd, n - 1
            method = f"Student t on {df} degree{'s' if df > 1 else ''} of freedom"
            if pooled is not None:
                method += ", own variance (pooling would not be fair)"
        else:
            raise NoSpread("one run does not show its noise: give at least two, or a fair pooled variance")
        if sd == 0 and resolution == 0:
            raise NoSpread(f"all {n} values are equal, which shows no noise: state the step of their scale")
        if resolution:
            method += f", with the rounding to steps of {number(resolution)} that all values share"
        return cls(mean, sd, float(df), n, method, resolution / math.sqrt(12))

    @property
    def standard_error(self) -> float:
        """Standard deviation of the mean."""
        return combined_error(self.sd, self.n, self.df, self.rounding)[0]

    @property
    def certain(self) -> bool:
        """True only of a stated error of 0."""
        return self.standard_error == 0

    def interval(self, level: float) -> Interval:
        """The two-sided Student t interval."""
        error, df = combined_error(self.sd, self.n, self.df, self.rounding)
        half = float(special.stdtrit(df, (1 + level) / 2)) * error
        low, high = self.value - half, self.value + half
        return Interval(self.value, low, high, self.n, level, self.sd, self.df, self.method, self.rounding)

    def p(self, boundary: float) -> float:
        """The two-sided p-value of the hypothesis that the mean is the boundary."""
        gap, (error, df) = abs(self.value - boundary), combined_error(self.sd, self.n, self.df, self.rounding)
        if gap <= slack(boundary) or not math.isfinite(error):
            return 1.0
        return 2 * float(special.stdtr(df, -gap / error)) if error > 0 else 0.0


def combined_error(sd: float, n: int, df: float, rounding: float) -> tuple[float, float]:
    """Standard error of a mean from what differs between its values and what all share.

    Args:
        sd: Standard deviation of one value.
        n: Number of values.
        df: Degrees of freedom behind `sd`.
        rounding: Standard error that all values share.

    Returns:
        The standard error and its effective degrees of freedom (Welch-Satterthwaite; the rounding is known).
    """
    own = sd / math.sqrt(n)
    error = math.hypot(own, rounding)
    if rounding == 0 or not math.isfinite(error):
        return error, df
    share = own / error
    return error, df / share**4 if share > _NEGLIGIBLE else math.inf


@dataclass(frozen=True, slots=True)
class Bounds:
    """A quantity known to lie between two values, with no probability about it.

    It serves what is exact up to a numerical error, and, unbounded, what has no interval at all.

    Args:
        value: The point estimate.
        low: Smallest possible value.
        high: Largest possible value.
        n: Number of values.
        method: How it was computed, in words.
    """

    value: float
    low: float
    high: float
    n: int
    method: str

    @classmethod
    def none(cls, value: float, n: int, method: str) -> Self:
        """A point estimate without any interval."""
        return cls(value, -math.inf, math.inf, n, method)

    def interval(self, level: float) -> Interval:
        """The same bounds at every level."""
        return Interval(self.value, self.low, self.high, self.n, level, None, None, self.method)

    @property
    def certain(self) -> bool:
        """True: bounds hold without any probability."""
        return True

    def p(self, boundary: float) -> float:
        """0 for a boundary beyond the bounds, 1 for one within them."""
        return 1.0 if self.low <= boundary <= self.high else 0.0


def mean_interval(
    values: Sequence[float],
    *,
    level: float = 0.95,
    pooled: Pooled | None = None,
    resolution: float = 0.0,
) -> Interval:
    """The Student t interval of a mean: right at every n where the values are roughly normal.

    At the few runs that training affords no bootstrap replaces it: a nominal 95 % percentile
    bootstrap covers 75 % at n = 3, 84 % at 5 and 90 % at 10, and BCa does no better.

    Args:
        values: Finite values of independent runs, or paired differences by block.
        level: Confidence in (0, 1).
        pooled: See `StudentT.of`.
        resolution: See `StudentT.of`.

    Returns:
        The interval.

    Raises:
        ValueError: If a value is not finite, the level is not in (0, 1), or the spread cannot be known.
    """
    check_level(level)
    check_finite(values)
    return StudentT.of(values, pooled=pooled, resolution=resolution).interval(level)


def check_level(level: float) -> None:
    """Refuses a confidence level outside (0, 1) by a ValueError."""
    if not 0 < level < 1:
        raise ValueError(f"level {level} must lie between 0 and 1, for instance 0.95")


def check_finite(values: Sequence[float]) -> None:
    """Refuses an empty sample or one with a NaN or an infinity by a ValueError."""
    if not len(values):
        raise ValueError("no values: nothing was measured")
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a value is not finite: a broken run is an error, never a number")


def _moments(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation (None for one value), independent of order and free of overflow."""
    ordered = sorted(float(value) for value in values)
    scale = max(-ordered[0], ordered[-1])
    if ordered[0] == ordered[-1] or ordered[-1] / scale - ordered[0] / scale <= _ROUNDING:
        return ordered[len(ordered) // 2], 0.0 if len(ordered) > 1 else None
    scaled = [value / scale for value in ordered]
    mean = math.fsum(scaled) / len(scaled)
    variance = math.fsum((value - mean) ** 2 for value in scaled) / (len(scaled) - 1)
    return mean * scale, math.sqrt(variance) * scale
