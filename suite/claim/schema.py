"""Paper, claim, criterion, control, published value, deviation, expectation: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from suite.judge import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from suite.claim.program import Program
    from suite.deviation import Deviation
    from suite.evidence.cell import Cell, Result
    from suite.evidence.released.original import Original, Table
    from suite.judge import Observed, Region, Verdict
    from suite.profile import Profile


T = TypeVar("T", bound="Table")

RELEASED = "released"  # the profile without networks, and what a criterion about released figures needs


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


@dataclass(frozen=True)
class Quantity:
    """What is measured. ``larger`` says in words what a larger number means."""

    name: str
    unit: str
    larger: str


@dataclass(frozen=True)
class Published:
    """What a paper prints; never edited.

    Attributes:
        paper: at the version that was read.
        where: the table, figure or passage.
        value: the number; None where only a figure or words are printed.
        text: the words, or how the number is printed.
        row: of a table; of a difference, both rows.
        column: of a table.
        error: standard error of the printed number in its unit, where it follows from what was measured.
    """

    paper: Paper
    where: str
    value: float | None = None
    text: str = ""
    row: str = ""
    column: str = ""
    error: float | None = None

    @property
    def place(self) -> str:
        """Where it stands, in words: ``accuracy table, row SoftKD, column top-1``."""
        parts = (self.where, self.row and f"row {self.row}", self.column and f"column {self.column}")
        return ", ".join(part for part in parts if part)

    def __str__(self) -> str:
        """The printed number or words."""
        return self.text or ("-" if self.value is None else f"{self.value:g}")


def bearing(deviations: Iterable[Deviation], profile: Profile) -> tuple[Deviation, ...]:
    """Those of a claim's deviations that hold at a profile."""
    return tuple(one for one in deviations if not (one.small and profile.full))


@dataclass(frozen=True)
class Expected:
    """The verdict expected of a (criterion, profile) pair.

    Attributes:
        verdict: the word.
        because: why.
        since: when it was written.
        digest: of the rule it was written under (see :mod:`suite.claim.expected`); empty if that was not kept.
        status: ``registered`` if there was no evidence when it was written, ``recorded`` if there was.
    """

    verdict: Verdict
    because: str
    since: date
    digest: str = ""
    status: str = "recorded"


class Access(Protocol):
    """What a reading may look at: finished cells and released files of one profile."""

    profile: Profile

    def result(self, cell: Cell) -> Result:
        """The finished, verified result of a cell; raises Unavailable with the command that produces it."""

    def released(self, original: Original[T]) -> T:
        """What a file that authors released says: the given copy of it, or the figures that come with the claims."""


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
    """The same quantity in a case whose answer is known: where the claim must fail, or where it must hold."""

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
        negative_controls: cases in which the quantity must lie outside the region.
        role: whether the paper states it, or we probe it.
        positive_controls: cases in which the claim holds by construction, so that the quantity must lie inside.
        control_free: for exact identities and counts only: why no control, or none of one kind, can exist.
        needs: what a profile must have for the criterion to be asked there at all, as its file names it
            (``networks.CaiT-S24``, ``distill.widths``); ``released`` where released figures are the evidence.
        expected: the expected verdict by profile name; as a rule from the claims' ``expected.jsonl``.
        title: name of its row, where its claim's criteria form a table; the key unless given.
        variant_of: key of the criterion that asks the same under another condition; its row stands above.
        condition: which condition that is, in a few words.
        beside: other numbers of the same evidence, by name: shown with the verdict, never judged, asked for by no run.
    """

    key: str
    sentence: str
    quantity: Quantity
    region: Region
    because: str
    evidence: Reading
    negative_controls: tuple[Control, ...] = ()
    control_free: str = ""
    published: tuple[Published, ...] = ()
    needs: tuple[str, ...] = ()
    expected: Mapping[str, Expected] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    figure: str = ""
    role: Role = Role.ASSERTED
    positive_controls: tuple[Control, ...] = ()
    title: str = ""
    variant_of: str = ""
    condition: str = ""
    beside: Mapping[str, Reading] = field(default_factory=dict)

    @property
    def controls(self) -> tuple[Control, ...]:
        """Both kinds, negative ones first; no two share a key."""
        return (*self.negative_controls, *self.positive_controls)

    def asked_at(self, profile: Profile) -> bool:
        """Whether it can be asked at this profile; what must be computed cannot be asked of released figures."""
        if profile.computes == (RELEASED in self.needs):
            return False
        return all(need == RELEASED or profile.has(need) for need in self.needs)


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
        finding: key of the finding it belongs to.
        program: the files that state it and compute its numbers; None for a claim that is made in passing.
        compared_with: what every criterion is a difference to, where together they form one table; else empty.
    """

    key: str
    sentence: str
    papers: tuple[Paper, ...]
    where: str
    criteria: tuple[Criterion, ...]
    deviations: tuple[Deviation, ...] = ()
    notes: str = ""
    finding: str = ""
    program: Program | None = field(default=None, compare=False, repr=False)
    compared_with: str = ""

    def asked_at(self, profile: Profile) -> tuple[Criterion, ...]:
        """The criteria that can be asked at this profile; none, where it asks other claims."""
        if profile.claims and self.key not in profile.claims:
            return ()
        return tuple(criterion for criterion in self.criteria if criterion.asked_at(profile))
