"""Where a figure stands: file and line, and how a faulty one is named."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from suite.errors import SuiteError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A line of a released file, or of a printed table.

    Attributes:
        file: folder and name inside the release, or where the table is printed.
        line: counted from 1; 0 for a printed table, which has none.
    """

    file: str
    line: int = 0

    def __str__(self) -> str:
        """``Distillation_Logs/SoftKD.txt:300``."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Figure:
    """A number and where it was read."""

    value: float
    source: Source

    def __str__(self) -> str:
        """``76.868 (Distillation_Logs/ProjectorKD_First_1.txt:300)``."""
        return f"{self.value:.6g} ({self.source})"


def short_name(path: Path) -> str:
    """The file's folder and name: what of its path means the same on every machine."""
    return "/".join(path.parts[-2:])


def fault(path: Path, line: int, what: str) -> NoReturn:
    """Refuse a file.

    Raises:
        SuiteError: always; names the file, the line and what is wrong there.
    """
    raise SuiteError(f"{path}, line {line}: {what}")


def lines_of(path: Path) -> list[str]:
    """The lines of a text file, first line first, without line ends.

    Raises:
        SuiteError: the file is missing, empty or not text, or a line is blank.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SuiteError(f"{path}: no such file; is the repository cloned whole?") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path}: cannot be read as text ({error})") from None
    lines = text.removesuffix("\n").split("\n")
    if not text:
        raise SuiteError(f"{path}: the file is empty; clone the repository again")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            fault(path, number, "a blank line where a row belongs")
    return lines


def rows_of(path: Path) -> list[list[str]]:
    """The rows of a table of comma-separated values, header first, one a line.

    Raises:
        SuiteError: the file is missing, empty or not such a table.
    """
    rows: list[list[str]] = []
    for number, line in enumerate(lines_of(path), start=1):
        try:
            rows.extend(csv.reader([line], strict=True))
        except csv.Error as error:
            fault(path, number, f"not a row of comma-separated values ({error})")
    return rows


def finite(path: Path, line: int, column: str, text: str) -> float:
    """A cell of a table as a finite number.

    Raises:
        SuiteError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        fault(path, line, f"{column} is {text!r}, not a number")
    if not math.isfinite(value):
        fault(path, line, f"{column} is {value}: no number may be taken from it")
    return value


def count(path: Path, line: int, column: str, text: str) -> int:
    """A cell of a table as a whole number of at least 1.

    Raises:
        SuiteError: it is none.
    """
    value = finite(path, line, column, text)
    if value != int(value) or value < 1:
        fault(path, line, f"{column} is {text!r}, not a count")
    return int(value)
