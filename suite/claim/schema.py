"""Paper, claim, criterion, control, published value, deviation, expectation: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

    from suite.evidence.cell import Cell, Result
    from suite.judge import Observed, Region, Verdict
    from suite.profile import Profile


RELEASED = "released"  # the profile without networks: authors' own logs and tables


class Unavailable(Exception):
    """The evidence a reading needs is not there; the message says what is missing and how to get it."""


class Unverifiable(Unavailable):
    """Evidence that nobody outside can have; the message says what was never released."""


@dataclass(frozen=True)
class Paper:
    """A publication whose findings are judged."""

    key: str
    title: str
    arxiv: str
    version: str
    repository: str

    @property
    def link(self) -> str:
        """Address of the abstract at the version that was read."""
        return f"https://arxiv.org/abs/{self.arxiv}{self.version}"


class Kind(StrEnum):
    """What sort of statement a criterion makes."""

    VALUE = "value"
    DIFFERENCE = "difference"
    ORDERING = "ordering"
    TREND = "trend"
    IDENTITY = "identity"


@dataclass(frozen=True)
class Quantity:
    """What is measured. ``larger`` says in words what a larger number means."""

    name: str
    unit: str
    larger: str


@dataclass(frozen=True)
class Published:
    """What a paper prints; never edited. ``value`` is None where only a figure was printed."""

    paper: Paper
    where: str
    value: float | None = None
    text: str = ""

    def __str__(self) -> str:
        """The printed number or words."""
        return self.text or ("-" if self.value is None else f"{self.value:g}")


@dataclass(frozen=True)
class Deviation:
    """A stated difference between our set-up and the paper's.

    Attributes:
        what: in which respect.
        paper: how it is there.
        ours: how it is here.
        small: whether it is one of small networks and short runs alone, and none where students are trained as printed.
    """

    what: str
    paper: str
    ours: str
    small: bool = False


def bearing(deviations: Iterable[Deviation], profile: Profile) -> tuple[Deviation, ...]:
    """Those of a claim's deviations that hold at a profile."""
    return tuple(one for one in deviations if not (one.small and profile.full))


@dataclass(frozen=True)
class Expected:
    """The verdict registered for a (criterion, profile) pair, with the reason and the date it was registered."""

    verdict: Verdict
    because: str
    since: date


class Access(Protocol):
    """What a reading may look at: finished cells and released files of one profile."""

    profile: Profile

    def result(self, cell: Cell) -> Result:
        """The finished, verified result of a cell; raises Unavailable with the command that produces it."""

    def released(self, name: str) -> Path:
        """A file of an author's release; raises Unavailable with how to get it."""


class Reading(Protocol):
    """Where a number comes from: the cells it needs and how they are read."""

    def cells(self, profile: Profile) -> Iterable[Cell]:
        """Every cell that must be finished before :meth:`observe` can answer.

        Raises:
            Unavailable: the profile cannot supply them (a network it does not have, say).
        """

    def observe(self, access: Access) -> Observed:
        """The numbers, one per sampling unit.

        Raises:
            Unavailable: evidence is missing.
        """


@dataclass(frozen=True)
class Control:
    """The same quantity where the claim must fail."""

    key: str
    sentence: str
    evidence: Reading


@dataclass(frozen=True)
class Criterion:
    """One measurable part of a claim.

    Attributes:
        key: name, unique within the claim; letters, digits and underscores.
        sentence: what is said to hold, for a person.
        region: where the claim says the quantity lies; set before the run.
        because: why the region is this one and no other.
        evidence: where the number comes from.
        controls: cases in which the quantity must lie outside the region.
        control_free: for exact identities only: why no control can exist.
        profiles: scales at which the criterion can be asked at all; empty means all.
        expected: the registered verdict by profile name.
    """

    key: str
    sentence: str
    kind: Kind
    quantity: Quantity
    region: Region
    because: str
    evidence: Reading
    controls: tuple[Control, ...] = ()
    control_free: str = ""
    published: tuple[Published, ...] = ()
    profiles: tuple[str, ...] = ()
    expected: Mapping[str, Expected] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    figure: str = ""

    def asked_at(self, profile: str) -> bool:
        """Whether it can be asked at this profile; what must be computed cannot be asked of released files."""
        return profile in self.profiles if self.profiles else profile != RELEASED


@dataclass(frozen=True)
class Claim:
    """One finding of a paper, as a sentence a person can read.

    Attributes:
        key: the module's name.
        sentence: the finding.
        papers: who says so; the first one is the main source.
        where: where it is printed.
        criteria: its measurable parts.
        deviations: differences from the paper's set-up that hold at every profile.
        notes: what a reader must know besides, one paragraph.
    """

    key: str
    sentence: str
    papers: tuple[Paper, ...]
    where: str
    criteria: tuple[Criterion, ...]
    deviations: tuple[Deviation, ...] = ()
    notes: str = ""

    def registered(self, profile: str, since: date, verdicts: Mapping[str, tuple[Verdict, str]]) -> Claim:
        """The same claim with the verdicts expected at a profile, by criterion, each with its reason.

        Raises:
            ValueError: a criterion is not one of the claim's.
        """
        unknown = sorted(set(verdicts) - {criterion.key for criterion in self.criteria})
        if unknown:
            raise ValueError(f"{self.key} has no criterion {', '.join(unknown)}: expectations name criteria by key")
        return replace(
            self,
            criteria=tuple(
                replace(
                    criterion,
                    expected={**criterion.expected, profile: Expected(*verdicts[criterion.key], since=since)},
                )
                if criterion.key in verdicts
                else criterion
                for criterion in self.criteria
            ),
        )
