"""Small pieces that several parts of the page share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.show import describe
from suite.show.page.markup import Markup, join, link, tag
from suite.show.page.palette import css_class
from suite.show.verdicts import LOOKS

if TYPE_CHECKING:
    from suite.assess import Assessment, ClaimWord
    from suite.claim import Paper
    from suite.judge import Verdict
    from suite.show.page.item import Picture


def chip(verdict: Verdict, *, after: str = "") -> Markup:
    """A verdict by sign, word and colour."""
    sign = tag("span", LOOKS[verdict].glyph, aria_hidden="true")
    return tag("span", sign, f" {verdict}{after}", class_=f"chip {css_class(verdict)}")


def word_chip(word: ClaimWord) -> Markup:
    """What may be said of a claim: a verdict where one word is allowed, else the counts."""
    if word.verdict is None:
        return tag("span", word.text, class_="counts")
    return join([chip(word.verdict), word.text.removeprefix(str(word.verdict))])


def departure(assessment: Assessment) -> Markup | None:
    """A mark where the verdict is not the expected one."""
    text = describe.registered(assessment)
    return join([" ", tag("span", "≠ ", text, class_="departs")]) if text else None


def paper_link(paper: Paper) -> Markup:
    """A paper's title as a link to its abstract."""
    return link(paper.link, f"{paper.title} (arXiv:{paper.arxiv}{paper.version})")


def figure(picture: Picture) -> Markup:
    """A figure with its caption and files; why there is none, where there is none."""
    if picture.image is None:
        return tag("figure", tag("figcaption", f"No figure: {picture.caption}"), class_="none")
    files = [link(f"figures/{picture.file}.{ending}", ending.upper()) for ending in ("svg", "png")]
    return tag(
        "figure",
        tag("div", picture.image, class_="drawing"),
        tag("figcaption", f"{picture.caption} ", join(files, ", ")),
    )
