"""HTML in Python: every text is escaped unless it is markup already."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

VOID = ("br", "col", "hr", "img", "input", "link", "meta")


class Markup(str):
    """Text that is HTML already and is taken as it is."""

    __slots__ = ()


Content = str | None


def text(content: Content) -> Markup:
    """Escaped, unless it is markup; None is nothing."""
    if content is None:
        return Markup()
    return content if isinstance(content, Markup) else Markup(escape(content, quote=True))


def join(contents: Iterable[Content], separator: str = "") -> Markup:
    """Contents one after another, each escaped unless it is markup."""
    return Markup(text(separator).join(text(content) for content in contents))


def tag(name: str, /, *contents: Content, **attributes: str | bool | None) -> Markup:
    """An element.

    Args:
        name: of the element.
        contents: escaped unless they are markup.
        attributes: ``class_`` stands for ``class`` and ``data_claim`` for ``data-claim``; True is an attribute without
            value, False and None leave it out.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items() if value not in (None, False))
    if name in VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(contents)}</{name}>")


def _attribute(key: str, value: str | bool | None) -> str:
    name = key.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value), quote=True)}"'


def link(address: str, content: Content) -> Markup:
    """A link; the only way in which the page names another place."""
    return tag("a", content, href=address)
