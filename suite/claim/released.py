"""Readings of what others hold: files that authors released, and what nobody can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from suite.errors import Unverifiable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from suite.claim.schema import Access, Claim
    from suite.evidence.cell import Cell
    from suite.evidence.released.original import Original
    from suite.judge import Observed
    from suite.profile import Profile


@dataclass(frozen=True)
class Released:
    """Numbers that follow from files which authors released.

    Attributes:
        originals: the files; none for arithmetic on numbers that a paper prints.
        value: what they say, in the same order -> what was observed.
    """

    originals: tuple[Original[Any], ...]
    value: Callable[..., Observed]

    def cells(self, profile: Profile) -> Iterable[Cell]:  # noqa: ARG002
        """Nothing needs to be run: the evidence is somebody else's."""
        return ()

    def observe(self, access: Access) -> Observed:
        """What follows from the files."""
        return self.value(*(access.released(original) for original in self.originals))


@dataclass(frozen=True)
class NeverReleased:
    """Evidence that nobody outside can have.

    Attributes:
        what: what is missing, and what would be needed, in one line.
    """

    what: str

    def cells(self, profile: Profile) -> Iterable[Cell]:  # noqa: ARG002
        """Nothing can be run."""
        return ()

    def observe(self, access: Access) -> NoReturn:  # noqa: ARG002
        """Always raises Unverifiable."""
        raise Unverifiable(self.what)


def originals_of(claims: Iterable[Claim]) -> tuple[Original[Any], ...]:
    """Every released file that some claims read, evidence and controls alike, each once, by repository and file."""
    found: dict[tuple[str, str], Original[Any]] = {}
    for claim in claims:
        for criterion in claim.criteria:
            controls = (*criterion.positive_controls, *criterion.negative_controls)
            for reading in (criterion.evidence, *(control.evidence for control in controls)):
                if isinstance(reading, Released):
                    found |= {(original.repository, original.file): original for original in reading.originals}
    return tuple(found[key] for key in sorted(found))
