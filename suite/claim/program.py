"""The program that states and reads claims, as the files on disk: what a number that was read depends on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from suite.evidence.code import OURS, folder_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_PART = (".pyc", ".md", ".jsonl", ".svg")  # what no number depends on: texts, what is expected, drawings


@dataclass(frozen=True)
class Program:
    """A package of claims, and all of ours that it may call.

    Attributes:
        folders: whose files belong to it.
        digest: of these files as they were when this process first asked.
    """

    folders: tuple[Path, ...]
    digest: str

    @classmethod
    def of(cls, claims: Path) -> Program:
        """The program of the claims in a folder.

        Its digest is taken once a process, since what was imported does not change with its file.
        """
        return _program((claims.resolve(), *(folder_of(name).resolve() for name in OURS)))

    @property
    def current(self) -> bool:
        """Whether the files are still what they were."""
        return _digest(self.folders) == self.digest


@cache
def _program(folders: tuple[Path, ...]) -> Program:
    return Program(folders, _digest(folders))


def _digest(folders: tuple[Path, ...]) -> str:
    total = hashlib.sha256()
    for folder in folders:
        for path in _files(folder):
            content = path.read_bytes()
            total.update(f"{path.relative_to(folder)}:{len(content)};".encode())
            total.update(content)
    return total.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix not in NO_PART and "__pycache__" not in path.parts and path.is_file():
            yield path
