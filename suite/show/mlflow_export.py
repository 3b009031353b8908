"""The MLflow view of the evidence: one writer, and rebuildable at any time, so that nothing can be lost in it.

Under the evidence's root: ``mlflow/mlflow.db`` (sqlite), ``mlflow/artifacts/``, ``mlflow/lock``. One experiment
a paper, one run a cell, one summary run a criterion (see :mod:`suite.show.mlflow_rows`), with the figure of the report
page and the claim's verdicts as its files (:mod:`suite.show.mlflow_files`).
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from suite.errors import SuiteError
from suite.evidence.cell import digest
from suite.show.mlflow_client import FINISHED, Client, Locked, opened, quiet
from suite.show.mlflow_files import attach
from suite.show.mlflow_names import listed, unlisted
from suite.show.mlflow_rows import NOTE, Row, cell_note, experiment_name, profile_name, rows
from suite.show.mlflow_store import database, experiments, folder
from suite.show.mlflow_ui import PORT, links, report_link, run_filter, shared_views, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from suite.assess import Assessment
    from suite.claim import Claim, Paper

__all__ = ["Synced", "attach_files", "database", "folder", "print_links", "serve", "sync"]

_PATIENCE = 300.0  # seconds to wait for another process that exports
_TRIES = 3  # a reader holds the database for moments, and MLflow waits for it each time
_BUILDING = "building-"
_VERDICT = "verdict."
_NAME = "mlflow.runName"
_KIND = "mlflow.experimentKind"  # of the two faces of the UI, the one for trained models

Asked = set[tuple[str, str]]
"""(claim, profile) pairs of which all cells are given."""


@dataclass
class Synced:
    """What a synchronisation did.

    Attributes:
        created: runs added.
        updated: runs that follow a changed verdict.
        unchanged: runs that were right already.
        experiments: experiment id by name.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    experiments: dict[str, str] = field(default_factory=dict)


def sync(root: Path, assessments: Sequence[Assessment], *, rebuild: bool = False) -> Synced:
    """Bring the view up to date; doing it twice changes nothing.

    Runs of earlier syncs stay. A cell on which a claim no longer stands is no longer shown under that claim.

    Args:
        root: the evidence's root folder.
        assessments: what the view shall show, all criteria of each claim.
        rebuild: build it anew, from these assessments alone, and put it in place of the old one in one step:
            a UI that is running sees the old runs or the new ones, a crash leaves the old ones.

    Raises:
        SuiteError: MLflow is not installed, another process holds the view, or it cannot be read.
    """
    wanted = rows(assessments)
    papers = {experiment_name(paper): paper for paper in (a.claim.papers[0] for a in assessments)}
    asked = {(assessment.claim.key, profile_name(assessment.profile)) for assessment in assessments}
    with quiet(), _only_writer(root):
        for last in (*[False] * (_TRIES - 1), True):
            try:
                done = _synced(root, wanted, papers, asked, rebuild=rebuild)
                break
            except Locked:  # what was written stays, and a run half written is written again
                if last:
                    raise
        attach(root, assessments)
    return done


def attach_files(root: Path, assessments: Sequence[Assessment]) -> None:
    """Bring the files of the summary runs up to date, for which MLflow is not needed."""
    if database(root).is_file():
        with _only_writer(root):
            attach(root, assessments)


def _synced(root: Path, wanted: Sequence[Row], papers: Mapping[str, Paper], asked: Asked, *, rebuild: bool) -> Synced:
    if not rebuild and database(root).is_file():
        with opened(database(root)) as client:
            if not _moved(client, root, papers):
                return _bring(client, root, wanted, papers, asked)
    return _build_beside(root, wanted, papers)


def serve(root: Path, *, port: int = PORT, claims: Sequence[Claim] = ()) -> int:
    """Run the UI until it ends, and print the links once it answers (see :func:`print_links`); its exit status."""
    return start(root, lambda: print_links(root, port=port, claims=claims), port=port)


def print_links(root: Path, *, port: int = PORT, claims: Sequence[Claim] = ()) -> None:
    """Print where the UI shows one claim, the one that compares most methods: side by side, and as charts by method."""
    numbers, methods = experiments(root), dict[str, int]()
    known = {claim.key: numbers.get(experiment_name(claim.papers[0])) for claim in claims}
    with quiet(), opened(database(root)) as client:
        for key, number in known.items():
            if number is not None:
                methods[key] = _methods(client, str(number), key)
    if not methods:
        raise SuiteError("the view holds none of these claims: python -m suite claims computes and shows them")
    claim = max(methods, key=lambda key: methods[key])
    for name, link in links(str(known[claim]), claim, port=port).items():
        print(f"{claim}, {name}: {link}")
    if (root / "report" / "index.html").is_file():
        print(f"the report page: {report_link(port)}")
    if len(methods) > 1:
        print("another claim: add -k CLAIM")
    sys.stdout.flush()  # whoever reads a pipe waits for this


def _methods(client: Client, experiment: str, claim: str) -> int:
    """How many methods the cells of a claim differ in."""
    matching = f"{run_filter(claim)} AND tags.kind = 'cell'"
    return len({run.data.tags.get("method") for run in client.runs(experiment, matching=matching)})


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


def _build_beside(root: Path, wanted: Sequence[Row], papers: Mapping[str, Paper]) -> Synced:
    """Build a whole view under another name, then copy it over the old one in one transaction."""
    for left in folder(root).glob(f"{_BUILDING}*"):  # by a process that was killed
        shutil.rmtree(left)
    old = experiments(root)
    papers = dict(sorted(papers.items(), key=lambda item: old.get(item[0], len(old) + 1)))  # each keeps its id
    with tempfile.TemporaryDirectory(dir=folder(root), prefix=_BUILDING) as place:
        path = Path(place) / "mlflow.db"
        with opened(path) as client:
            done = _bring(client, root, wanted, papers, set())
            known = {run.info.run_id for name in done.experiments.values() for run in client.runs(name)}
        _put_in_place(path, database(root))
    for orphan in (folder(root) / "artifacts").glob("*/*"):
        if orphan.name not in known:
            shutil.rmtree(orphan)
    return done


def _put_in_place(new: Path, old: Path) -> None:
    """Overwrite a database within one transaction of its own: whoever has it open keeps a valid file."""
    with contextlib.closing(sqlite3.connect(new)) as source, contextlib.closing(sqlite3.connect(old)) as target:
        try:
            source.backup(target)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise SuiteError(f"{old} cannot be replaced ({error}): try again") from error
            shutil.copyfile(new, old)  # what lies there is no database, so nothing can be lost in it


def _location(root: Path, paper: Paper) -> str:
    return (folder(root) / "artifacts" / paper.key).as_uri()


def _moved(client: Client, root: Path, papers: Mapping[str, Paper]) -> bool:
    """Whether the evidence folder was moved: MLflow stores absolute paths, which then lead nowhere."""
    found = [(client.experiment(name), paper) for name, paper in papers.items()]
    return any(there is not None and there.artifact_location != _location(root, paper) for there, paper in found)


def _bring(client: Client, root: Path, wanted: Sequence[Row], papers: Mapping[str, Paper], asked: Asked) -> Synced:
    """Create, update or leave every wanted run; take claims off the cells they no longer stand on."""
    done = Synced()
    for name, paper in papers.items():  # the order gives experiments their ids, to which links on the report page lead
        identifier = _experiment(client, root, name, paper)
        done.experiments[name] = identifier
        client.tag_experiment(identifier, {_KIND: "custom_model_development"})
        present = {run.data.tags.get("key", ""): run for run in client.runs(identifier)}
        here = [row for row in wanted if row.experiment == name]
        for row in here:
            _bring_run(client, identifier, row, present.pop(row.key, None), asked, done)
        for run in present.values():
            _supersede(client, run, asked)
        for claim in {claim for row in here for claim in row.claims}:
            client.tag_experiment(identifier, shared_views(claim))
    return done


def _experiment(client: Client, root: Path, name: str, paper: Paper) -> str:
    experiment = client.experiment(name)
    if experiment is None:
        text = f"[{paper.title}]({paper.link}); code: {paper.repository}"
        return client.create_experiment(name, artifacts=_location(root, paper), note=text)
    if experiment.lifecycle_stage != "active":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def _bring_run(client: Client, experiment: str, row: Row, run: Any, asked: Asked, done: Synced) -> None:
    claims = _claims(row, run, asked)
    tags = {NOTE: cell_note(claims), **row.tags, "key": row.key, "claims": listed(claims), _NAME: row.name}
    if row.document:
        tags["document"] = digest(row.document)[:12]
    if run is not None and (run.info.status != FINISHED or set(run.data.metrics) - set(row.latest)):
        client.delete_run(run.info.run_id)  # a crash left it half written, or a number is no longer known
        run = None
    if run is None:
        client.create_run(experiment, row, tags)
        done.created += 1
    elif _update(client, row, run, tags):
        done.updated += 1
    else:
        done.unchanged += 1


def _claims(row: Row, run: Any, asked: Asked) -> frozenset[str]:
    """The claims a run is shown under: the row's, and those known before that were not asked about now."""
    before = unlisted(run.data.tags.get("claims", "")) if run is not None else frozenset[str]()
    return row.claims | {claim for claim in before if (claim, row.tags["profile"]) not in asked}


def _update(client: Client, row: Row, run: Any, tags: Mapping[str, str]) -> bool:
    """Let a run follow its row; whether anything had to be changed."""
    changed = {name: value for name, value in tags.items() if run.data.tags.get(name) != value}
    latest = row.latest
    metrics = [metric for metric in row.metrics if run.data.metrics.get(metric[0]) != latest[metric[0]]]
    stale = _stale(run, unlisted(tags["claims"]))
    if "document" in changed:
        client.keep(run.info.run_id, row)
    client.drop_tags(run.info.run_id, stale)
    client.log(run.info.run_id, tags=changed, metrics=metrics)
    return bool(changed or metrics or stale)


def _stale(run: Any, claims: frozenset[str]) -> list[str]:
    """Verdicts of claims that a run is no longer shown under."""
    judged = [name for name in run.data.tags if name.startswith(_VERDICT)]
    return [name for name in judged if name.removeprefix(_VERDICT) not in claims]


def _supersede(client: Client, run: Any, asked: Asked) -> None:
    """Take a run that no row describes any more off the claims that were asked about; the run itself stays."""
    before, profile = unlisted(run.data.tags.get("claims", "")), run.data.tags.get("profile", "")
    kept = frozenset(claim for claim in before if (claim, profile) not in asked)
    if kept != before:
        client.drop_tags(run.info.run_id, _stale(run, kept))
        client.log(run.info.run_id, tags={"claims": listed(kept), NOTE: cell_note(kept)})
