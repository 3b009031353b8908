"""The view beside the evidence: rebuilt whole whenever a row changed, and put in place in one step.

Under the evidence's root: ``mlflow/mlflow.db`` (sqlite), ``mlflow/artifacts/``, ``mlflow/built.json`` (what it was
built from), ``mlflow/lock``. One experiment a paper, one run a cell, one summary run a criterion (`rows`).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from suite.errors import SuiteError
from suite.evidence.cell import digest
from suite.show.files import replace_text
from suite.show.mlflow.rows import experiment_name, rows
from suite.show.mlflow.views import shared_views
from suite.show.mlflow.writer import Written, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from suite.assess import Assessment
    from suite.claim import Paper
    from suite.show.mlflow.rows import Row

_PATIENCE = 300.0  # seconds to wait for another process that exports
_BUILDING = "building-"
_EMPTY = "empty.db"  # a database without runs: making one takes MLflow ten seconds, copying it none


def folder(root: Path) -> Path:
    """Where the view lies, an absolute path."""
    return root.resolve() / "mlflow"


def database(root: Path) -> Path:
    """The view's database."""
    return folder(root) / "mlflow.db"


def built(root: Path) -> dict[str, Any]:
    """What the view was built from: ``content``, ``place``, ``experiments`` (id by name), ``claims`` (see `sync`)."""
    try:
        known: dict[str, Any] = json.loads((folder(root) / "built.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if database(root).is_file() else {}


def sync(root: Path, assessments: Sequence[Assessment], *, rebuild: bool = False) -> Written | None:
    """Let the view hold just what the assessments say; nothing is done, and MLflow not loaded, where it does.

    A UI that is running sees the old runs or the new ones; a crash leaves the old ones.

    Args:
        root: the evidence's root folder.
        assessments: everything the view shall show, all criteria of each claim.
        rebuild: build it even if it is up to date.

    Returns:
        What was written; None if the view was up to date.

    Raises:
        SuiteError: MLflow is not installed, another process holds the view, or it cannot be replaced.
    """
    wanted = rows(assessments, figures=root / "report" / "figures")
    papers = {experiment_name(paper): paper for paper in (a.claim.papers[0] for a in assessments)}
    content = digest([row.identity for row in wanted])
    with _only_writer(root):
        known = built(root)
        if not rebuild and (known.get("content"), known.get("place")) == (content, str(folder(root))):
            return None
        done = _build(root, wanted, papers, known.get("experiments", {}))
        claims = {
            a.claim.key: {
                "experiment": done.experiments[experiment_name(a.claim.papers[0])],
                "methods": _methods(wanted, a.claim.key),
            }
            for a in assessments
        }
        said = {"content": content, "place": str(folder(root)), "experiments": done.experiments, "claims": claims}
        replace_text(folder(root) / "built.json", json.dumps(said, indent=1) + "\n")
    return done


def export(uri: str, root: Path, assessments: Sequence[Assessment]) -> Written:
    """Write the same runs to a tracking server that others use; what others wrote there is left alone.

    Args:
        uri: the server's address.
        root: the evidence's root folder, for the figures.
        assessments: everything to be shown there.

    Raises:
        SuiteError: the server cannot be reached or refuses; run again, and only what is missing is written.
    """
    wanted = rows(assessments, figures=root / "report" / "figures")
    papers = {experiment_name(paper): paper for paper in (a.claim.papers[0] for a in assessments)}
    return write(uri, wanted, dict(sorted(papers.items())), views=_views(wanted))


def _methods(wanted: Sequence[Row], claim: str) -> int:
    """How many methods the cells of a claim differ in."""
    return len({row.tags.get("method") for row in wanted if claim in row.claims and row.tags["kind"] == "cell"})


def _views(wanted: Sequence[Row]) -> dict[str, dict[str, str]]:
    """Tags that prepare views of every claim, by experiment."""
    found: dict[str, dict[str, str]] = {}
    for row in wanted:
        for claim in sorted(row.claims):
            found.setdefault(row.experiment, {}).update(shared_views(claim))
    return found


@contextlib.contextmanager
def _only_writer(root: Path) -> Iterator[None]:
    """Hold the view; the system frees it when the process dies."""
    folder(root).mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder(root) / "lock", timeout=_PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise SuiteError(
            f"another process has been exporting to {folder(root)} for {_PATIENCE:g} s: wait for it and try again"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _build(root: Path, wanted: Sequence[Row], papers: Mapping[str, Paper], numbers: Mapping[str, str]) -> Written:
    """Build a whole view under another name, then copy it over the old one in one transaction."""
    for left in folder(root).glob(f"{_BUILDING}*"):  # by a process that was killed
        shutil.rmtree(left)
    ordered = sorted(papers, key=lambda name: (int(numbers.get(name, len(numbers) + 1)), name))  # each keeps its id
    with tempfile.TemporaryDirectory(dir=folder(root), prefix=_BUILDING) as place:
        path = Path(place) / "mlflow.db"
        _start_from_empty(folder(root) / _EMPTY, path)
        artifacts = (folder(root) / "artifacts").as_uri()
        named = {name: papers[name] for name in ordered}
        before = set((folder(root) / "artifacts").glob("*/*"))
        done = write(f"sqlite:///{path}", wanted, named, artifacts=artifacts, views=_views(wanted))
        _put_in_place(path, database(root))
    for orphan in before:  # files of the runs that were replaced
        shutil.rmtree(orphan)
    return done


def _start_from_empty(empty: Path, path: Path) -> None:
    """Copy a database without runs, which is made once for each version of MLflow."""
    from importlib.metadata import version  # noqa: PLC0415 - only here

    kept = empty.with_name(f"{empty.stem}-{version('mlflow')}{empty.suffix}")
    if not kept.is_file():
        draft = path.with_name("empty.db")
        write(f"sqlite:///{draft}", (), {})
        for older in empty.parent.glob(f"{empty.stem}-*{empty.suffix}"):
            older.unlink()
        draft.replace(kept)
    shutil.copyfile(kept, path)


def _put_in_place(new: Path, old: Path) -> None:
    """Overwrite a database within one transaction of its own: whoever has it open keeps a valid file."""
    with contextlib.closing(sqlite3.connect(new)) as source, contextlib.closing(sqlite3.connect(old)) as target:
        try:
            source.backup(target)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise SuiteError(f"{old} cannot be replaced ({error}): try again") from error
            shutil.copyfile(new, old)  # what lies there is no database, so nothing can be lost in it
