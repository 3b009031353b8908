"""Where origins disagree, side by side: as a line on the screen, as a table in details and on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from suite.show import describe
from suite.show.verdicts import marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from suite.origins import Split

COLUMNS = ("criterion", "origin", "verdict", "measured [95 %]", "runs")
CAPTION = "Each origin judged alone: no seed of one is compared with a seed of another"


def rows(split: Split) -> list[tuple[str, ...]]:
    """One row an origin, in the order of `COLUMNS`."""
    return [
        (split.name, origin, marked(one.verdict), describe.measured(one), describe.size(one))
        for origin, one in split.by_origin.items()
    ]


def summary(splits: Sequence[Split]) -> str:
    """The criteria on which origins disagree, in one line; empty if there are none."""
    told = [
        f"{split.name} ({'; '.join(f'{origin}: {one.verdict}' for origin, one in split.by_origin.items())})"
        for split in splits
    ]
    return f"Origins disagree, each judged alone: {', '.join(told)}." if told else ""


def table(splits: Iterable[Split]) -> Table:
    """The same with numbers, for a terminal."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=CAPTION, title_justify="left")
    for column in COLUMNS:
        made.add_column(column, overflow="fold")
    for split in splits:
        for index, row in enumerate(rows(split)):
            made.add_row(*(Text("" if index and not place else cell) for place, cell in enumerate(row)))
    return made
