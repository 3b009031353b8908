"""Make the embedded figures from clones: `python -m claims.published CLONE...`, run where the claims lie.

Every file must be there and whole. Figures are taken to the last bit; what they come from is in `sources.json`, where
`git diff` shows whether a clone holds another file than the one whose figures come with the claims.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from claims.papers import DISTILLATION_DYNAMICS, ENCODING_MISMATCH
from claims.published.originals import FOLDER, LOGGED, ORIGINALS, SOURCES, archive
from suite.errors import SuiteError
from suite.evidence.released.check import digest
from suite.evidence.released.original import find

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from suite.evidence.released import Original

PAPERS = (DISTILLATION_DYNAMICS, ENCODING_MISMATCH)


def embed(folders: Sequence[Path], to: Path = FOLDER) -> None:
    """Write the archives of figures and what is known of their sources.

    Args:
        folders: clones, or folders of clones.
        to: where to write.

    Raises:
        SuiteError: a file is missing or damaged.
    """
    sources: dict[str, dict[str, Any]] = {}
    for paper in PAPERS:
        columns: dict[str, NDArray[Any]] = {}
        for original in ORIGINALS:
            if original.repository != paper.repository:
                continue
            path = find(folders, original.file)
            if path is None:
                raise SuiteError(f"{original.file} is in none of the folders: clone {original.repository} whole")
            lines, sha256 = digest(path)
            sources[original.file] = {
                "repository": original.repository,
                "commit": original.commit,
                "lines": lines,
                "sha256": sha256,
            }
            columns |= {f"{original.file}:{name}": column for name, column in _kept(original, path).items()}
        np.savez_compressed(to / archive(paper).name, allow_pickle=False, **columns)
    (to / SOURCES.name).write_text(json.dumps(sources, indent=1) + "\n", encoding="utf-8")


def _kept(original: Original[Any], path: Path) -> dict[str, NDArray[Any]]:
    """The figures of a file; of a log, the quantities that are judged."""
    figures: dict[str, NDArray[Any]] = original.copy(path).figures()
    return {name: column for name, column in figures.items() if "epoch" not in figures or name in LOGGED}


if __name__ == "__main__":
    try:
        embed([Path(name) for name in sys.argv[1:]])
    except SuiteError as fault:
        sys.exit(f"claims.published: {fault}")
