"""What is put to the judge, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from suite.judge.interval import Interval
from suite.judge.observed import Observed, Sampling
from suite.judge.power import Outlook
from suite.judge.reading import Position
from suite.judge.region import Region
from suite.judge.role import ControlKind, Role
from suite.judge.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Question:
    """One criterion, put to the judge.

    Args:
        observed: What was measured; None if nothing was.
        region: Where the claim says the quantity lies.
        negative_controls: The same quantity where the claim must fail, by name; None for a control not run yet.
        positive_controls: The same quantity where the claim holds by construction, likewise.
        control_free: EXACT only: why no control, or none of one kind, can exist.
        unit: Unit of the quantity, for the sentences.
        proxy: Whether the evidence is of another scale than the paper's, which can show where a claim holds but
            not contradict the paper.
        role: Whether the paper states it, or we probe it; each role is a family of its own.

    Raises:
        ValueError: If `control_free` comes with evidence that is not EXACT.
    """

    observed: Observed | None
    region: Region
    negative_controls: Mapping[str, Observed | None] = field(default_factory=dict)
    positive_controls: Mapping[str, Observed | None] = field(default_factory=dict)
    control_free: str = ""
    unit: str = ""
    proxy: bool = False
    role: Role = Role.ASSERTED

    def __post_init__(self) -> None:
        if self.control_free and self.observed is not None and not self.exact:
            raise ValueError("only an exact quantity may go without controls: drop the excuse, or give both kinds")

    @property
    def exact(self) -> bool:
        """Whether the evidence is a count or an identity, in which nothing was drawn at random."""
        return self.observed is not None and self.observed.sampling is Sampling.EXACT


@dataclass(frozen=True, slots=True)
class ControlJudgement:
    """Where one control lies.

    Args:
        name: The control's name.
        interval: Its interval; None without usable evidence.
        holds: Where it lies.
        kind: Where it should lie: a negative control outside the region, a positive one inside.
        message: What is broken or missing, empty otherwise.
        contrast: Interval of the claim less this control, run by run, where both share their design; else None.
    """

    name: str
    interval: Interval | None
    holds: Position
    kind: ControlKind = ControlKind.NEGATIVE
    message: str = ""
    contrast: Interval | None = None

    @property
    def as_it_should(self) -> bool:
        """Whether it lies where a control of its kind must lie."""
        return self.holds is (Position.INSIDE if self.kind is ControlKind.POSITIVE else Position.OUTSIDE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and everything it stands on.

    Args:
        verdict: The word.
        reason: Why, in one sentence with its numbers.
        interval: Interval of the claim's quantity; None without usable evidence.
        region: Where the claim says the quantity lies.
        controls: Where the controls lie: negative ones first, each kind in the order given.
        p: Smallest alpha at which this evidence would decide the claim, the largest over its parts: that the estimate
            lies where it does, every positive control inside, and for a claim that holds every negative control outside
            and beyond its paired contrast; 1 if none would; None without a sample.
        p_holm: The same adjusted for the family; None outside a family.
        adjusted: Interval of the claim's quantity at the level of the whole family (1 - alpha / members), where
            Holm's adjustment withheld a decision; None otherwise.
        more: Further units (runs, say) that would settle it; None if nothing is open or no reachable number would.
        flips: The numbers at which the verdict would change, in one sentence; may be empty.
    """

    verdict: Verdict
    reason: str
    interval: Interval | None
    region: Region
    controls: tuple[ControlJudgement, ...] = ()
    p: float | None = None
    p_holm: float | None = None
    adjusted: Interval | None = None
    more: Outlook | None = None
    flips: str = ""
