"""A page as a test reads it."""

from __future__ import annotations

from html.parser import HTMLParser

from suite.show.page.markup import VOID


class Page(HTMLParser):
    """What a test wants to know of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, name, attrs):
        assert len({key for key, _ in attrs}) == len(attrs), f"<{name}> repeats an attribute: {attrs}"
        self.elements.append((name, dict(attrs)))
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name, attrs):
        self.elements.append((name, dict(attrs)))

    def handle_endtag(self, name):
        assert self.open, f"</{name}> closes nothing"
        assert self.open.pop() == name, f"</{name}> closes another element"

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def of(self, name: str, class_: str = "") -> list[dict[str, str | None]]:
        return [
            a for tag_, a in self.elements if tag_ == name and (not class_ or class_ in (a.get("class") or "").split())
        ]

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())
