"""Files that authors released: what each holds, and where it is read if nobody has a copy at hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray


class Table(Protocol):
    """What a released file says once it is read."""

    @property
    def file(self) -> str:
        """Folder and name inside the release."""

    def figures(self) -> Mapping[str, NDArray[Any]]:
        """Its figures by column, first row first: from them an equal table can be made."""


T = TypeVar("T", bound=Table)


@dataclass(frozen=True)
class Original(Generic[T]):
    """A released file: where it stands, and the figures of it that come with the claims.

    Attributes:
        repository: address of the repository.
        commit: at which its figures were taken.
        file: path inside the repository.
        lines: how many the file has.
        sha256: of its bytes, in hexadecimal; empty where the bytes were not at hand.
        read: reads a copy of the file.
        embedded: gives the same table from the figures that come with the claims.
    """

    repository: str
    commit: str
    file: str
    lines: int
    sha256: str
    read: Callable[[Path], T]
    embedded: Callable[[], T]

    @property
    def short(self) -> str:
        """Folder and name: how figures of the file are cited."""
        return "/".join(self.file.split("/")[-2:])

    def table(self, folders: Iterable[Path]) -> T:
        """What the file says: a copy in one of the folders, where there is one and it can be read, else the figures.

        A missing or damaged copy is not reported here, where many ask, but once, by `check`.
        """
        path = find(folders, self.file)
        if path is None:
            return self.embedded()
        try:
            return self.copy(path)
        except SuiteError:
            return self.embedded()

    def copy(self, path: Path) -> T:
        """What a copy says, parsed once as long as it stays as it is.

        Raises:
            SuiteError: it is damaged; names the file, the line and what is wrong there.
        """
        state = path.stat()
        table: T = _parsed(self.read, path, state.st_mtime_ns, state.st_size)
        return table


@lru_cache(maxsize=64)
def _parsed(read: Callable[[Path], Any], path: Path, _modified: int, _size: int) -> Any:
    return read(path)


def find(folders: Iterable[Path], file: str) -> Path | None:
    """A copy of a released file: in the folders, clones or parts of one, or in a folder of clones, one level down.

    Args:
        folders: where to look, the first one first.
        file: path inside the repository; leading folders may be missing in a copy, all but the last one.

    Returns:
        The first copy found, or None.
    """
    parts = file.split("/")
    tails = ["/".join(parts[start:]) for start in range(max(1, len(parts) - 1))]
    for folder in folders:
        below = sorted(inner for inner in folder.iterdir() if inner.is_dir()) if folder.is_dir() else []
        for base in (folder, *below):
            for tail in tails:
                if (base / tail).is_file():
                    return base / tail
    return None
