"""Readings for evidence that others hold: a printed table, and what nobody can have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from suite.errors import Unavailable, Unverifiable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from suite.claim.schema import Access
    from suite.evidence.cell import Cell
    from suite.judge import Observed
    from suite.profile import Profile

T = TypeVar("T")


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


@dataclass(frozen=True)
class PrintedTable(Generic[T]):
    """Arithmetic on a published table: its released file if there is one, else its printed figures.

    Attributes:
        file: the table's file inside a release.
        read: its reader.
        printed: the table as printed.
        value: the table -> what follows from it.
    """

    file: str
    read: Callable[[Path], T]
    printed: T
    value: Callable[[T], Observed]

    def cells(self, profile: Profile) -> Iterable[Cell]:  # noqa: ARG002
        """Nothing needs to be run: the evidence is somebody else's."""
        return ()

    def observe(self, access: Access) -> Observed:
        """What follows from the table; its note begins with which of the two was used."""
        try:
            table, origin = self.read(access.released(self.file)), f"from the released {self.file}"
        except Unavailable:
            table, origin = self.printed, f"from the printed figures, {self.file} was not given"
        observed = self.value(table)
        return replace(observed, note=f"{origin}; {observed.note}" if observed.note else origin)
