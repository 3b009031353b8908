"""The colours of figures by role; free of matplotlib, so that a page can use them without it."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Theme:
    """Colours by role. Blue, purple and orange differ for every kind of colour vision; a control is always grey."""

    paper: str
    ink: str
    muted: str
    faint: str
    ours: str
    second: str
    third: str
    control: str
    region: str
    published: str

    def roles(self) -> dict[str, str]:
        """Colour by role."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


LIGHT = Theme(
    paper="#ffffff",
    ink="#1b1f24",
    muted="#5b636e",
    faint="#d9dde2",
    ours="#0a5fa8",
    second="#8b3f9e",
    third="#a85b00",
    control="#6b717a",
    region="#bfe3da",
    published="#c0460c",
)
DARK = Theme(
    paper="#14171b",
    ink="#e6e9ed",
    muted="#a2abb6",
    faint="#343b44",
    ours="#6fb4f2",
    second="#d597e6",
    third="#e8a04c",
    control="#8f969f",
    region="#1e4a43",
    published="#ff8a4c",
)


def variable(role: str) -> str:
    """The CSS variable that holds a role's colour."""
    return f"--figure-{role}"


def stylesheet() -> tuple[str, str]:
    """Declarations of all colours, for light and for dark."""
    light, dark = (
        "".join(f"{variable(role)}:{colour};" for role, colour in theme.roles().items()) for theme in (LIGHT, DARK)
    )
    return light, dark
