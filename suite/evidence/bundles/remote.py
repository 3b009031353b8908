"""A bundle that lies on a web server: fetched once into the evidence, never more than a limit, never for ever."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
)

from suite.errors import SuiteError
from suite.evidence.bundles import archive
from suite.evidence.disk import writing

if TYPE_CHECKING:
    from typing import IO

FOLDER = Path("bundles") / "fetched"
LIMIT = 2**30  # bytes of a bundle; the desk's has a few millions
PATIENCE = 30.0  # seconds in which a server must say something
DEADLINE = 1800.0  # seconds that fetching may take in all
_PINNED = re.compile(r"sha256=([0-9a-f]{64})")
_PIECE = 2**18


def fetch(
    address: str, root: Path, *, limit: int = LIMIT, patience: float = PATIENCE, deadline: float = DEADLINE
) -> Path:
    """Fetch a file into ``root/bundles/fetched``, under its digest.

    Args:
        address: ``http://`` or ``https://``; after ``#sha256=`` the digest that the file must have. A file that was
            fetched before is used again only under such a digest: anything else may have changed.
        root: the evidence's root folder.
        limit: bytes that are fetched at most.
        patience: seconds in which the server must say something.
        deadline: seconds that it may take in all.

    Returns:
        The file.

    Raises:
        SuiteError: it could not be fetched, is larger than the limit, or has another digest; one line says which.
        Unwritable: the evidence cannot be written.
    """
    address, _, fragment = address.partition("#")
    pinned = _PINNED.fullmatch(fragment)
    if fragment and pinned is None:
        raise SuiteError(f"{address}#{fragment}: after # comes sha256= and 64 hexadecimal digits, or nothing")
    name = Path(unquote(urlsplit(address).path)).name
    archive.require_name(Path(name or address))
    folder = root / FOLDER
    if pinned and (kept := _place(folder, pinned[1], name)).is_file() and _digest(kept) == pinned[1]:
        return kept
    with writing(root):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=folder, prefix=".fetching-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            found = _copied(address, stream, root, _Bounds(limit, patience, time.monotonic() + deadline))
        if pinned and found != pinned[1]:
            raise SuiteError(f"{address} is another file: its sha256 is {found}, not {pinned[1]}")
        place = _place(folder, found, name)
        with writing(root):
            place.parent.mkdir(exist_ok=True)
            Path(draft).replace(place)
    finally:
        Path(draft).unlink(missing_ok=True)
    return place


def _place(folder: Path, digest: str, name: str) -> Path:
    return folder / digest[:20] / name


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class _Bounds:
    """How much, and how long."""

    def __init__(self, limit: int, patience: float, until: float) -> None:
        self.limit, self.patience, self.until = limit, patience, until

    def require_size(self, size: int, address: str) -> None:
        """Refuse a file that is, or says that it is, larger than the limit."""
        if size > self.limit:
            raise SuiteError(
                f"{address} is larger than {self.limit / 2**20:,.0f} MiB: fetch it yourself if you trust it"
            )

    def require_time(self, address: str) -> None:
        """Refuse to wait for ever for a server that sends a byte now and then."""
        if time.monotonic() > self.until:
            raise SuiteError(f"{address}: the server takes too long: fetch it yourself, then give the file")


def _copied(address: str, stream: IO[bytes], root: Path, bounds: _Bounds) -> str:
    """Copy what a server sends; its SHA-256."""
    try:
        with _opener().open(address, timeout=bounds.patience) as answer:
            return _pieces(address, answer, stream, root, bounds)
    except SuiteError:
        raise
    except HTTPError as fault:
        fault.close()
        raise SuiteError(f"{address}: the server says {fault.code} {fault.reason}") from None
    except URLError as fault:
        raise SuiteError(f"{address} cannot be reached: {fault.reason}") from None
    except TimeoutError:
        raise SuiteError(f"{address}: the server said nothing for {bounds.patience:g} s: try again") from None
    except (http.client.HTTPException, OSError, ValueError) as fault:
        raise SuiteError(f"{address} cannot be fetched: {type(fault).__name__}: {fault}") from None


def _pieces(address: str, answer: Any, stream: IO[bytes], root: Path, bounds: _Bounds) -> str:
    """Copy an answer as it comes; its SHA-256."""
    if answer.headers.get_content_type() == "text/html":
        raise SuiteError(f"{address} is a web page: give the address of the bundle itself")
    announced = answer.headers.get("Content-Length", "")
    size = int(announced) if announced.isdigit() else 0
    bounds.require_size(size, address)
    found, total = hashlib.sha256(), 0
    while piece := answer.read1(_PIECE):  # what has come, without waiting for more
        bounds.require_time(address)
        total += len(piece)
        bounds.require_size(total, address)
        found.update(piece)
        with writing(root):
            stream.write(piece)
    if total < size:
        raise SuiteError(f"{address} ended after {total:,} of {size:,} bytes: try again")
    return found.hexdigest()


def _opener() -> OpenerDirector:
    """What opens addresses of web servers and nothing else, wherever a server redirects to."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler,
        HTTPHandler,
        HTTPSHandler,
        HTTPRedirectHandler,
        HTTPErrorProcessor,
        HTTPDefaultErrorHandler,
    ):
        opener.add_handler(handler())
    return opener
