"""The only module that imports MLflow, and only when something is exported; workers that compute never do.

It writes rows to any tracking store, a fresh file or a server that others use. A run is found by its ``key`` tag and
counts as written only once it is finished with the ``content`` of its row, so that a writer that is interrupted, or
run twice, leaves neither doubles nor halves.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError
from suite.evidence.cell import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from suite.claim import Paper
    from suite.show.mlflow.rows import Row

CONTENT = "content"  # the tag that tells whether a run still says what its row says
_FINISHED = "FINISHED"
_METRICS, _LABELS = 1000, 100  # what MLflow takes at once: metrics; tags or parameters
_NAME, _NOTE = "mlflow.runName", "mlflow.note.content"
_KIND = "mlflow.experimentKind"  # of the two faces of the UI, the one for trained models


@dataclass
class Written:
    """What a writing did.

    Attributes:
        created: runs added.
        replaced: runs whose row changed, or that an interrupted writer had left half written.
        unchanged: runs that were right already.
        experiments: experiment id by name.
    """

    created: int = 0
    replaced: int = 0
    unchanged: int = 0
    experiments: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """MLflow without telemetry, progress lines and warnings about its own internals.

    Raises:
        SuiteError: it is not installed; the message says how to.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import mlflow  # noqa: F401, PLC0415 - takes seconds, and is optional
            import sqlalchemy  # noqa: F401, PLC0415 - MLflow's skinny variant lacks it
        except ImportError as error:
            raise SuiteError(f"MLflow cannot be imported ({error}): in the clone, pip install -e '.[mlflow]'") from None
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        yield


def write(
    uri: str,
    rows: Sequence[Row],
    papers: Mapping[str, Paper],
    *,
    artifacts: str = "",
    views: Mapping[str, Mapping[str, str]] | None = None,
) -> Written:
    """Bring a tracking store to what the rows say; runs of other keys are left alone.

    Args:
        uri: the tracking store: ``sqlite:///FILE``, or the address of a server.
        rows: what shall be there.
        papers: by experiment name, in the order in which new experiments are numbered.
        artifacts: where new experiments keep files, an absolute URI; empty for the store's own place.
        views: tags that prepare views, by experiment name.

    Raises:
        SuiteError: the store cannot be reached or used; the message says what is the matter.
    """
    with quiet():
        from mlflow import MlflowClient  # noqa: PLC0415 - see above
        from mlflow.exceptions import MlflowException  # noqa: PLC0415
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

        done, store = Written(), _Store(None)
        try:
            store = _Store(MlflowClient(tracking_uri=uri))
            for name, paper in papers.items():
                place = f"{artifacts}/{paper.key}" if artifacts else None
                identifier = store.experiment(name, paper, place)
                done.experiments[name] = identifier
                for tag, value in {_KIND: "custom_model_development", **(views or {}).get(name, {})}.items():
                    store.client.set_experiment_tag(identifier, tag, value)
                store.bring(identifier, [row for row in rows if row.experiment == name], done)
        except (MlflowException, SQLAlchemyError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise SuiteError(f"MLflow cannot write to {uri}: {said}") from error
        finally:
            store.close()
    return done


class _Store:
    """The few things that writing asks of MLflow."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def close(self) -> None:
        """Give a database's file handles back; MLflow keeps them for the life of the process."""
        engine = getattr(getattr(getattr(self.client, "_tracking_client", None), "store", None), "engine", None)
        if engine is not None:  # a server's store has none, and there is no public way
            engine.dispose()

    def experiment(self, name: str, paper: Paper, place: str | None) -> str:
        """The id of an experiment, which is made, or brought back where it was deleted."""
        found = self.client.get_experiment_by_name(name)
        if found is None:
            identifier: str = self.client.create_experiment(name, artifact_location=place)
            text = f"[{paper.title}]({paper.link}); code: {paper.repository}"
            self.client.set_experiment_tag(identifier, _NOTE, text)
            return identifier
        if found.lifecycle_stage != "active":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def runs(self, experiment: str) -> Iterator[Any]:
        """Every run of an experiment that is not deleted."""
        token: str | None = None
        while True:
            page = self.client.search_runs([experiment], max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def bring(self, experiment: str, rows: Sequence[Row], done: Written) -> None:
        """Create, replace or leave the run of every row."""
        present: dict[str, list[Any]] = {}
        for run in self.runs(experiment):
            present.setdefault(run.data.tags.get("key", ""), []).append(run)
        for row in rows:
            content, known = digest(row.identity)[:16], present.get(row.key, [])
            good = [r for r in known if r.info.status == _FINISHED and r.data.tags.get(CONTENT) == content]
            for run in known:
                if run not in good[:1]:
                    self.client.delete_run(run.info.run_id)
            if good:
                done.unchanged += 1
                continue
            self.create(experiment, row, content)
            done.replaced += bool(known)
            done.created += not known

    def create(self, experiment: str, row: Row, content: str) -> None:
        """A whole run, in batches: it counts as finished only when everything of it is written."""
        from mlflow.entities import (  # noqa: PLC0415 - see above
            Dataset,
            DatasetInput,
            InputTag,
            Metric,
            Param,
        )

        start = row.start or int(time.time() * 1000)
        end = row.end or start
        tags = {**row.tags, "key": row.key, CONTENT: content, _NAME: row.name}
        run = self.client.create_run(experiment, start_time=start, run_name=row.name, tags=tags)
        identifier: str = run.info.run_id
        params = [Param(name, value) for name, value in row.params.items()]
        points = [Metric(name, value, end, step) for name, value, step in row.metrics]
        while params or points:
            self.client.log_batch(identifier, metrics=points[: _METRICS - _LABELS], params=params[:_LABELS])
            del points[: _METRICS - _LABELS], params[:_LABELS]
        if row.data is not None:
            name, digested, source = row.data
            dataset = Dataset(name=name, digest=digested, source_type="suite", source=source)
            used = DatasetInput(dataset=dataset, tags=[InputTag("mlflow.data.context", "evidence")])
            self.client.log_inputs(identifier, [used])
        if row.document:
            self.client.log_text(identifier, row.document, "verdict.json")
        for file in row.figures:
            self.client.log_artifact(identifier, str(file), "figures")
        self.client.set_terminated(identifier, status=_FINISHED, end_time=end)
