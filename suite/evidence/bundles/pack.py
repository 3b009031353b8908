"""Pack finished cells into a bundle: everything that is judged and shown, nothing that only serves to compute on."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError
from suite.evidence.bundles import archive
from suite.evidence.bundles.manifest import FORMAT, KEPT, MANIFEST, sealed, stamp
from suite.evidence.cell import digest
from suite.evidence.draft import RECORD
from suite.evidence.seal import SEAL, Damaged, read_seal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from suite.evidence.store import Store
    from suite.profile import Profile


@dataclass(frozen=True)
class Packed:
    """What a bundle became.

    Attributes:
        cells: how many it holds.
        size: of the file, bytes.
        left_out: bytes of weights that stayed behind.
        sha256: of the file.
        manifest: what it says of itself.
    """

    cells: int
    size: int
    left_out: int
    sha256: str
    manifest: Mapping[str, Any]


def pack(path: Path, store: Store, keys: Collection[str], profiles: Sequence[Profile], command: str) -> Packed:
    """Write a bundle of finished cells, each verified against its seal on the way.

    Args:
        path: ``.tar.gz`` or ``.zip``; replaced in one step if it exists.
        store: where the cells are.
        keys: which cells.
        profiles: the scales they were asked for at.
        command: which computes the same from nothing.

    Raises:
        Damaged: a cell is not as it was written.
        SuiteError: there is nothing to pack, or the name is of no archive.
    """
    archive.require_name(path)
    if not keys:
        raise SuiteError(f"nothing to pack: no cell is finished; {command} computes them")
    members: dict[str, bytes] = {}
    cells: dict[str, Any] = {}
    environments: list[Mapping[str, Any]] = []
    finished: list[str] = []
    for key in sorted(keys):
        content, seal, left_out = _cell(store.folder(key), key)
        members |= {f"cells/{key}/{name}": content[name] for name in sorted(content)}
        record = json.loads(content[RECORD])
        cells[key] = {name: record.get(name, "") for name in ("study", "seed", "label", "question")}
        cells[key]["left_out"] = left_out
        environments.append(record["environment"])
        finished.append(seal.get("finished", ""))
    manifest = {
        "format": FORMAT,
        "profiles": [data_of(profile) for profile in profiles],
        "commits": sorted({str(where.get("commit", "unknown")) for where in environments}),
        "date": max(finished),
        "machines": sorted({machine_of(where) for where in environments}),
        "command": command,
        "cells": cells,
        "files": {name: stamp(content) for name, content in members.items()},
    }
    whole = archive.packed(path.name, {MANIFEST: sealed(manifest), **members})
    _replace(path, whole)
    weights = sum(one["bytes"] for cell in cells.values() for one in cell["left_out"].values())
    return Packed(len(cells), len(whole), weights, hashlib.sha256(whole).hexdigest(), manifest)


def _cell(folder: Path, key: str) -> tuple[dict[str, bytes], dict[str, Any], dict[str, Any]]:
    """Files of a cell by name with a seal of their own, that seal, and what it leaves out."""
    seal = read_seal(folder, key)
    if seal["status"] != "done":
        raise SuiteError(f"cell {key} is {seal['status']}: only finished cells are packed")
    kept = {name: (folder / name).read_bytes() for name in KEPT if name in seal["files"]}
    for name, content in kept.items():
        if stamp(content) != seal["files"][name]:
            raise Damaged(f"cell {key} in {folder} changed while it was packed: try again")
    left_out = {name: entry for name, entry in seal["files"].items() if name not in kept}
    packed = {**seal, "files": {name: seal["files"][name] for name in kept}}
    if left_out:
        packed["left_out"] = left_out
    text = json.dumps(packed | {"sum": digest(packed)}, indent=1, allow_nan=False) + "\n"
    return kept | {SEAL: text.encode()}, packed, left_out


def data_of(profile: Profile) -> dict[str, Any]:
    """A profile as JSON data, without anything that is a matter of this machine."""
    return {
        "name": profile.name,
        "scope": profile.scope,
        "summary": profile.summary,
        "seeds": list(profile.seeds),
        "device": profile.device,
        "networks": profile.networks,
        "sections": profile.sections,
        "deviations": [{"what": entry.what, "paper": entry.paper, "ours": entry.ours} for entry in profile.deviations],
    }


def machine_of(environment: Mapping[str, Any]) -> str:
    """The machine that computed a cell, in words."""
    words = [environment.get("gpu"), environment.get("system"), environment.get("processor")]
    words += [f"{environment['cores']} cores"] if "cores" in environment else []
    words += [f"Python {environment['python']}"] if "python" in environment else []
    return ", ".join(str(word) for word in words if word) or "unknown machine"


def _replace(path: Path, content: bytes) -> None:
    """Write a file of which nobody ever sees half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.chmod(0o644)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
