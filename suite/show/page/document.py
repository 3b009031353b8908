"""The whole page as one text."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from suite.show.figures.palette import stylesheet as figure_colours
from suite.show.numbers import plural
from suite.show.page import palette
from suite.show.page.comparison import section as comparison
from suite.show.page.item import sections as by_claim
from suite.show.page.markup import Markup, join, link, tag
from suite.show.page.matrix import BEST_FIRST, controls, matrix, overview
from suite.show.page.pieces import chip, paper_link
from suite.show.page.words import RULE, SCOPES, SIGNS, TITLE
from suite.show.terminal import expected_false, outcome
from suite.show.verdicts import LOOKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suite.assess import Evidence
    from suite.profile import Profile
    from suite.show.page.comparison import Compared
    from suite.show.page.item import Item


@dataclass(frozen=True)
class Stamp:
    """When, where and by what the page was made."""

    date: str
    commit: str
    machine: str
    command: str = "python -m suite report"


def document(
    items: Sequence[Item],
    profiles: Sequence[Profile],
    stamp: Stamp,
    *,
    absent: Sequence[Evidence] = (),
    compared: Sequence[Compared] = (),
    more: Sequence[Markup | None] = (),
) -> str:
    """The page.

    Args:
        items: rows in their order.
        profiles: the scales they come from.
        stamp: printed in the page; nothing else depends on the day.
        absent: what has no evidence yet, to say how to get it.
        compared: the comparisons, each with its figure.
        more: further sections, below the verdicts.
    """
    found = by_claim(items)
    body = [
        _masthead(items, stamp),
        tag("main", overview(found), *map(comparison, compared), controls(found), matrix(found), id="verdicts"),
        *more,
        _reading(profiles, absent),
        _footer(stamp),
        tag("script", _file("report.js")),
    ]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", TITLE),
        tag("style", _styles()),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', *body), lang='en')}\n"


def _file(name: str) -> Markup:
    return Markup(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _styles() -> Markup:
    light, dark = ("".join(parts) for parts in zip(palette.declarations(), figure_colours(), strict=True))
    colours = f":root{{{light}}}@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}"
    return Markup(f"{colours}{palette.verdict_rules()}\n{_file('report.css')}")


def _masthead(items: Sequence[Item], stamp: Stamp) -> Markup:
    assessments = [item.assessment for item in items]
    claims = list({item.assessment.claim.key: item.assessment.claim for item in items}.values())
    papers = list({paper.key: paper for claim in claims for paper in claim.papers}.values())
    counted = f"{plural(len(claims), 'claim')} of {plural(len(papers), 'paper')}, {plural(len(items), 'verdict')}"
    result = outcome(assessments)
    chance = expected_false(assessments)
    return tag(
        "header",
        tag("h1", TITLE),
        tag("p", f"{counted}: ", join([paper_link(paper) for paper in papers], "; "), "."),
        tag(
            "p",
            tag("strong", result),
            f". {chance[0].upper()}{chance[1:]}. Judged {stamp.date}. ",
            link("#reading", "How to read this page"),
        ),
        class_="masthead",
    )


def _reading(profiles: Sequence[Profile], absent: Sequence[Evidence]) -> Markup:
    verdicts = [join([tag("dt", chip(verdict)), tag("dd", LOOKS[verdict].meaning)]) for verdict in BEST_FIRST]
    scopes = [join([tag("dt", scope), tag("dd", text)]) for scope, text in SCOPES.items()]
    scales = [join([tag("dt", profile.name), tag("dd", _scale(profile))]) for profile in profiles]
    scales += [
        join(
            [
                tag("dt", evidence.profile.name),
                tag(
                    "dd",
                    f"{evidence.profile.summary}. No evidence here; ",
                    tag("code", evidence.told.command("claims")),
                    " gives it.",
                ),
            ]
        )
        for evidence in absent
    ]
    return tag(
        "section",
        tag("h2", "How to read this page"),
        tag("p", f"{RULE} {SIGNS}"),
        tag("h3", "Verdicts"),
        tag("dl", *verdicts),
        tag("h3", "Scopes"),
        tag("dl", *scopes),
        tag("h3", "Profiles"),
        tag("dl", *scales),
        class_="reading",
        id="reading",
    )


def _scale(profile: Profile) -> str:
    differs = "; ".join(f"{entry.what}: {entry.ours}, not {entry.paper}" for entry in profile.deviations)
    changed = f" Changed: {', '.join(profile.modified)}." if profile.modified else ""
    text = f"{profile.scope}; {profile.summary}; {plural(len(profile.seeds), 'seed')}.{changed}"
    return f"{text} Differs from the papers in {differs}." if differs else text


def _footer(stamp: Stamp) -> Markup:
    return tag(
        "footer",
        tag(
            "p",
            f"Made {stamp.date} from commit {stamp.commit} on {stamp.machine} by ",
            tag("code", stamp.command),
            ". Everything on this page as data: ",
            link("claims.json", "claims.json"),
            "; figures: folder ",
            link("figures/", "figures"),
            ".",
        ),
    )
