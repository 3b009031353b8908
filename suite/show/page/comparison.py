"""The comparisons on the page: one table and one figure a claim that compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.show.links import slug
from suite.show.page.markup import Markup, join, tag
from suite.show.page.pieces import figure

if TYPE_CHECKING:
    from suite.show.comparison import Comparison
    from suite.show.page.item import Picture


@dataclass(frozen=True)
class Compared:
    """A comparison with its figure."""

    comparison: Comparison
    picture: Picture


def section(compared: Compared) -> Markup:
    """The section of one comparison."""
    comparison = compared.comparison
    return tag(
        "section",
        tag("h2", f"Compared with {comparison.claim.compared_with}: ", comparison.claim.sentence),
        _table(comparison),
        *(tag("p", said) for said in comparison.depends()),
        tag("p", comparison.legend(), class_="muted"),
        figure(compared.picture),
        class_="comparison",
        id=slug(comparison.name),
    )


def _table(comparison: Comparison) -> Markup:
    columns, profiles = comparison.columns, comparison.profiles
    above = [tag("th", "")] + [tag("th", profile, colspan=str(len(columns)), scope="colgroup") for profile in profiles]
    head = [tag("th", "method", scope="col")]
    head += [tag("th", column, scope="col") for _ in profiles for column in columns]
    rows = [
        tag(
            "tr",
            tag("th", row.title, scope="row"),
            *(
                tag("td", join(text.split("\n"), Markup("<br>")), data_label=f"{profile}: {column}")
                for profile in profiles
                for column, text in zip(columns, comparison.cells(row, profile), strict=True)
            ),
        )
        for row in comparison.rows
    ]
    caption = tag("caption", "Every method with its controls, its weight and its cost, one set of columns a profile.")
    table = tag("table", caption, tag("thead", tag("tr", *above), tag("tr", *head)), tag("tbody", *rows))
    return tag("div", table, class_="small-table")
