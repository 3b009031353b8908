"""Tables of spectral energy patterns: the fraction of frequencies that holds a share of the energy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.evidence.released.source import Source, count, fault, finite, rows_of, short_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_FRACTION = re.compile(r"d/D ?@ ?(\d+) ?%")
_DIMS = re.compile(r"d ?@ ?(\d+) ?%")
_MODEL = re.compile(r"model", re.IGNORECASE)
_CHANNELS = re.compile(r"dimension(?: \(d\))?", re.IGNORECASE)
_TOKENS = re.compile(r"num tokens|tokens", re.IGNORECASE)
FIRST_ROW = 2  # below the header
_PRINTED_DIGITS = 1e-6  # fractions are printed to six decimals


@dataclass(frozen=True)
class PatternRow:
    """One network.

    Attributes:
        model: its name in the table.
        channels: width of its final features.
        tokens: how many tokens the mean was taken over.
        fractions: frequencies needed, as a fraction of all, by percent of the energy.
        source: where the row stands.
    """

    model: str
    channels: int
    tokens: int
    fractions: Mapping[int, float]
    source: Source


@dataclass(frozen=True)
class PatternTable:
    """Networks by name, in the order of the table."""

    file: str
    rows: Mapping[str, PatternRow]

    def figures(self) -> dict[str, NDArray[Any]]:
        """Names of the networks, widths, numbers of tokens, and fractions by percent, ``fraction.50`` and so on."""
        rows = list(self.rows.values())
        figures: dict[str, NDArray[Any]] = {
            "models": np.asarray([row.model for row in rows]),
            "channels": np.asarray([row.channels for row in rows]),
            "tokens": np.asarray([row.tokens for row in rows]),
        }
        for percent in rows[0].fractions:
            figures[f"fraction.{percent}"] = np.asarray([row.fractions[percent] for row in rows])
        return figures

    @classmethod
    def of(cls, file: str, figures: Mapping[str, NDArray[Any]]) -> PatternTable:
        """The table that has these figures; its first row stands on line 2, below the header."""
        fractions = {
            int(name.partition(".")[2]): column for name, column in figures.items() if name.startswith("fraction.")
        }
        rows = {
            model: PatternRow(
                model,
                int(figures["channels"][at]),
                int(figures["tokens"][at]),
                {percent: float(column[at]) for percent, column in fractions.items()},
                Source(file, at + FIRST_ROW),
            )
            for at, model in enumerate(figures["models"].tolist())
        }
        return cls(file, rows)


def read_pattern_table(path: Path) -> PatternTable:
    """Read a table of comma-separated values; columns are found by their headers, others are passed over.

    Args:
        path: columns ``Model``, ``Dimension (D)``, ``Num Tokens``, ``d/D @ p%`` and perhaps ``d @ p%``.

    Returns:
        The table; where both are printed, d/D is d divided by D to the printed digits.

    Raises:
        SuiteError: the file is missing, a column is, or a row is not such; names file and line.

    References:
        Format of Raw data/comparison/sep/sep_comparison_table.csv in
        https://github.com/thy960112/From-Per-Image-Low-Rank-to-Encoding-Mismatch.
    """
    header, *body = rows_of(path)
    columns = {title.strip(): at for at, title in enumerate(header)}
    if len(columns) != len(header):
        fault(path, 1, "two columns share a header")
    model, channels, tokens = (_only(path, columns, p) for p in (_MODEL, _CHANNELS, _TOKENS))
    fractions, dims = _percents(columns, _FRACTION), _percents(columns, _DIMS)
    if not fractions:
        fault(path, 1, f"no column 'd/D @ p%' among {', '.join(header)}")
    if not body:
        fault(path, 1, "a header without rows; is the file truncated?")
    rows: dict[str, PatternRow] = {}
    for line, cells in enumerate(body, start=FIRST_ROW):
        if len(cells) != len(header):
            fault(path, line, f"{len(cells)} cells where {len(header)} belong; is the file truncated?")
        row = PatternRow(
            model=cells[model],
            channels=count(path, line, header[channels], cells[channels]),
            tokens=count(path, line, header[tokens], cells[tokens]),
            fractions={p: finite(path, line, header[at], cells[at]) for p, at in fractions.items()},
            source=Source(short_name(path), line),
        )
        if row.model in rows:
            fault(path, line, f"{row.model!r} stands there a second time")
        for percent, at in dims.items():
            printed = row.fractions.get(percent, float("nan"))
            if not abs(count(path, line, header[at], cells[at]) / row.channels - printed) < _PRINTED_DIGITS:
                fault(path, line, f"{row.model}: {cells[at]} of {row.channels} is not {printed:g}")
        if not all(0 < fraction <= 1 for fraction in row.fractions.values()):
            fault(path, line, f"{row.model}: a fraction of all frequencies lies between 0 and 1")
        rows[row.model] = row
    return PatternTable(short_name(path), rows)


def _only(path: Path, columns: Mapping[str, int], pattern: re.Pattern[str]) -> int:
    found = [at for title, at in columns.items() if pattern.fullmatch(title)]
    if len(found) != 1:
        fault(path, 1, f"{len(found)} columns like {pattern.pattern!r} among {', '.join(columns)}, not one")
    return found[0]


def _percents(columns: Mapping[str, int], pattern: re.Pattern[str]) -> dict[int, int]:
    """Column by percent, ascending."""
    matches = ((pattern.fullmatch(title), at) for title, at in columns.items())
    return dict(sorted((int(match[1]), at) for match, at in matches if match))
