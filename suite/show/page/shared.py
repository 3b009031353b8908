"""What a page says of other people's runs, and how others get at these: sections below the verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.show import origins, reproductions
from suite.show.page.card import small_table
from suite.show.page.markup import Markup, join, link, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suite.origins import Split


@dataclass(frozen=True)
class Shared:
    """The evidence that lies beside a published page.

    Attributes:
        bundle: name of its file.
        sha256: of the file.
        cells: how many it holds.
        judge: the command that judges it.
        compute: the command that computes the same from nothing.
    """

    bundle: str
    sha256: str
    cells: int
    judge: str
    compute: str


def evidence(shared: Shared) -> Markup:
    """Where the evidence is, and what judges it."""
    facts = [
        ("Bundle", join([link(shared.bundle, shared.bundle), f", {shared.cells} cells, sha256 {shared.sha256}"])),
        ("Judge it", tag("code", shared.judge)),
        ("Compute it", tag("code", shared.compute)),
        ("Badge", tag("img", src="badge.svg", alt="findings by verdict")),
        ("Log", join([link("reproduction.json", "reproduction.json"), ": who ran this, when, on which machine"])),
    ]
    listed = tag("dl", *(join([tag("dt", name), tag("dd", content)]) for name, content in facts))
    return tag("section", tag("h2", "The evidence of this page"), listed, class_="reading", id="evidence")


def disagreements(splits: Sequence[Split]) -> Markup | None:
    """Where origins disagree, side by side; nothing where none do."""
    if not splits:
        return None
    rows = [row for split in splits for row in origins.rows(split)]
    table = small_table(origins.CAPTION, origins.COLUMNS, rows)
    return tag("section", tag("h2", "Where origins disagree"), table, class_="reading", id="origins")


def log(rows: Sequence[Sequence[str]]) -> Markup | None:
    """Who ran what; nothing where the log is empty."""
    if not rows:
        return None
    table = small_table("Runs by anybody who added a file to the log", reproductions.COLUMNS, rows)
    return tag("section", tag("h2", "Reproductions"), table, class_="reading", id="reproductions")
