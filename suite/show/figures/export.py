"""Figures as files and as part of a page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from suite.show.figures.palette import LIGHT, variable
from suite.show.figures.style import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PNG_DPI = 200
_NAMESPACE = re.compile(r"\s+(?:xmlns(?::\w+)?|version)=\"[^\"]*\"")
_IDENTITY = re.compile(r"\sid=\"([^\"]+)\"")
_COORDINATES = re.compile(r'\s(?:d|x|y|points|transform|height|width)="[^"]*"')
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_PREAMBLE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)


def svg(figure: Figure) -> str:
    """A file of its own: light, its text as text. Equal figures give equal files."""
    buffer = io.StringIO()
    with styled(LIGHT):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def png(figure: Figure) -> bytes:
    """The same for programs that know no SVG."""
    buffer = io.BytesIO()
    with styled(LIGHT):
        figure.savefig(buffer, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()


def _short(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")


def inline(text: str, *, prefix: str, description: str) -> str:
    """An SVG file as an element of a page: it follows the page's colours and font, and shares no id with others.

    Coordinates are rounded to hundredths of a point, which no screen resolves.

    Args:
        text: what :func:`svg` gave.
        prefix: begins every id that is kept.
        description: what a screen reader says; already safe as an attribute.
    """
    text = _PREAMBLE.sub("", text)
    head, rest = text.split(">", 1)
    size = re.search(r'viewBox="[^"]*"', head)
    assert size is not None
    body = f'<svg {size[0]} role="img" aria-label="{description}">{_NAMESPACE.sub("", rest)}'
    used = set(re.findall(r"url\(#([^)]+)\)", body)) | set(re.findall(r'href="#([^"]+)"', body))
    body = _IDENTITY.sub(lambda found: f' id="{prefix}{found[1]}"' if found[1] in used else "", body)
    body = re.sub(r"url\(#", f"url(#{prefix}", body)
    body = re.sub(r'xlink:href="#', f'href="#{prefix}', body)
    body = _COORDINATES.sub(lambda found: _NUMBER.sub(_short, found[0]), body)
    for role, colour in LIGHT.roles().items():
        body = re.sub(colour, f"var({variable(role)})", body, flags=re.IGNORECASE)
    body = re.sub(r"font: ([^;\"]*?) '?DejaVu Sans'?(?:, [^;\"]*)?(?=[;\"])", r"font: \1 var(--sans)", body)
    return re.sub(r"\s*\n\s*", "\n", body).strip()
