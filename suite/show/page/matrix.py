"""The first screen: all verdicts at a glance, then the matrix, one row a criterion and profile."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from suite.judge import WORST_FIRST, Verdict
from suite.show import describe
from suite.show.figures.judged import judged
from suite.show.numbers import finite
from suite.show.page.card import card
from suite.show.page.markup import Content, Markup, join, tag
from suite.show.page.palette import css_class
from suite.show.page.pieces import chip, departure, paper_link, word_chip
from suite.show.page.spark import spark
from suite.show.verdicts import LOOKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suite.assess import Assessment
    from suite.show.page.item import Item, Section

BEST_FIRST = tuple(reversed(WORST_FIRST))
COLUMNS = (  # title, what it is sorted by
    ("verdict", "verdict"),
    ("what is said", "name"),
    ("published", "published"),
    ("measured [95 %]", "measured"),
    ("", ""),
    ("claimed", ""),
    ("scope", "scope"),
    ("dev.", "deviations"),
)


def overview(sections: Sequence[Section]) -> Markup:
    """Claims by profiles: one tile a criterion, each a link to its card."""
    profiles = list(dict.fromkeys(item.assessment.profile.name for section in sections for item in section.items))
    scopes = {item.assessment.profile.name: item.assessment.profile.scope for one in sections for item in one.items}
    head = [tag("th", "claim", scope="col")]
    head += [tag("th", f"{name} ", tag("span", f"({scopes[name]})", class_="muted"), scope="col") for name in profiles]
    rows = [
        tag(
            "tr",
            tag("th", tag("a", section.claim.sentence, href=f"#claim-{section.claim.key}"), scope="row"),
            *(_tiles(section, profile) for profile in profiles),
        )
        for section in sections
    ]
    return tag(
        "table",
        tag("caption", "One tile a criterion; each opens its card."),
        tag("thead", tag("tr", *head)),
        tag("tbody", *rows),
        class_="overview",
    )


def _tiles(section: Section, profile: str) -> Markup:
    items = [item for item in section.items if item.assessment.profile.name == profile]
    tiles = [
        tag(
            "a",
            LOOKS[item.assessment.verdict].glyph,
            href=f"#{item.anchor}",
            class_=f"tile {css_class(item.assessment.verdict)}{' departing' if item.assessment.departs else ''}",
            title=f"{item.assessment.criterion.key}: {item.assessment.verdict}",
            aria_label=f"{item.assessment.criterion.key}: {item.assessment.verdict}",
        )
        for item in items
    ]
    if not items:
        return tag("td", class_="empty")
    return tag("td", word_chip(section.words[profile]), tag("span", join(tiles), class_="tiles"), data_label=profile)


def controls(sections: Sequence[Section]) -> Markup:
    """Filters; shown by the script that serves them, so that without it nothing on the page is dead."""
    items = [item for section in sections for item in section.items]
    counts = Counter(item.assessment.verdict for item in items)
    buttons = [
        tag(
            "button",
            chip(verdict, after=f" {counts[verdict]}"),
            type="button",
            data_filter_verdict=str(verdict),
            aria_pressed="false",
            title=LOOKS[verdict].meaning,
        )
        for verdict in BEST_FIRST
        if counts[verdict]
    ]
    profiles = list(dict.fromkeys(item.assessment.profile.name for item in items))
    sorts = [(key, title) for title, key in COLUMNS if key]
    return tag(
        "form",
        tag("div", *buttons, class_="verdict-buttons", role="group", aria_label="show only these verdicts"),
        tag(
            "div",
            _select("claim", "claim", [("", "all claims"), *((s.claim.key, s.claim.key) for s in sections)]),
            _select("profile", "profile", [("", "all profiles"), *((name, name) for name in profiles)]),
            _select("sort", "sort by", [("order", "claim"), *sorts]),
            tag("label", "text ", tag("input", type="search", name="text", placeholder="entropy, ResNet, Table 2 …")),
            tag("label", tag("input", type="checkbox", name="departs"), " not as expected"),
            tag("button", "open all cards", type="button", data_open_all=True),
            tag("output", "", name="count", aria_live="polite"),
            class_="selects",
        ),
        class_="filters",
        hidden=True,
    )


def _select(name: str, label: str, options: Sequence[tuple[str, str]]) -> Markup:
    written = [tag("option", title, value=value) for value, title in options]
    return tag("label", f"{label} ", tag("select", *written, name=name))


def matrix(sections: Sequence[Section]) -> Markup:
    """The table: a heading a claim, then its rows, each followed by its card."""
    head = tag("tr", *(tag("th", title, scope="col", data_sort=key or None) for title, key in COLUMNS))
    bodies = [body for section in sections for body in (_heading(section), *map(_rows, section.items))]
    return tag(
        "table",
        tag("caption", "Every criterion with what is printed, what was measured, and the verdict."),
        tag("thead", head),
        *bodies,
        class_="matrix",
    )


def _heading(section: Section) -> Markup:
    claim = section.claim
    words = [
        join([f" {profile}: " if len(section.words) > 1 else " ", word_chip(word)])
        for profile, word in section.words.items()
    ]
    text = tag(
        "th",
        tag("h2", claim.sentence, id=f"claim-{claim.key}"),
        tag(
            "p",
            tag("code", claim.key),
            " – ",
            join([paper_link(paper) for paper in claim.papers], "; "),
            f"; {claim.where}. Taken together:",
            join(words),
        ),
        colspan=str(len(COLUMNS)),
        scope="rowgroup",
    )
    return tag("tbody", tag("tr", text), class_="claim", data_claim=claim.key)


def _rows(item: Item) -> Markup:
    assessment = item.assessment
    details = tag(
        "details",
        tag("summary", f"Card of {assessment.criterion.key} ({assessment.profile.name})"),
        card(item),
    )
    return tag(
        "tbody",
        tag("tr", *_cells(item), class_="row"),
        tag("tr", tag("td", details, colspan=str(len(COLUMNS))), class_="card"),
        class_="item",
        data_claim=assessment.claim.key,
        data_profile=assessment.profile.name,
        data_verdict=str(assessment.verdict),
        data_departs="yes" if assessment.departs else "no",
        **_sort_keys(assessment),
    )


def _sort_keys(assessment: Assessment) -> dict[str, str]:
    interval = assessment.judgement.interval
    numbers = {
        "verdict": float(BEST_FIRST.index(assessment.verdict)),
        "published": describe.published_value(assessment.criterion),
        "measured": interval.estimate if interval else None,
        "deviations": float(len(assessment.deviations)),
    }
    keys = {
        f"data_sort_{name}": repr(value) for name, number in numbers.items() if (value := finite(number)) is not None
    }
    return keys | {"data_sort_name": assessment.name, "data_sort_scope": assessment.profile.scope}


def _cells(item: Item) -> list[Markup]:
    assessment = item.assessment
    criterion = assessment.criterion
    what = judged(assessment)
    said = join(
        [
            tag("a", criterion.sentence, href=f"#{item.anchor}", class_="opens"),
            tag("span", f"{assessment.name}", class_="key"),
        ]
    )
    contents: list[tuple[str, str, Content]] = [
        ("verdict", "", join([chip(assessment.verdict), departure(assessment)])),
        ("said", "", said),
        ("published", "published", describe.published(criterion)),
        ("measured", "measured", _measured(assessment)),
        ("picture", "", spark(what) if what is not None else None),
        ("claimed", "claimed", describe.claimed(assessment)),
        ("scope", "scope", join([assessment.profile.scope, tag("span", assessment.profile.name, class_="key")])),
        ("deviations", "deviations", str(len(assessment.deviations))),
    ]
    return [
        tag("th" if name == "said" else "td", content, class_=name, data_label=label or None, scope=scope)
        for name, label, content in contents
        for scope in ("row" if name == "said" else None,)
    ]


def _measured(assessment: Assessment) -> Markup:
    if assessment.verdict is Verdict.NOT_RUN:
        return tag("span", "–", class_="muted")
    return join([describe.measured(assessment), tag("span", describe.size(assessment), class_="key")])
