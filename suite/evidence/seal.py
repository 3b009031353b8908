"""The seal of a cell: size and SHA-256 of its every file, so that what was damaged is named and never read."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError
from suite.evidence.cell import digest
from suite.evidence.disk import sync

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
SEAL = "seal.json"


class Damaged(SuiteError):
    """A cell on disk is not what was written."""


def write_json(path: Path, value: Any) -> None:
    """Write JSON through a temporary name, so that a reader never sees half a file."""
    draft = path.with_name(path.name + ".draft")
    draft.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_seal(folder: Path, record: dict[str, Any], *, leave_out: Path) -> None:
    """Seal the files of a folder and wait until all of them are on the disk.

    Args:
        folder: what to seal.
        record: what else the seal says.
        leave_out: a folder in it that is no part of the cell.
    """
    paths = sorted(path for path in folder.rglob("*") if leave_out not in (path, *path.parents))
    files = [path for path in paths if path.is_file() and path != folder / SEAL]
    sealed = record | {
        "format": FORMAT,
        "files": {
            str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": _sha256(path)} for path in files
        },
    }
    write_json(folder / SEAL, sealed | {"sum": digest(sealed)})
    folders = [path for path in paths if path.is_dir()]
    for path in (*files, folder / SEAL, *folders, folder):
        sync(path)


def _read_seal(folder: Path, key: str) -> dict[str, Any]:
    try:
        seal = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Damaged("it has no seal") from None
    except (OSError, ValueError) as error:
        raise Damaged(f"its seal cannot be read ({error})") from None
    if not isinstance(seal, dict):
        raise Damaged("its seal is not one")
    if seal.get("format", FORMAT) != FORMAT:
        raise Damaged(f"it has format {seal['format']}, this program reads {FORMAT}")
    try:
        honest = seal.pop("sum", None) == digest(seal)
    except SuiteError:  # NaN or the like, which no seal ever held
        honest = False
    if not honest:
        raise Damaged("its seal was edited")
    if seal["key"] != key:
        raise Damaged(f"the folder holds cell {seal['key']}")
    return seal


def _verify(folder: Path, key: str) -> dict[str, Any]:
    seal = _read_seal(folder, key)
    for name, expected in seal["files"].items():
        path = folder / name
        if not path.is_file():
            raise Damaged(f"{name} is gone")
        if path.stat().st_size != expected["bytes"]:
            raise Damaged(f"{name} has {path.stat().st_size:,} of {expected['bytes']:,} bytes")
        if _sha256(path) != expected["sha256"]:
            raise Damaged(f"{name} was changed after it was written")
    return seal


def sum_of(folder: Path) -> str:
    """The sum of a cell's seal, which changes with every byte of the cell; nothing is verified."""
    return str(json.loads((folder / SEAL).read_text(encoding="utf-8"))["sum"])


def read_seal(folder: Path, key: str) -> dict[str, Any]:
    """The seal of a cell whose every file is as it was written.

    Raises:
        Damaged: a file is missing, truncated or edited, the seal is, or it is another cell's or another
            format's; one line with the folder and what to do.
    """
    try:
        return _verify(folder, key)
    except OSError as error:
        reason = f"it cannot be read ({error})"
    except Damaged as error:
        reason = str(error)
    raise Damaged(
        f"cell {key} in {folder} is damaged: {reason}; run it again to compute it anew (what is there is kept aside)"
    )
