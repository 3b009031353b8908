"""Whether copies of released files say what the embedded figures say: each file is named once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.errors import SuiteError
from suite.evidence.released.original import Original, Table, find

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class Match(StrEnum):
    """How a copy of a released file compares with the embedded figures."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"
    MISSING = "missing"


@dataclass(frozen=True)
class Checked:
    """One released file, looked for and compared.

    Attributes:
        original: the file.
        match: how its copy compares.
        figures: how many figures were compared.
        words: what differs or is wrong, with file and line; empty if nothing is.
    """

    original: Original[Any]
    match: Match
    figures: int = 0
    words: str = ""


def check(originals: Iterable[Original[Any]], folders: Sequence[Path]) -> list[Checked]:
    """Compare every released file that lies in the folders with its embedded figures, figure by figure.

    Raises:
        SuiteError: the folders hold none of the files.
    """
    found = [_checked(original, folders) for original in originals]
    if found and all(one.match is Match.MISSING for one in found):
        repositories = ", ".join(sorted({one.original.repository for one in found}))
        where = ", ".join(str(folder) for folder in folders)
        raise SuiteError(f"--released: no file of {repositories} lies in {where}: give a clone, or a folder of clones")
    return found


def report(checked: Iterable[Checked]) -> list[str]:
    """One line a repository of which files were found, and one for every file that is missing or not as embedded."""
    lines = []
    by_repository: dict[str, list[Checked]] = {}
    for one in checked:
        by_repository.setdefault(one.original.repository, []).append(one)
    for repository, files in by_repository.items():
        equal = [one for one in files if one.match is Match.EQUAL]
        if all(one.match is Match.MISSING for one in files):
            continue
        figures = sum(one.figures for one in equal)
        lines.append(f"{repository}: {len(equal)} of {len(files)} files equal the embedded figures, {figures:,} in all")
        lines += [one.words for one in files if one.match is not Match.EQUAL]
    return lines


def _checked(original: Original[Any], folders: Sequence[Path]) -> Checked:
    path = find(folders, original.file)
    if path is None:
        words = f"{original.file} is missing: its embedded figures are judged"
        return Checked(original, Match.MISSING, words=words)
    try:
        table = original.copy(path)
    except SuiteError as fault:
        return Checked(original, Match.UNREADABLE, words=f"{fault}; its embedded figures are judged")
    ours = original.embedded().figures()
    words = differences(table, ours)
    if words:
        return Checked(original, Match.DIFFERENT, words=f"{original.short}: {words}; the file is judged")
    return Checked(original, Match.EQUAL, sum(column.size for column in ours.values()))


def differences(table: Table, embedded: Mapping[str, NDArray[Any]]) -> str:
    """What differs between a table and embedded figures, in words; empty if nothing does or only other columns do."""
    theirs = table.figures()
    missing = [name for name in embedded if name not in theirs]
    if missing:
        return f"no {', '.join(missing)}"
    count, first = 0, ""
    for name, ours in embedded.items():
        other = theirs[name]
        if other.shape != ours.shape:
            return f"{' x '.join(map(str, other.shape))} figures of {name}, {' x '.join(map(str, ours.shape))} embedded"
        unequal = np.argwhere(other != ours)
        count += len(unequal)
        if len(unequal) and not first:
            place = tuple(unequal[0])
            first = f"{name}, row {place[0] + 1}: {other[place]}, {ours[place]} embedded"
    return f"{count:,} figures differ, first {first}" if count else ""


def digest(path: Path) -> tuple[int, str]:
    """Lines and SHA-256 of a file."""
    data = path.read_bytes()
    return data.count(b"\n") + (not data.endswith(b"\n")), sha256(data).hexdigest()
