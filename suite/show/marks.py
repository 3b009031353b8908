"""Every verdict's sign: a glyph and a letter that read without colour, and colours all can tell apart."""

from __future__ import annotations

from dataclasses import dataclass

from suite.judge import Verdict


@dataclass(frozen=True)
class Mark:
    """How a verdict looks.

    Attributes:
        glyph: one character before the word, in tables.
        letter: one letter, in pytest's progress line.
        style: a rich style. Blue and orange differ for every kind of colour vision; nothing is red or green.
    """

    glyph: str
    letter: str
    style: str


MARKS: dict[Verdict, Mark] = {
    Verdict.REPRODUCED: Mark("✓", "R", "bold bright_blue"),
    Verdict.CONTRADICTED: Mark("✗", "X", "bold dark_orange"),
    Verdict.INCONCLUSIVE: Mark("?", "?", "yellow"),
    Verdict.UNINFORMATIVE: Mark("∅", "U", "magenta"),
    Verdict.CONSISTENT: Mark("~", "C", "bright_blue"),
    Verdict.UNVERIFIABLE: Mark("–", "V", "dim"),
    Verdict.NOT_RUN: Mark("·", "-", "dim"),
    Verdict.ERROR: Mark("!", "E", "bold reverse"),
    Verdict.SMOKE: Mark("○", "S", "dim italic"),
}


def marked(verdict: Verdict) -> str:
    """``"✓ reproduced"``."""
    return f"{MARKS[verdict].glyph} {verdict}"
