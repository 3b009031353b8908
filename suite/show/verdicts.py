"""The one table of verdicts: sign, letter, style, colours and meaning, for terminal, page, pytest and README."""

from __future__ import annotations

from dataclasses import dataclass

from suite.judge import Verdict


@dataclass(frozen=True)
class Look:
    """How a verdict looks and what it means.

    Attributes:
        glyph: one character before the word, in tables.
        letter: one letter, in pytest's progress line.
        style: a rich style. Blue and orange differ for every kind of colour vision; nothing is red or green.
        text: colour of the text on the page.
        ground: colour below it.
        dark_text: the same in the dark.
        dark_ground: likewise.
        meaning: when it is given, in one clause.
    """

    glyph: str
    letter: str
    style: str
    text: str
    ground: str
    dark_text: str
    dark_ground: str
    meaning: str


LOOKS: dict[Verdict, Look] = {
    Verdict.REPRODUCED: Look(
        "✓", "R", "bold bright_blue", "#0b4a82", "#d5e8f9", "#a8d4fb", "#123a5e",
        "at the scale of the paper, or of an exact identity or count: the interval lies inside the claimed region, as "
        "do all positive controls, and every negative control lies outside it",
    ),
    Verdict.SEEN_HERE: Look(
        "●", "H", "bold bright_blue", "#0b4a82", "#e4f0fb", "#a8d4fb", "#15304b",
        "the same at a smaller scale than the paper's",
    ),
    Verdict.CONSISTENT: Look(
        "~", "C", "bright_blue", "#0b5a6b", "#dcf1f5", "#9adbe8", "#103b45",
        "a single run, inside the region: one run never reproduces a claim",
    ),
    Verdict.CONTRADICTED: Look(
        "✗", "X", "bold dark_orange", "#8a2f06", "#fcdfcd", "#ffc09c", "#5a2508",
        "at the scale of the paper, or of an exact identity or count: the interval misses the region, which every "
        "positive control reaches",
    ),
    Verdict.NOT_SEEN_HERE: Look(
        "◌", "N", "dark_orange", "#8a2f06", "#fdeee4", "#ffc09c", "#48210c",
        "at a smaller scale than the paper's the interval misses the region, and a positive control shows that this "
        "scale could have shown it: it limits where the finding holds and does not contradict the paper",
    ),
    Verdict.INCONCLUSIVE: Look(
        "?", "?", "yellow", "#664600", "#faecc0", "#f2d67c", "#463606",
        "the evidence decides neither way yet, or lacks the control that would make it count",
    ),
    Verdict.UNINFORMATIVE: Look(
        "∅", "U", "magenta", "#6b2a7c", "#f1dff6", "#e2b4ef", "#462052",
        "a case in which the finding must hold does not reach the region (it could not have succeeded), or one in "
        "which it must fail does (it could not have failed)",
    ),
    Verdict.UNVERIFIABLE: Look(
        "–", "V", "dim", "#4a515a", "#e9ebee", "#c0c7cf", "#2c323a",
        "nothing was released from which anyone could check it",
    ),
    Verdict.NOT_RUN: Look(
        "·", "-", "dim", "#59616c", "#f6f7f9", "#a2abb6", "#1b1f25",
        "evidence is missing; the card names the command that computes it",
    ),
    Verdict.ERROR: Look(
        "!", "E", "bold reverse", "#ffffff", "#1b1f24", "#14171b", "#e6e9ed",
        "a crash or a broken number: never counted as a result",
    ),
    Verdict.SMOKE: Look(
        "○", "S", "dim italic", "#59616c", "#f1f2f4", "#a2abb6", "#23282f",
        "tiny networks that prove the code path and say nothing of the claim",
    ),
}  # fmt: skip


def marked(verdict: Verdict) -> str:
    """``"✓ reproduced"``."""
    return f"{LOOKS[verdict].glyph} {verdict}"


def meanings_table() -> str:
    """What every verdict means, as a Markdown table."""
    rows = [f"| {marked(verdict)} | {look.meaning} |" for verdict, look in LOOKS.items()]
    return "\n".join(["| verdict | when |", "| --- | --- |", *rows]) + "\n"
