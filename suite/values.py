"""What readings found, remembered beside the evidence: judging again computes no number again.

``values/PROFILE.json`` under the evidence's root holds by reading what was observed, and a digest of all that can
change it: the program's files, the libraries, the profile, and every cell by its seal, which is verified each time. A
reading whose digest is another is done anew. Whoever deletes the folder loses nothing but time.
"""

from __future__ import annotations

import json
import platform
from contextlib import suppress
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from suite.claim import Constant, PerSeed, Released
from suite.errors import SuiteError, Unavailable
from suite.evidence.cell import canonical, digest
from suite.evidence.disk import writing
from suite.evidence.runtime import numerics
from suite.evidence.seal import sum_of, write_json
from suite.judge import Observed, Pooled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from suite.claim import Access, Reading
    from suite.claim.program import Program
    from suite.evidence.cell import Cell, Result

FOLDER = "values"


class Values:
    """What readings found at one profile."""

    def __init__(self, access: Access, root: Path, one: Callable[[Cell], Result]) -> None:
        """The file is read when it is first needed.

        Args:
            access: the evidence that readings are given.
            root: the evidence's root folder.
            one: reads a single cell of it.
        """
        self._access, self._root, self._one = access, root, one
        self._path = root / FOLDER / f"{access.profile.name}.json"
        self._known: dict[str, Any] | None = None
        self._new: dict[str, Any] = {}
        self._sums: dict[str, tuple[Result, str]] = {}
        self._profile = ""

    def observe(self, name: str, reading: Reading, program: Program | None) -> Observed:
        """What a reading finds: as it was found before, if nothing that can change it did.

        Args:
            name: of the reading, unique in the program.
            reading: what to ask.
            program: to which it belongs; nothing is remembered of a claim that no file states.

        Raises:
            Exception: whatever the reading raises; that is never remembered.
        """
        key = None if program is None else self._key(reading, program)
        if key is None:
            return reading.observe(self._access)
        kept = self._all().get(name)
        if kept and kept["key"] == key:
            return _observed(kept["found"])
        found = reading.observe(self._access)
        plain = _plain(found)
        if plain is None:
            return found
        self._new[name] = {"key": key, "found": plain}
        return _observed(plain)

    def save(self, program: Program | None) -> None:
        """Write down what was found anew, if there is a folder of evidence and the program's files did not change."""
        if self._new and program is not None and self._root.is_dir() and program.current:
            self._known = None  # another process may have added to it meanwhile
            values = {**self._all(), **self._new}
            with suppress(SuiteError), writing(self._root):  # that it cannot be written costs time, no verdict
                self._path.parent.mkdir(exist_ok=True)
                write_json(self._path, {"values": values, "sum": digest(values)})
            self._known = values
        self._new = {}

    def _all(self) -> dict[str, Any]:
        """Everything that is remembered; nothing, if the file is not as it was written."""
        if self._known is None:
            self._known = {}
            with suppress(OSError, ValueError, TypeError, KeyError):  # a SuiteError is a ValueError
                content = json.loads(self._path.read_text(encoding="utf-8"))
                if content["sum"] == digest(content["values"]):
                    self._known = content["values"]
        return self._known

    def _key(self, reading: Reading, program: Program) -> str | None:
        """Digest of all that can change what a reading finds; None where that is not known."""
        profile = self._access.profile
        follows = isinstance(reading, PerSeed | Constant) or (isinstance(reading, Released) and not profile.released)
        if not follows:
            return None
        try:
            asked = self._profile = self._profile or digest(
                [profile.seeds, profile.sampling, profile.networks, profile.sections]
            )
            cells = [self._mark(cell) for cell in reading.cells(profile)]
            return digest([program.digest, numerics("cpu"), platform.python_version(), asked, cells])
        except (Unavailable, SuiteError):
            return None

    def _mark(self, cell: Cell) -> str:
        """What tells a cell's content: the sum of its seal, or why it has none.

        Raises:
            Unavailable: it is not computed.
        """
        try:
            result = self._one(cell)
        except SuiteError as fault:
            return f"{cell.key}: {fault}"
        before, found = self._sums.get(result.key, (None, ""))
        if before is not result:
            found = sum_of(result.folder)
            self._sums[result.key] = result, found
        return found


def _plain(observed: Observed) -> dict[str, Any] | None:
    """What was observed as JSON data, without defaults; None if it holds a number that is none."""
    given = {each.name: getattr(observed, each.name) for each in fields(observed)}
    given = {each.name: given[each.name] for each in fields(observed) if given[each.name] != each.default}
    if observed.pooled is not None:
        given["pooled"] = asdict(observed.pooled)
    try:
        plain: dict[str, Any] = json.loads(canonical(given))
    except SuiteError:
        return None
    return plain


def _observed(plain: Mapping[str, Any]) -> Observed:
    several = {name: tuple(plain[name]) for name in ("values", "labels", "diverged") if name in plain}
    pooled = {"pooled": Pooled(**plain["pooled"])} if "pooled" in plain else {}
    return Observed(**{**plain, **several, **pooled})
