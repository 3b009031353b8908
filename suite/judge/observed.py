"""What was measured: the numbers and how they came about."""

import math
from dataclasses import dataclass
from enum import StrEnum

from suite.judge._text import count
from suite.judge.halves import GROUPS
from suite.judge.pooling import Pooled


class Sampling(StrEnum):
    """What was drawn at random when a quantity was measured; it decides which interval is right."""

    SEEDS = "seeds"
    """Independent runs, or paired differences by block: Student t."""
    HALVES = "halves"
    """Any quantity of a fixed model, computed again on balanced halves of the images; see `suite.judge.halves`."""
    EXACT = "exact"
    """Nothing was: a count, an identity. Bounds given by a stated numerical error."""
    SINGLE = "single"
    """One released run with a stated standard error, which as a rule leaves out run-to-run noise."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The measured values of one quantity.

    Values may be NaN or infinite: the judge answers "error" and says which. No values: "not run".

    Args:
        values: SEEDS: one per run or block. HALVES: one per half of the images, or the one
            of all images if there are too few. EXACT: one; for an identity checked on several instances the
            worst of them. SINGLE: the one estimate.
        sampling: How the values came about.
        labels: Names of the values (seeds, blocks), each different, or none at all.
        standard_error: SINGLE only, and there required: standard error of the estimate, at least 0.
        covers_runs: SINGLE only: whether `standard_error` includes the noise between training runs.
        error_df: SINGLE only: degrees of freedom behind `standard_error`; infinite if it is known.
        numerical_error: EXACT only: largest rounding error of the value, at least 0.
        whole: HALVES only, and there required with several values: the quantity of all images.
        resolution: SEEDS and HALVES only: step of the measuring scale, such as 100 / N for a top-1 accuracy in points
            over N images, or 1 for a layer index; 0 for a continuous quantity. Keeps seeds that fall on
            one step from looking free of noise.
        pooled: SEEDS only: noise shared with other methods of the recipe.
        failure: Why the evidence is broken (a crashed run); the judge answers "error" with these words.
        diverged: SEEDS only: labels of the runs that diverged. They are no values: the estimand is the mean over
            runs that trained, and how many did not is told beside it.
        note: What a reader should know, for instance which blocks were dropped or which command is missing.

    Raises:
        ValueError: If labels repeat, a length differs from that of `values`, an argument does not belong
            to the sampling, a stated error is negative, an EXACT or SINGLE has several values, or a SINGLE
            has no standard error.
    """

    values: tuple[float, ...]
    sampling: Sampling
    labels: tuple[str, ...] = ()
    standard_error: float | None = None
    covers_runs: bool = False
    error_df: float = math.inf
    numerical_error: float = 0.0
    whole: float | None = None
    resolution: float = 0.0
    pooled: Pooled | None = None
    failure: str = ""
    diverged: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(float(value) for value in self.values))
        object.__setattr__(self, "sampling", Sampling(self.sampling))
        n = len(self.values)
        if self.labels and (len(self.labels) != n or len(set(self.labels)) != n):
            raise ValueError(f"{n} values need {n} different labels: a repeated seed is not a second run")
        self._refuse_strangers()
        if self.sampling in (Sampling.EXACT, Sampling.SINGLE) and n > 1:
            raise ValueError(f"{self.sampling} evidence is one value, not {n}: give the worst one, or use SEEDS")
        if self.sampling is Sampling.SINGLE and n == 1 and self.standard_error is None:
            raise ValueError("a single released run needs its standard error; without one use SEEDS")
        if self.sampling is Sampling.HALVES and n > 1 and (self.whole is None or n // 2 not in GROUPS or n % 2):
            raise ValueError(f"{n} halves need the quantity of all images, and to be two for each group")
        errors = {
            "standard_error": self.standard_error or 0.0,
            "numerical_error": self.numerical_error,
            "resolution": self.resolution,
        }
        for name, error in errors.items():
            if error < 0:
                raise ValueError(f"{name} {error} must be 0 or more")
        if not self.error_df >= 1:
            raise ValueError(f"error_df {self.error_df} must be 1 or more, infinite for a known error")

    def _refuse_strangers(self) -> None:
        """Raises if an argument is given that has no meaning under this sampling."""
        belongs = {
            "standard_error": (self.standard_error is not None, Sampling.SINGLE),
            "covers_runs": (self.covers_runs, Sampling.SINGLE),
            "error_df": (self.error_df != math.inf, Sampling.SINGLE),
            "numerical_error": (self.numerical_error != 0, Sampling.EXACT),
            "whole": (self.whole is not None, Sampling.HALVES),
            "resolution": (self.resolution != 0 and self.sampling is not Sampling.HALVES, Sampling.SEEDS),
            "pooled": (self.pooled is not None, Sampling.SEEDS),
            "diverged": (bool(self.diverged), Sampling.SEEDS),
        }
        for name, (given, sampling) in belongs.items():
            if given and self.sampling is not sampling:
                raise ValueError(f"{name} belongs to {sampling} only, not to {self.sampling}: leave it out")

    @property
    def broken(self) -> str:
        """Why no number may be taken from this, empty if one may."""
        if self.failure:
            return self.failure
        for index, value in enumerate(self.values):
            if not math.isfinite(value):
                label = f" ({self.labels[index]})" if self.labels else ""
                return f"value {index + 1} of {len(self.values)}{label} is {value}"
        stated = (self.standard_error or 0.0, self.numerical_error, self.resolution, self.whole or 0.0)
        if not all(math.isfinite(error) for error in stated):
            return "a stated error, resolution or whole is not finite"
        return ""

    @property
    def unit(self) -> str:
        """The noun for one independent unit of the evidence."""
        nouns = {
            Sampling.SEEDS: "seed",
            Sampling.HALVES: "image group",
            Sampling.EXACT: "value",
            Sampling.SINGLE: "run",
        }
        return nouns[self.sampling]

    @property
    def size(self) -> str:
        """How many values there are, and how many runs diverged, in words."""
        if self.sampling is Sampling.HALVES:
            return count(max(1, len(self.values) // 2), self.unit)
        trained = count(len(self.values), self.unit)
        return f"{trained} ({len(self.diverged)} more diverged)" if self.diverged else trained
