"""The page's colours: text on ground for every verdict, readable in light and dark by every kind of colour vision.

Blue stands for what holds and orange for what does not; nothing is told by red against green, and every colour comes
with its sign and word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.show.verdicts import LOOKS

if TYPE_CHECKING:
    from suite.judge import Verdict


BASE = {  # name: light, dark
    "page": ("#ffffff", "#14171b"),
    "raised": ("#f6f7f9", "#1b1f25"),
    "line": ("#dde1e6", "#323942"),
    "ink": ("#1b1f24", "#e6e9ed"),
    "muted": ("#59616c", "#a2abb6"),
    "accent": ("#0a5fa8", "#6fb4f2"),
    "alert": ("#a13a08", "#ff9d66"),
}


def css_class(verdict: Verdict) -> str:
    """The class of everything that shows a verdict."""
    return f"v-{verdict.replace(' ', '-')}"


def declarations() -> tuple[str, str]:
    """CSS variables of all colours, for light and for dark."""
    light = [f"--{name}:{colours[0]};" for name, colours in BASE.items()]
    dark = [f"--{name}:{colours[1]};" for name, colours in BASE.items()]
    for verdict, look in LOOKS.items():
        name = css_class(verdict)
        light += [f"--{name}-text:{look.text};", f"--{name}-ground:{look.ground};"]
        dark += [f"--{name}-text:{look.dark_text};", f"--{name}-ground:{look.dark_ground};"]
    return "".join(light), "".join(dark)


def verdict_rules() -> str:
    """One CSS rule a verdict."""
    names = [css_class(verdict) for verdict in LOOKS]
    return "".join(f".{name}{{color:var(--{name}-text);background:var(--{name}-ground)}}" for name in names)
