"""Figures that are drawn already: what they were drawn from, so that nothing is drawn twice and nothing stale is kept.

``figures.json`` beside the page holds, for every figure, the digest of what it was drawn from (the data that the
drawing functions receive, the drawing code, matplotlib's version and settings) and of both files that came of it.
A figure is taken from the shelf if all three still agree; a file that is missing or was edited is drawn again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

from suite.evidence.code import code_digest
from suite.show.files import replace_text

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
INDEX = "figures.json"
_CODE = ("suite.show.figures.plots", "suite.show.figures.forest", "suite.show.figures.export")
_LIBRARIES = ("matplotlib", "numpy", "scipy")
_NOT_DRAWN = ("backend", "interactive", "webagg", "savefig.directory", "keymap")  # settings of windows


def fingerprint(value: Any) -> str:
    """SHA-256 of data: dataclasses, arrays, sequences, numbers, text; equal data gives equal digests.

    Raises:
        TypeError: it holds anything else, of which nobody knows when it is equal.
    """
    total = hashlib.sha256()
    _feed(total, value)
    return total.hexdigest()


def _feed(total: Any, value: Any) -> None:
    if is_dataclass(value) and not isinstance(value, type):
        total.update(f"{type(value).__qualname__}(".encode())
        for field in fields(value):
            total.update(f"{field.name}=".encode())
            _feed(total, getattr(value, field.name))
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        total.update(f"array {value.dtype.str} {value.shape}".encode())
        total.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, tuple | list):
        total.update(f"{len(value)}[".encode())
        for item in value:
            _feed(total, item)
    elif value is None or isinstance(value, str | bool | int | float | np.generic):
        text = repr(value)
        total.update(f"{type(value).__name__} {len(text)} {text}".encode())
    else:
        raise TypeError(f"no fingerprint of {type(value).__name__}")


def drawing_code() -> str:
    """Digest of everything but the data that a drawn file depends on."""
    settings = {
        name: repr(value)
        for name, value in dict.items(mpl.rcParams)  # by the mapping's own method a backend would be loaded
        if not name.startswith(_NOT_DRAWN)
    }
    libraries = [version(name) for name in _LIBRARIES]
    return fingerprint([code_digest(*_CODE), *libraries, json.dumps(settings, sort_keys=True)])


class Shelf:
    """The figures of one page; use :meth:`save` once all of them were asked for."""

    def __init__(self, page: Path, figures: Path) -> None:
        """Read the index beside the page; one that cannot be read knows no figure.

        Args:
            page: folder of the page.
            figures: folder of the figures' files.
        """
        self._index, self._figures = page / INDEX, figures
        self._code = drawing_code()
        self._known = _read(self._index)
        self._kept: dict[str, dict[str, str]] = {}

    def take(self, name: str, data: Any) -> str | None:
        """The SVG file's text of a figure that was drawn from equal data by equal code; None if there is none."""
        known = self._known.get(name, {})
        if known.get("inputs") != self._inputs(data):
            return None
        found = {ending: _content(self._figures / f"{name}.{ending}") for ending in ("svg", "png")}
        if any(_sha256(content) != known.get(ending) for ending, content in found.items()):
            return None
        self._kept[name] = known
        return found["svg"].decode()

    def put(self, name: str, data: Any, image: str, bitmap: bytes) -> None:
        """Write both files of a figure that was just drawn from some data."""
        replace_text(self._figures / f"{name}.svg", image)
        (self._figures / f"{name}.png").write_bytes(bitmap)
        self._kept[name] = {
            "inputs": self._inputs(data),
            "svg": _sha256(image.encode()),
            "png": _sha256(bitmap),
        }

    def save(self) -> None:
        """Write the index; figures that nobody asked for are forgotten, and their files removed."""
        for path in self._figures.iterdir():
            if path.suffix in (".svg", ".png") and path.stem not in self._kept:
                path.unlink()
        document = {"format": FORMAT, "figures": self._kept}
        replace_text(self._index, json.dumps(document, indent=1, sort_keys=True) + "\n")

    def _inputs(self, data: Any) -> str:
        return fingerprint([self._code, data])


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            return {}
        return {str(name): dict(entry) for name, entry in found["figures"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
