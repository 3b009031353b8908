"""Open a bundle: verify everything, unpack it once beside the evidence, then read it like any other cells."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError
from suite.evidence.bundles import archive
from suite.evidence.bundles.archive import Refused
from suite.evidence.bundles.manifest import LARGEST, MANIFEST, parse, place, stamp
from suite.evidence.cell import digest
from suite.evidence.disk import writing
from suite.evidence.draft import ARRAYS, RECORD
from suite.evidence.seal import SEAL, Damaged, read_seal
from suite.evidence.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "bundles"
_SHOWN = 12  # digits of a commit
_LARGEST_ARRAYS = 2**31  # bytes that the arrays of one cell may unpack to
_BESIDE_IDENTITY = ("label", "question", "environment")


@dataclass(frozen=True)
class Bundle:
    """Somebody's finished cells, verified and only ever read.

    Attributes:
        name: of its file.
        digest: SHA-256 of its file.
        store: its cells.
        manifest: what it says of itself.
        address: where it was fetched; empty for a file of this machine.
    """

    name: str
    digest: str
    store: Store
    manifest: Mapping[str, Any]
    address: str = ""

    @property
    def origin(self) -> str:
        """The file, the code, the day and the machine, in words; the same for all its cells."""
        commits = ", ".join(commit[:_SHOWN] for commit in self.manifest["commits"])
        machines = " and ".join(self.manifest["machines"])
        return f"{self.name}, sha256 {self.digest[:8]} (commit {commits}; {self.manifest['date'][:10]}; {machines})"

    def require_unchanged(self, key: str) -> None:
        """Check that a cell's files still are what the manifest says.

        Raises:
            Damaged: one was edited where the bundle is unpacked, even if it was sealed again.
        """
        for path, expected in self.manifest["files"].items():
            if path.startswith(f"cells/{key}/") and stamp((self.store.root / path).read_bytes()) != expected:
                raise Damaged(f"{path} is not what the bundle holds")

    @cached_property
    def keys(self) -> dict[str, str]:
        """The key of the cell that answers a question, by question."""
        return {cell["question"]: key for key, cell in self.manifest["cells"].items()}

    @property
    def holds(self) -> str:
        """What it holds, in a few words."""
        profiles = ", ".join(str(profile.get("name")) for profile in self.manifest["profiles"])
        return f"{len(self.manifest['cells'])} cells of profile {profiles}"


def is_address(text: str) -> bool:
    """Whether a text is the address of a web server's file, not a path."""
    return text.startswith(("http://", "https://"))


def open_given(given: str, root: Path) -> Bundle:
    """A bundle as it is asked for: a file, or an address (see :func:`suite.evidence.bundles.remote.fetch`).

    Raises:
        SuiteError: it cannot be had, or is no bundle.
        Unwritable: it cannot be kept.
    """
    if not is_address(given):
        return open_bundle(Path(given), root)
    from suite.evidence.bundles.remote import fetch  # noqa: PLC0415 - what reads the web is slow to import

    return replace(open_bundle(fetch(given, root), root), address=given.partition("#")[0])


def open_bundle(path: Path, root: Path) -> Bundle:
    """Verify a bundle and unpack it under ``root/bundles/DIGEST``, unless it was before.

    Args:
        path: the file.
        root: the evidence's root folder.

    Raises:
        SuiteError: it is no bundle, truncated, edited, of another format, or holds what no bundle holds; one line
            says which, and nothing of it was kept.
        Unwritable: it cannot be unpacked there.
    """
    if not path.is_file():
        raise SuiteError(f"{path}: there is no such bundle")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    folder = root / FOLDER / found[:20]
    try:
        if not folder.is_dir():
            _unpack(path, folder, root)
        manifest = _announced(path)  # of the file itself: what lies unpacked may have been edited since
    except Refused as reason:
        raise SuiteError(f"{path} is not read as a bundle: {reason}") from None
    return Bundle(path.name, found, Store(folder), manifest)


def _announced(path: Path) -> dict[str, Any]:
    """The manifest that a bundle's file begins with."""
    with archive.readable():
        for name, size, stream in archive.members(path):
            if name == MANIFEST and size <= LARGEST:
                return parse(stream.read(LARGEST))
            break
    raise Refused(f"it does not begin with {MANIFEST}")


def _unpack(path: Path, folder: Path, root: Path) -> None:
    """Unpack into a folder that appears in one step, once everything in it was verified."""
    with writing(root):
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
    try:
        with writing(root), archive.readable():
            _write(path, draft)
        _verify(draft)
        with writing(root):
            if not folder.is_dir():  # another process may have been faster: it unpacked the same bytes
                draft.chmod(0o755)
                draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(path: Path, draft: Path) -> None:
    """Write what the manifest announces, each file of the size and digest that it gives, and nothing else."""
    manifest: dict[str, Any] = {}
    due: dict[str, Any] = {}
    for name, size, stream in archive.members(path):
        if not manifest:
            if name != MANIFEST or size > LARGEST:
                raise Refused(f"it does not begin with {MANIFEST}")
            content = stream.read(LARGEST)
            manifest = parse(content)
            due = dict(manifest["files"])
            _require_room(sum(entry["bytes"] for entry in due.values()), path, draft)
            (draft / MANIFEST).write_bytes(content)
            continue
        place(name)
        expected = due.pop(name, None)
        if expected is None:
            raise Refused(f"its manifest does not name {name!r}, or it is there twice")
        content = stream.read(expected["bytes"] + 1)
        if size != expected["bytes"] or stamp(content) != expected:
            raise Refused(f"{name} is not what its manifest says")
        target = draft / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    if not manifest:
        raise Refused("it is empty")
    if due:
        raise Refused(f"{len(due)} of its files are missing, {min(due)} is the first")


def _require_room(size: int, path: Path, draft: Path) -> None:
    if size > archive.limit_of(path):
        raise Refused(f"it unpacks to more than {archive.RATIO} times its size")
    if size > shutil.disk_usage(draft).free:
        raise Refused(f"it needs {size / 2**20:,.0f} MiB, more than the disk has")


def _verify(folder: Path) -> None:
    """Check every cell: its seal, its key against its identity, its question against what it was made from.

    Raises:
        Refused: one is not what it says it is.
    """
    cells = parse((folder / MANIFEST).read_bytes())["cells"]
    records = {key: _record(folder / "cells" / key, key) for key in cells}
    for key, record in records.items():
        if record.get("question") != cells[key]["question"] or _question(key, records) != cells[key]["question"]:
            raise Refused(f"its cell {key} answers another question than it says")


def _record(folder: Path, key: str) -> dict[str, Any]:
    try:
        seal = read_seal(folder, key)
        if seal["status"] != "done":
            raise Refused(f"its cell {key} is {seal['status']}, not done")
        if seal["files"].keys() | {SEAL} != {file.name for file in folder.iterdir()}:
            raise Refused(f"its cell {key} holds other files than its seal says")
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        identity = {name: value for name, value in record.items() if name not in _BESIDE_IDENTITY}
        if key != f"{identity['study']}-{digest(identity)[:20]}":
            raise Refused(f"its cell {key} is another cell: what it says of itself gives another key")
        with zipfile.ZipFile(folder / ARRAYS) as arrays:
            if sum(info.file_size for info in arrays.infolist()) > _LARGEST_ARRAYS:
                raise Refused(f"the arrays of its cell {key} are implausibly large")
    except Damaged:
        raise Refused(f"its cell {key} is damaged") from None
    except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, OSError) as fault:
        raise Refused(f"its cell {key} cannot be read ({type(fault).__name__}: {fault})") from None
    return record


def _question(key: str, records: Mapping[str, dict[str, Any]]) -> str:
    """The question that a cell answers, from its identity and those of its needs; as recorded if one is not here."""
    record = records[key]
    if any(need not in records for need in record["needs"].values()):
        return str(record["question"])
    asked = {name: record[name] for name in ("study", "spec", "seed")}
    return digest(asked | {"needs": {role: _question(need, records) for role, need in record["needs"].items()}})[:20]
