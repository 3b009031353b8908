"""A profile that extends another one: what it takes over, what it removes, and in what it differs."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Place = tuple[str, ...]

_HEAD = (
    "summary",
    "seeds",
    "scope",
    "sampling",
    "evidence",
    "claims",
    "deviations",
    "unavailable",
    "compute",
    "machine",
)
_IMMATERIAL = (  # what changes no number that a claim is about
    ("measure", "loaders"),
    ("networks", "*", "cost"),
    ("networks", "*", "fused"),
    ("distill", "evaluate", "batch"),
)
_CHOICES = (("networks", "*"), ("distill", "lengths", "*"))  # what a profile may do without


def merged(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """The parent's tables with the child's merged into them, table by table; lists and numbers are replaced."""
    found = dict(parent)
    for name, value in child.items():
        old = found.get(name)
        both = isinstance(old, dict) and isinstance(value, dict)
        found[name] = merged(old, value) if both else value  # type: ignore[arg-type]
    return found


def without(tables: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The tables without one key of them, written as TOML writes it (``networks."ViT-Tiny".cost``).

    Raises:
        ValueError: it is no key of the tables.
    """
    try:
        place: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        raise ValueError(f"remove: {key!r} is no key") from None
    path: list[str] = []
    while isinstance(place, dict):
        path += place
        place = place[path[-1]]
    return _without(tables, path, key)


def _without(tables: Mapping[str, Any], path: list[str], key: str) -> dict[str, Any]:
    first, *rest = path
    if first not in tables or (rest and not isinstance(tables[first], dict)):
        raise ValueError(f"remove: {key!r} is not in what it extends")
    if not rest:
        return {name: value for name, value in tables.items() if name != first}
    return {**tables, first: _without(tables[first], rest, key)}


def differences(parent: Mapping[str, Any], child: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Where, and from what to what, a profile departs from the one it extends in anything that can matter."""
    return [
        (_key(place), _said(old), _said(new))
        for place, old, new in _changes(parent, child, ())
        if place[0] not in _HEAD
        and not any(_like(place, pattern) for pattern in _IMMATERIAL)
        and not (new is None and any(_like(place, pattern) for pattern in _CHOICES))
    ]


def _changes(parent: Mapping[str, Any], child: Mapping[str, Any], place: Place) -> Iterator[tuple[Place, Any, Any]]:
    for name in {**parent, **child}:
        old, new = parent.get(name), child.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _changes(old, new, (*place, name))
        elif old != new or isinstance(old, bool) != isinstance(new, bool):
            yield (*place, name), old, new


def _like(place: Place, pattern: Place) -> bool:
    return len(place) == len(pattern) and all(part in ("*", name) for name, part in zip(place, pattern, strict=True))


def _said(value: Any) -> str:
    return "not stated" if value is None else _value(value)


def toml(tables: Mapping[str, Any]) -> str:
    """Tables as the text of a TOML file."""
    return "\n".join(_lines(tables, ())).strip() + "\n"


def _lines(tables: Mapping[str, Any], place: Place) -> Iterator[str]:
    inner = {name: value for name, value in tables.items() if isinstance(value, dict) or _is_tables(value)}
    yield from (f"{_word(name)} = {_value(value)}" for name, value in tables.items() if name not in inner)
    for name, value in inner.items():
        here = (*place, name)
        for table in value if isinstance(value, list) else [value]:
            if isinstance(value, list) or not table or any(not isinstance(part, dict) for part in table.values()):
                yield f"\n[[{_key(here)}]]" if isinstance(value, list) else f"\n[{_key(here)}]"
            yield from _lines(table, here)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(part, dict) for part in value)


def _key(place: Place) -> str:
    return ".".join(map(_word, place))


def _word(name: str) -> str:
    bare = name and name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if bare or name in ("-", "_") else _text(name)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_word(name)} = {_value(part)}" for name, part in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return repr(value)
