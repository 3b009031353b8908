"""One file of many: ``.tar.gz`` or ``.zip``. Equal content gives equal bytes, and nothing that is read is trusted."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TAR, ZIP = (".tar.gz", ".tgz"), (".zip",)
RATIO = 100  # evidence is numbers and compresses by less than 10; what unpacks to more than this is no evidence
FLOOR = 2**20  # bytes that any archive may unpack to
_MODE = 0o644
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first day that a zip file can name
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class Refused(SuiteError):
    """An archive that is not read; the message says why in a few words."""


def require_name(path: Path) -> None:
    """Check that a file's name says which kind of archive it is.

    Raises:
        SuiteError: it does not.
    """
    if not path.name.endswith((*TAR, *ZIP)):
        raise SuiteError(f"{path}: name a bundle .tar.gz or .zip")


def packed(name: str, members: Mapping[str, bytes]) -> bytes:
    """The archive as bytes, which depend on the members and the kind of archive alone (and on zlib's version).

    Args:
        name: of the file; its ending chooses the kind.
        members: content by path, written in this order.
    """
    buffer = io.BytesIO()
    if name.endswith(ZIP):
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for path, content in members.items():
                info = zipfile.ZipInfo(path, _EPOCH)
                info.external_attr = (stat.S_IFREG | _MODE) << 16
                info.create_system = 3  # Unix, whatever writes it
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, content)
        return buffer.getvalue()
    with (
        gzip.GzipFile("", "wb", 9, buffer, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, content in members.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), _MODE
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class _Limited(io.RawIOBase):
    """A stream that gives no more bytes than allowed, so that a header cannot ask for more memory either."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream, self._left = stream, limit

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self._left:
            size = self._left + 1
        found = self._stream.read(size)
        self._left -= len(found)
        if self._left < 0:
            raise Refused(f"it unpacks to more than {RATIO} times its size")
        return found


def limit_of(path: Path) -> int:
    """How many bytes an archive may unpack to."""
    return max(FLOOR, RATIO * path.stat().st_size)


@contextmanager
def readable() -> Iterator[None]:
    """Turn whatever a broken archive raises, when a member is read as well, into one line; raises Refused."""
    try:
        yield
    except (*_BROKEN, gzip.BadGzipFile) as fault:
        raise Refused(f"it is truncated or damaged ({fault})") from None


def members(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Path, size in bytes and content of every member, in the archive's order; nothing is written.

    Paths are as the archive gives them: whoever uses them must check them.

    Raises:
        Refused: it is no archive, truncated, holds anything but plain files, or unpacks to implausibly much.
    """
    with readable():
        if zipfile.is_zipfile(path):
            yield from _of_zip(path)
        else:
            yield from _of_tar(path)


def _of_zip(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > limit_of(path):
            raise Refused(f"it unpacks to more than {RATIO} times its size")
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.is_dir() or kind not in (0, stat.S_IFREG):
                raise Refused(f"{info.filename!r} in it is no plain file")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Refused(f"{info.filename!r} in it is packed as no bundle is")
            with archive.open(info) as stream:
                yield info.filename, info.file_size, stream


def _of_tar(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with gzip.open(path) as whole:
        limited = cast("IO[bytes]", _Limited(cast("IO[bytes]", whole), limit_of(path)))
        with tarfile.open(fileobj=limited, mode="r|") as archive:
            for entry in archive:
                stream = archive.extractfile(entry) if entry.isreg() else None
                if stream is None:
                    raise Refused(f"{entry.name!r} in it is no plain file")
                yield entry.name, entry.size, stream
        while limited.read(2**16):  # to its very end, where its checksum is
            pass
