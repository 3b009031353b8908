"""What is put to the judge, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from suite.judge.interval import Interval
from suite.judge.observed import Observed, Sampling
from suite.judge.reading import Position
from suite.judge.region import Region
from suite.judge.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Question:
    """One criterion, put to the judge.

    Args:
        observed: What was measured; None if nothing was.
        region: Where the claim says the quantity lies.
        controls: The same quantity where the claim must fail, by name; None for a control not run yet.
        control_free: EXACT only: why no control can exist; empty where there are or should be controls.
        unit: Unit of the quantity, for the sentences.

    Raises:
        ValueError: If `control_free` comes with controls or with evidence that is not EXACT.
    """

    observed: Observed | None
    region: Region
    controls: Mapping[str, Observed | None] = field(default_factory=dict)
    control_free: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        exact = self.observed is None or self.observed.sampling is Sampling.EXACT
        if self.control_free and (self.controls or not exact):
            raise ValueError("only an exact quantity without controls may be control-free: drop the excuse or the rest")


@dataclass(frozen=True, slots=True)
class ControlJudgement:
    """Where one control lies.

    Args:
        name: The control's name.
        interval: Its interval; None without usable evidence.
        holds: Where it lies; "outside" is what a control is for.
        message: What is broken or missing, empty otherwise.
    """

    name: str
    interval: Interval | None
    holds: Position
    message: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and everything it stands on.

    Args:
        verdict: The word.
        reason: Why, in one sentence with its numbers.
        interval: Interval of the claim's quantity; None without usable evidence.
        region: Where the claim says the quantity lies.
        controls: Where the controls lie, in the order given.
        p: Smallest alpha at which this evidence would decide the claim: contradict it if the estimate lies
            outside, reproduce it (every control included) if inside; 1 if none would; None without a sample.
        p_holm: The same adjusted for the family; None outside a family.
        more: Further units (runs, images, or sources of images) that would settle it; None if nothing is open
            or no reachable number would.
        flips: The numbers at which the verdict would change, in one sentence; may be empty.
    """

    verdict: Verdict
    reason: str
    interval: Interval | None
    region: Region
    controls: tuple[ControlJudgement, ...] = ()
    p: float | None = None
    p_holm: float | None = None
    more: int | None = None
    flips: str = ""
