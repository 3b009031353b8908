"""The page's colours: text on ground for every verdict, readable in light and dark by every kind of colour vision.

Blue stands for what holds and orange for what does not; nothing is told by red against green, and every colour comes
with its sign and word.
"""

from __future__ import annotations

from dataclasses import dataclass

from suite.judge import Verdict


@dataclass(frozen=True)
class Look:
    """Text and ground, light and dark."""

    text: str
    ground: str
    dark_text: str
    dark_ground: str


BASE = {  # name: light, dark
    "page": ("#ffffff", "#14171b"),
    "raised": ("#f6f7f9", "#1b1f25"),
    "line": ("#dde1e6", "#323942"),
    "ink": ("#1b1f24", "#e6e9ed"),
    "muted": ("#59616c", "#a2abb6"),
    "accent": ("#0a5fa8", "#6fb4f2"),
    "alert": ("#a13a08", "#ff9d66"),
}

VERDICTS: dict[Verdict, Look] = {
    Verdict.REPRODUCED: Look("#0b4a82", "#d5e8f9", "#a8d4fb", "#123a5e"),
    Verdict.CONSISTENT: Look("#0b5a6b", "#dcf1f5", "#9adbe8", "#103b45"),
    Verdict.CONTRADICTED: Look("#8a2f06", "#fcdfcd", "#ffc09c", "#5a2508"),
    Verdict.INCONCLUSIVE: Look("#664600", "#faecc0", "#f2d67c", "#463606"),
    Verdict.UNINFORMATIVE: Look("#6b2a7c", "#f1dff6", "#e2b4ef", "#462052"),
    Verdict.UNVERIFIABLE: Look("#4a515a", "#e9ebee", "#c0c7cf", "#2c323a"),
    Verdict.NOT_RUN: Look("#59616c", "#f6f7f9", "#a2abb6", "#1b1f25"),
    Verdict.ERROR: Look("#ffffff", "#1b1f24", "#14171b", "#e6e9ed"),
    Verdict.SMOKE: Look("#59616c", "#f1f2f4", "#a2abb6", "#23282f"),
}


def css_class(verdict: Verdict) -> str:
    """The class of everything that shows a verdict."""
    return f"v-{verdict.replace(' ', '-')}"


def declarations() -> tuple[str, str]:
    """CSS variables of all colours, for light and for dark."""
    light = [f"--{name}:{colours[0]};" for name, colours in BASE.items()]
    dark = [f"--{name}:{colours[1]};" for name, colours in BASE.items()]
    for verdict, look in VERDICTS.items():
        name = css_class(verdict)
        light += [f"--{name}-text:{look.text};", f"--{name}-ground:{look.ground};"]
        dark += [f"--{name}-text:{look.dark_text};", f"--{name}-ground:{look.dark_ground};"]
    return "".join(light), "".join(dark)


def verdict_rules() -> str:
    """One CSS rule a verdict."""
    names = [css_class(verdict) for verdict in VERDICTS]
    return "".join(f".{name}{{color:var(--{name}-text);background:var(--{name}-ground)}}" for name in names)
