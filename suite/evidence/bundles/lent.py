"""Our own cells, and where they are missing those of bundles; every borrowed result says where it comes from.

Which cell answers, in this order:

1. a bundle that is preferred (``--prefer``), in the order given: the same cell, else the same question;
2. our own cell, if there is any: one that failed or is damaged stays visible and is not replaced;
3. a bundle (``--with``), in the order given: the same cell from any of them, else the same question.

Runs that are compared are of one origin: :meth:`Overlay.settle` chooses one for every seed, before a criterion is read.

The same cell has the same key: recipe, data, seed, code and runtime agree. The same question was asked with other
code or another runtime; :attr:`suite.evidence.cell.Result.differs` says with which.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from suite.evidence.cell import Cell, Result
from suite.evidence.draft import RECORD
from suite.evidence.store import Damaged, Missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from suite.evidence.bundles.bundle import Bundle
    from suite.evidence.store import State, Store


class Overlay:
    """Our own cells with those of bundles laid over them; to be read, never written."""

    def __init__(self, own: Store, bundles: Sequence[Bundle] = (), preferred: Sequence[Bundle] = ()) -> None:
        """Look at our own cells, at bundles that fill their gaps, and at others that go before them."""
        self._own = own
        self._bundles, self._preferred = tuple(bundles), tuple(preferred)
        self._borrowed: dict[tuple[str, str], Result] = {}
        self._settled: dict[int, Bundle | None] = {}
        self._used: dict[str, dict[str, str]] = {}

    @property
    def root(self) -> Path:
        """The folder of our own cells."""
        return self._own.root

    def settle(self, cells: Iterable[Cell]) -> None:
        """Read all cells of a seed from one origin, until asked again: only what was computed together is compared.

        That is the origin that answers most of a seed's cells, and of several the first one in the order above; what
        it lacks is missing. A cell of ours that failed or is damaged is never passed over for a bundle that is not
        preferred.

        Args:
            cells: all that one criterion and its controls compare.
        """
        by_seed: dict[int, list[Cell]] = {}
        for cell in cells:
            by_seed.setdefault(cell.seed, []).extend(cell.parts)
        self._settled = {seed: self._one_origin(several) for seed, several in by_seed.items()}

    def _one_origin(self, cells: Sequence[Cell]) -> Bundle | None:
        """The bundle that all cells of one seed are read from; None for our own."""

        def worth(origin: Bundle | None) -> tuple[int, int, int]:
            if origin is None:
                return sum(self._own.has(cell.key) for cell in cells), 1, 0
            exact = sum(cell.key in origin.manifest["cells"] for cell in cells)
            return sum(any(_keys(origin, cell)) for cell in cells), 2 if origin in self._preferred else 0, exact

        best = max((*self._preferred, None, *self._bundles), key=worth)
        if best is None or best in self._preferred:
            return best
        ours = [cell for cell in cells if self._own.has(cell.key)]
        return best if all(self._own.state(cell).word == "done" for cell in ours) else None

    @property
    def lenders(self) -> tuple[Bundle, ...]:
        """The bundles, those that are preferred first."""
        return (*self._preferred, *self._bundles)

    def _lender(self, cell: Cell | str) -> tuple[Bundle, str] | None:
        """Which bundle answers, and under which key; None where our own cell, or none at all, does."""
        if isinstance(cell, Cell) and cell.seed in self._settled:
            bundle = self._settled[cell.seed]
            return next(((bundle, key) for key in _keys(bundle, cell)), None) if bundle else None
        for bundle in self._preferred:
            for key in _keys(bundle, cell):
                return bundle, key
        own = cell if isinstance(cell, str) else cell.key
        if self._own.has(own):
            return None
        found = [(bundle, key) for bundle in self._bundles for key in _keys(bundle, cell)]
        return next((one for one in found if one[1] == own), found[0] if found else None)

    def state(self, cell: Cell | str) -> State:
        """What there is for a cell, ours or somebody's."""
        lender = self._lender(cell)
        if lender is None:
            return self._own.state(cell)
        there = lender[0].store.state(lender[1])
        self._note(*lender, cell)
        return replace(there, origin=lender[0].origin)

    def read(self, cell: Cell | str) -> Result:
        """A finished cell, ours or somebody's; raises as :meth:`suite.evidence.store.Store.read` does."""
        lender = self._lender(cell)
        if lender is None:
            self._require_ours(cell)
            return self._own.read(cell)
        bundle, key = lender
        place = bundle.digest, cell if isinstance(cell, str) else cell.key
        if place not in self._borrowed:
            self._borrowed[place] = self._borrow(bundle, key, cell)
        return self._borrowed[place]

    def _require_ours(self, cell: Cell | str) -> None:
        """Leave a gap where another origin has most of the seed's cells: ours would be compared with them."""
        origin = self._settled.get(cell.seed) if isinstance(cell, Cell) else None
        if origin is not None:
            raise Missing(f"cell '{cell}' is not in {origin.name}, which has most of what it is compared with")

    def _borrow(self, bundle: Bundle, key: str, cell: Cell | str) -> Result:
        try:
            bundle.require_unchanged(key)
            result = bundle.store.read(key)
        except (Damaged, OSError):
            raise Damaged(
                f"{bundle.name} was changed where it is unpacked: delete {bundle.store.root}, and it is unpacked anew"
            ) from None
        return replace(result, origin=bundle.origin, differs=self._note(bundle, key, cell))

    def _note(self, bundle: Bundle, key: str, cell: Cell | str) -> str:
        """Remember that a cell was used, and say in what it differs from ours."""
        record = json.loads((bundle.store.folder(key) / RECORD).read_text(encoding="utf-8"))
        different = "" if isinstance(cell, str) else differences(record, cell)
        return self._used.setdefault(bundle.digest, {}).setdefault(key, different)

    def lent(self) -> list[str]:
        """One line a bundle: how many of its cells were used, and in what they differ from ours."""
        return [_told(bundle, self._used.get(bundle.digest, {})) for bundle in self.lenders]


def _keys(bundle: Bundle, cell: Cell | str) -> Iterator[str]:
    """Keys under which a bundle answers, the same cell before the same question."""
    own = cell if isinstance(cell, str) else cell.key
    if own in bundle.manifest["cells"]:
        yield own
    elif isinstance(cell, Cell) and cell.question in bundle.keys:
        yield bundle.keys[cell.question]


def _told(bundle: Bundle, used: Mapping[str, str]) -> str:
    fetched = [f"fetched from {bundle.address}#sha256={bundle.digest}"] if bundle.address else []
    counts = Counter(used.values())
    there = [f"{count} {words}" for words, count in counts.items() if words]
    text = f"{bundle.name}: none of its {bundle.holds} is used: ours are there, or it answers other questions"
    if used:
        text = f"{len(used)} of {bundle.holds} are used, from {bundle.origin}"
    return "; ".join((text, *there, *fetched))


def differences(theirs: Mapping[str, Any], cell: Cell) -> str:
    """In what a cell that answers the same question differs from ours, in words; empty if in nothing.

    Args:
        theirs: identity of the cell that is lent.
        cell: what we would compute.
    """
    ours = cell.identity
    same = theirs["code"] == ours["code"]
    found = [] if same else [f"computed by other code ({theirs['code']}, here {ours['code']})"]
    found += [
        f"{name} {theirs['runtime'].get(name, 'absent')}, here {ours['runtime'].get(name, 'absent')}"
        for name in _ordered(ours["runtime"], theirs["runtime"])
        if theirs["runtime"].get(name) != ours["runtime"].get(name)
    ]
    if not found and theirs["needs"] != ours["needs"]:
        found = ["made from cells of other code or another runtime"]
    return "; ".join(found)


def _ordered(*mappings: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))
