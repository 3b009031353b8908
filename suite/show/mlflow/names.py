"""Names as MLflow accepts them, and lists and nested settings as it can store them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def listed(claims: Iterable[str]) -> str:
    """Claims as one tag that a filter can look into: ``"|a|b|"``."""
    return "".join(f"|{claim}" for claim in sorted(claims)) + "|"


def safe_name(name: str) -> str:
    """A name that MLflow accepts for a metric or parameter: ``"top1@5"`` becomes ``"top1_5"``.

    Leading dots go: some releases take ``".._"`` for a way out of the folder.
    """
    parts = [part for part in (p.lstrip(".") for p in re.sub(r"[^A-Za-z0-9_\-. :/]", "_", name).split("/")) if part]
    return "/".join(parts) or "_"


def unique(names: Iterable[str]) -> dict[str, str]:
    """Safe names that stay different where the given ones are."""
    taken: dict[str, str] = {}
    for name in names:
        wanted, number = safe_name(name), 1
        while wanted in taken.values():
            number += 1
            wanted = f"{safe_name(name)}_{number}"
        taken[name] = wanted
    return taken


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, names joined by dots; lists stay whole."""
    if not isinstance(value, dict):
        return {prefix: value}
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= flatten(inner, f"{prefix}.{name}" if prefix else str(name))
    return found
