"""Checksums of what a pass leaves to go on from: files that were changed meanwhile are of no use."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError
from suite.measure.stream import FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CHUNK = 2**22  # bytes that are read at a time


class Sums:
    """Checksums of the files of a stream; its features only grow, so that each byte is summed up once."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet.

        Args:
            folder: where the stream and its features are.
        """
        self._folder = folder
        self._grown: dict[str, tuple[int, Any]] = {}

    def of(self, stream: str) -> dict[str, tuple[int, str]]:
        """Bytes and SHA-256 by name: of a saved stream, and of all features there are."""
        found = {stream: self._whole(stream)}
        for path in sorted(self._folder.glob(f"{FOLDER}/*")):
            name = str(path.relative_to(self._folder))
            size, total = self._grown.get(name, (0, hashlib.sha256()))
            end = path.stat().st_size
            self._add(total, name, size, end)
            self._grown[name] = end, total
            found[name] = end, total.hexdigest()
        return found

    def require(self, known: Mapping[str, Sequence[Any]]) -> None:
        """Hold files to what `of` said of them; features may have grown since.

        Raises:
            SuiteError: one has other content, or less.
        """
        for name, (size, expected) in known.items():
            total = hashlib.sha256()
            self._add(total, name, 0, size)
            if total.hexdigest() != expected:
                raise SuiteError(f"{name} of its checkpoint has other content than when it was written")
            self._grown[name] = size, total

    def _whole(self, name: str) -> tuple[int, str]:
        size, total = (self._folder / name).stat().st_size, hashlib.sha256()
        self._add(total, name, 0, size)
        return size, total.hexdigest()

    def _add(self, total: Any, name: str, first: int, end: int) -> None:
        with (self._folder / name).open("rb") as stream:
            stream.seek(first)
            while first < end:
                piece = stream.read(min(CHUNK, end - first))
                if not piece:
                    return
                total.update(piece)
                first += len(piece)
