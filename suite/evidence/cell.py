"""A cell: one unit of computation, named by everything that can change its result."""

from __future__ import annotations

import hashlib
import json
from collections import ChainMap
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from suite.errors import SuiteError
from suite.evidence.runtime import numerics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal content gives equal text.

    Raises:
        SuiteError: the value is not JSON data, or holds NaN or an infinity, which equal nothing.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SuiteError(f"{error}: give finite numbers, text, true or false, lists and tables of them") from None


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Cell:
    """What to compute. Equality and hash go by :attr:`key`.

    Attributes:
        study: which study computes it: a module of ``suite.studies``, or any module by its dotted name.
        spec: JSON data: recipe, model, data with its digest, precision - everything but seed and code.
        seed: the seed of every generator of the cell.
        needs: cells whose results it reads, by role.
        code: digest of the source the study reaches.
        device: kind of device it is computed on (``cpu``, ``cuda``).
        label: short name for people; does not enter the key.
        weight: relative cost, for time estimates; does not enter the key.
        local: where this machine keeps what the spec names (images, weights), and what it can bear (memory, loader
            workers); does not enter the key.
        group: cells of one study and group are handed to the study together; does not enter the key, so what a
            cell yields must not depend on its company.
        beside: other cells whose arrays are read together with this one's, as those of one result; does not enter the
            key.
    """

    study: str
    spec: Mapping[str, Any]
    seed: int
    code: str
    needs: Mapping[str, Cell] = field(default_factory=dict)
    device: str = "cpu"
    label: str = ""
    weight: float = 1.0
    group: str = ""
    local: Mapping[str, Any] = field(default_factory=dict)
    beside: tuple[Cell, ...] = ()

    @property
    def parts(self) -> tuple[Cell, ...]:
        """This cell, and those that are read beside it."""
        return (self, *self.beside)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that enters the key, as JSON data.

        Raises:
            SuiteError: the spec is not JSON data.
        """
        try:
            spec = json.loads(canonical(self.spec))
        except SuiteError as error:
            raise SuiteError(f"the spec of '{self.label or self.study}' cannot be kept: {error}") from None
        return {
            "study": self.study,
            "spec": spec,
            "seed": self.seed,
            "needs": {role: cell.key for role, cell in self.needs.items()},
            "code": self.code,
            "runtime": numerics(self.device),
        }

    @cached_property
    def key(self) -> str:
        """The cell's name on disk: the study and 20 hexadecimal digits."""
        return f"{self.study}-{digest(self.identity)[:20]}"

    @cached_property
    def question(self) -> str:
        """Like the key, without code and machine: the same question asked elsewhere or before."""
        parts = {k: v for k, v in self.identity.items() if k not in ("code", "runtime", "needs")}
        return digest(parts | {"needs": {role: cell.question for role, cell in self.needs.items()}})[:20]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.label or self.key


@dataclass(frozen=True)
class Result:
    """A finished cell as read from disk, its files verified.

    Attributes:
        key: the cell's key.
        folder: where its files lie.
        arrays: the numbers, by name.
        metrics: what was logged over time, one mapping a line.
        environment: versions, device, commit, machine.
        seconds: how long it took.
        origin: empty for our own cells, else the bundle it came from.
        differs: in what it differs from the cell that was asked for, where it answers the same question computed
            by other code or with another runtime; empty if in nothing.
        seed: the seed of its generators.
    """

    key: str
    folder: Path
    arrays: Mapping[str, NDArray[Any]]
    metrics: Sequence[Mapping[str, Any]]
    environment: Mapping[str, Any]
    seconds: float
    origin: str = ""
    differs: str = ""
    seed: int = 0

    @classmethod
    def together(cls, parts: Sequence[Result]) -> Result:
        """Several results as one: the first one, with the arrays of all.

        Args:
            parts: at least one; arrays of one name are equal in all of them.
        """
        return replace(parts[0], arrays=ChainMap(*(cast("dict[str, Any]", part.arrays) for part in parts)))

    @property
    def lender(self) -> str:
        """The bundle's file name and what is different there, for a table; empty for our own."""
        name = self.origin.partition(", sha256 ")[0]
        return f"{name}; {self.differs}" if self.differs else name

    @property
    def source(self) -> str:
        """Whose it is and what is different there, in words; empty for our own."""
        return f"{self.origin}; {self.differs}" if self.differs else self.origin
