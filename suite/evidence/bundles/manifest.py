"""What a bundle says of itself: ``manifest.json``, format 1.

===========  ==========================================================================================
``format``   1
``profiles`` the scales its cells were asked for at, each as data: name, scope, summary, seeds, device,
             networks, sections, deviations
``commits``  of the source that computed the cells
``date``     when the last of them was finished, ISO 8601
``machines`` that computed them, in words
``command``  which computes the same from nothing
``cells``    by key: ``study, seed, label, question``, and ``left_out`` with size and SHA-256 of every file
             of the cell that is not in the bundle (weights)
``files``    by path: ``bytes`` and ``sha256``
``sum``      SHA-256 of all of the above as canonical JSON
===========  ==========================================================================================

Nothing in it depends on when, where or by whom it was packed: the same evidence gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError
from suite.evidence.bundles.archive import Refused
from suite.evidence.cell import digest
from suite.evidence.draft import ARRAYS, LOG, METRICS, RECORD
from suite.evidence.seal import SEAL

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
MANIFEST = "manifest.json"
LARGEST = 2**26  # bytes of a manifest
KEPT = (RECORD, METRICS, ARRAYS, LOG, SEAL)
NEEDED = (RECORD, METRICS, ARRAYS, SEAL)
_KEY = r"[A-Za-z0-9_][A-Za-z0-9_.]*-[0-9a-f]{20}"
_PLACE = re.compile(rf"cells/({_KEY})/({'|'.join(map(re.escape, KEPT))})")
_STAMP = {"bytes": int, "sha256": str}
_FIELDS = {"commits": list, "machines": list, "profiles": list, "date": str, "command": str}


def stamp(content: bytes) -> dict[str, Any]:
    """Size and SHA-256 of a file's content."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def place(path: str) -> tuple[str, str]:
    """Key and file name of a path in a bundle.

    Raises:
        Refused: it is no path of a cell's file, so it could lead anywhere.
    """
    found = _PLACE.fullmatch(path)
    if found is None:
        raise Refused(f"{path!r} in it is no file of a cell")
    return found[1], found[2]


def sealed(manifest: Mapping[str, Any]) -> bytes:
    """A manifest as it is written, with its sum."""
    whole = {**manifest, "sum": digest(dict(manifest))}
    return (json.dumps(whole, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n").encode()


def parse(content: bytes) -> dict[str, Any]:
    """A manifest whose sum is right and whose every part is of the kind it should be.

    Raises:
        Refused: it is not one; a few words say why.
    """
    try:
        return _checked(json.loads(content))
    except Refused:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SuiteError) as fault:
        raise Refused(f"its manifest cannot be read ({type(fault).__name__}: {fault})") from None


def _checked(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict) or "format" not in found:
        raise Refused("its manifest is none of ours")
    if found["format"] != FORMAT:
        raise Refused(f"it has format {found['format']!r}, this program reads {FORMAT}")
    if found.pop("sum", None) != digest(found):
        raise Refused("its manifest was edited")
    _require_parts(found)
    return found


def _require_parts(manifest: Mapping[str, Any]) -> None:
    for name, kind in _FIELDS.items():
        if not isinstance(manifest[name], kind):
            raise Refused(f"its manifest is none of ours: {name} is {type(manifest[name]).__name__}")
    files: dict[str, set[str]] = {}
    for path, entry in manifest["files"].items():
        key, name = place(path)
        if any(not isinstance(entry[part], kind) for part, kind in _STAMP.items()) or entry["bytes"] < 0:
            raise Refused(f"its manifest has no size and digest of {path!r}")
        files.setdefault(key, set()).add(name)
    for key, cell in manifest["cells"].items():
        if not files.get(key, set()).issuperset(NEEDED):
            raise Refused(f"its cell {key} lacks files")
        if not isinstance(cell["question"], str):
            raise Refused(f"its manifest has no question of cell {key}")
    unnamed = files.keys() - manifest["cells"].keys()
    if unnamed:
        raise Refused(f"it holds files of {min(unnamed)}, which it does not name")
    questions = [cell["question"] for cell in manifest["cells"].values()]
    if len(set(questions)) < len(questions):
        raise Refused("it holds two cells of one question, and nothing says which counts")
