"""Tables of ranks: dimensions that hold a share of the energy, in each image's own and in a shared basis."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.errors import SuiteError
from suite.evidence.released.source import Source, count, fault, lines_of, short_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_OWN = re.compile(r"(?:per-image )?svd (\d+) ?%", re.IGNORECASE)
_SHARED = re.compile(r"(?:dataset|shared|pca|dataset pca) (\d+) ?%", re.IGNORECASE)
_MODEL = re.compile(r"model", re.IGNORECASE)
_CHANNELS = re.compile(r"dims?|dimensions?|d|channels", re.IGNORECASE)
_RULE = re.compile(r":?-+:?")
FIRST_ROW = 3  # below the header and the rule of dashes


@dataclass(frozen=True)
class RankRow:
    """One network.

    Attributes:
        model: its name in the table.
        channels: width of its final features.
        own: dimensions an image needs in its own basis, by percent of its energy.
        shared: dimensions it needs in a basis shared by all images, by percent.
        source: where the row stands.
    """

    model: str
    channels: int
    own: Mapping[int, int]
    shared: Mapping[int, int]
    source: Source


@dataclass(frozen=True)
class RankTable:
    """Networks by name, in the order of the table."""

    file: str
    rows: Mapping[str, RankRow]

    def figures(self) -> dict[str, NDArray[Any]]:
        """Names of the networks, their widths, and dimensions by percent, ``own.80`` and so on."""
        rows = list(self.rows.values())
        figures: dict[str, NDArray[Any]] = {
            "models": np.asarray([row.model for row in rows]),
            "channels": np.asarray([row.channels for row in rows]),
        }
        for name, dims in (("own", [row.own for row in rows]), ("shared", [row.shared for row in rows])):
            figures |= {f"{name}.{percent}": np.asarray([of[percent] for of in dims]) for percent in dims[0]}
        return figures

    @classmethod
    def of(cls, file: str, figures: Mapping[str, NDArray[Any]]) -> RankTable:
        """The table that has these figures; its first row stands on line 3, below header and rule."""
        own, shared = (
            {int(name.partition(".")[2]): column for name, column in figures.items() if name.startswith(f"{kind}.")}
            for kind in ("own", "shared")
        )
        rows = {
            model: RankRow(
                model,
                int(figures["channels"][at]),
                {percent: int(column[at]) for percent, column in own.items()},
                {percent: int(column[at]) for percent, column in shared.items()},
                Source(file, at + FIRST_ROW),
            )
            for at, model in enumerate(figures["models"].tolist())
        }
        return cls(file, rows)

    def row(self, model: str) -> RankRow:
        """One network.

        Raises:
            SuiteError: the table has none of that name.
        """
        try:
            return self.rows[model]
        except KeyError:
            raise SuiteError(f"{self.file}: no row {model!r}; there are {', '.join(self.rows)}") from None


def read_rank_table(path: Path) -> RankTable:
    """Read a table in Markdown; columns are found by their headers, others are passed over.

    Args:
        path: columns ``Model``, ``Dims``, and ``SVD p%`` and ``Dataset p%`` for the same percents.

    Returns:
        The table. Each row's dimensions ascend with the percent, none exceeds the width, and none is larger
        in the image's own basis than in the shared one, which Eckart and Young forbid.

    Raises:
        SuiteError: the file is missing, a column is, or a row is not such; names file and line.

    References:
        Format of Raw data/comparison/svd_pca/svd_rank_table.md in
        https://github.com/thy960112/From-Per-Image-Low-Rank-to-Encoding-Mismatch.
    """
    lines = [_cells(path, number, text) for number, text in enumerate(lines_of(path), start=1)]
    if len(lines) < 3 or not all(_RULE.fullmatch(cell) for cell in lines[1]):
        fault(path, min(2, len(lines)), "not a Markdown table: a header, a rule of dashes, rows")
    header = lines[0]
    model, channels = _only(path, header, _MODEL, "Model"), _only(path, header, _CHANNELS, "Dims")
    own, shared = _percents(path, header, _OWN), _percents(path, header, _SHARED)
    if not own or own.keys() != shared.keys():
        fault(path, 1, f"no columns 'SVD p%' and 'Dataset p%' for the same p among {', '.join(header)}")
    rows: dict[str, RankRow] = {}
    for line, cells in enumerate(lines[2:], start=FIRST_ROW):
        if len(cells) != len(header):
            fault(path, line, f"{len(cells)} cells where {len(header)} belong; is the file truncated?")
        row = RankRow(
            model=cells[model],
            channels=count(path, line, header[channels], cells[channels]),
            own={percent: count(path, line, header[at], cells[at]) for percent, at in own.items()},
            shared={percent: count(path, line, header[at], cells[at]) for percent, at in shared.items()},
            source=Source(short_name(path), line),
        )
        if row.model in rows:
            fault(path, line, f"{row.model!r} stands there a second time")
        _check(path, line, row)
        rows[row.model] = row
    return RankTable(short_name(path), rows)


def _cells(path: Path, line: int, text: str) -> list[str]:
    text = text.strip()
    if not (text.startswith("|") and text.endswith("|") and len(text) > 1):
        fault(path, line, "not a row of a Markdown table; is the file truncated?")
    return [cell.strip() for cell in text[1:-1].split("|")]


def _only(path: Path, header: list[str], pattern: re.Pattern[str], name: str) -> int:
    found = [at for at, title in enumerate(header) if pattern.fullmatch(title)]
    if len(found) != 1:
        fault(path, 1, f"{len(found)} columns {name!r} where one belongs, among {', '.join(header)}")
    return found[0]


def _percents(path: Path, header: list[str], pattern: re.Pattern[str]) -> dict[int, int]:
    """Column by percent, ascending."""
    found: dict[int, int] = {}
    for at, title in enumerate(header):
        match = pattern.fullmatch(title)
        if match is None:
            continue
        if int(match[1]) in found:
            fault(path, 1, f"two columns for {match[1]} %, the second is {title!r}")
        found[int(match[1])] = at
    return dict(sorted(found.items()))


def _check(path: Path, line: int, row: RankRow) -> None:
    for dims in (row.own, row.shared):
        if any(low > high for low, high in pairwise(dims.values())):
            fault(path, line, f"{row.model}: dimensions fall as the share rises, {list(dims.values())}")
        if max(dims.values()) > row.channels:
            fault(path, line, f"{row.model}: more dimensions than its {row.channels} channels")
    for percent, own in row.own.items():
        if own > row.shared[percent]:
            fault(path, line, f"{row.model}: at {percent} % fewer dimensions shared than per image")
