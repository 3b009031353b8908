"""The only module that imports MLflow, and only when something is exported; workers that compute never do."""

from __future__ import annotations

import contextlib
import logging
import os
import time
import warnings
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from suite.show.mlflow_rows import Row

FINISHED = "FINISHED"


class Locked(SuiteError):
    """Another program has kept the database locked for longer than MLflow waits."""


_BATCH = 100  # MLflow takes this many tags or parameters at once, and ten times as many metrics


def uri(path: Path) -> str:
    """A database file as MLflow names it."""
    return f"sqlite:///{path}"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """MLflow without telemetry, progress lines and warnings about its own internals.

    Raises:
        SuiteError: it is not installed; the message says how to.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
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


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Client]:
    """One database; a file that does not exist is made and migrated, so let nobody else know of it yet.

    Raises:
        Locked: another program holds it.
        SuiteError: MLflow cannot use it (damaged, or written by another version).
    """
    from mlflow import MlflowClient  # noqa: PLC0415 - see above
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        client = Client(MlflowClient(tracking_uri=uri(path)))
        try:
            yield client
        finally:
            client.close()
    except (MlflowException, SQLAlchemyError) as error:
        reason = str(error).splitlines()[0]
        if "database is locked" in str(error):
            raise Locked(f"{path} is held by another program: end what writes to it, then try again") from error
        raise SuiteError(f"{path} cannot be used ({reason}): python -m suite sync --rebuild") from error


class Client:
    """The few things the export asks of MLflow; every write goes in batches."""

    def __init__(self, client: Any) -> None:
        """Wraps an ``MlflowClient``."""
        self._client = client

    def close(self) -> None:
        """Give the database's file handles back; MLflow keeps them for the life of the process."""
        self._client._tracking_client.store.engine.dispose()  # noqa: SLF001 - there is no public way

    def experiment(self, name: str) -> Any:
        """An experiment by name, deleted ones included; None if there is none."""
        return self._client.get_experiment_by_name(name)

    def create_experiment(self, name: str, *, artifacts: str, note: str) -> str:
        """A new experiment whose files go to ``artifacts``, an absolute file URI; its id."""
        identifier: str = self._client.create_experiment(name, artifact_location=artifacts)
        self._client.set_experiment_tag(identifier, "mlflow.note.content", note)
        return identifier

    def restore_experiment(self, identifier: str) -> None:
        """Bring back an experiment that was deleted in the UI."""
        self._client.restore_experiment(identifier)

    def tag_experiment(self, identifier: str, tags: Mapping[str, str]) -> None:
        """Set an experiment's tags."""
        for name, value in tags.items():
            self._client.set_experiment_tag(identifier, name, value)

    def runs(self, experiment: str, *, matching: str = "") -> Iterator[Any]:
        """Every run of an experiment that is not deleted and matches MLflow's filter."""
        token: str | None = None
        while True:
            page = self._client.search_runs([experiment], matching, max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def create_run(self, experiment: str, row: Row, tags: Mapping[str, str]) -> None:
        """A whole run: it counts as finished only when everything of it is written."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param  # noqa: PLC0415 - see above

        start = row.start or int(time.time() * 1000)
        end = row.end or start
        run = self._client.create_run(experiment, start_time=start, run_name=row.name)
        identifier: str = run.info.run_id
        self.log(identifier, tags=tags, metrics=row.metrics, at=end)
        params = [Param(name, value) for name, value in row.params.items()]
        for first in range(0, len(params), _BATCH):
            self._client.log_batch(identifier, params=params[first : first + _BATCH])
        if row.data is not None:
            name, content, source = row.data
            dataset = Dataset(name=name, digest=content, source_type="suite", source=source)
            used = DatasetInput(dataset=dataset, tags=[InputTag("mlflow.data.context", "evidence")])
            self._client.log_inputs(identifier, [used])
        self.keep(identifier, row)
        self._client.set_terminated(identifier, status=FINISHED, end_time=end)

    def keep(self, run: str, row: Row) -> None:
        """Store the row's document with the run."""
        if row.document:
            self._client.log_text(run, row.document, "verdict.json")

    def log(
        self,
        run: str,
        *,
        tags: Mapping[str, str],
        metrics: Sequence[tuple[str, float, int]] = (),
        at: int | None = None,
    ) -> None:
        """Write tags and (name, value, step) metrics, dated ``at`` in milliseconds since 1970 or now."""
        from mlflow.entities import Metric, RunTag  # noqa: PLC0415 - see above

        when = int(time.time() * 1000) if at is None else at
        points = [Metric(name, value, when, step) for name, value, step in metrics]
        for first in range(0, len(points), 10 * _BATCH):
            self._client.log_batch(run, metrics=points[first : first + 10 * _BATCH])
        labels = [RunTag(name, value) for name, value in tags.items()]
        for first in range(0, len(labels), _BATCH):
            self._client.log_batch(run, tags=labels[first : first + _BATCH])

    def drop_tags(self, run: str, names: Sequence[str]) -> None:
        """Remove tags."""
        for name in names:
            self._client.delete_tag(run, name)

    def delete_run(self, run: str) -> None:
        """Put a run in MLflow's bin."""
        self._client.delete_run(run)
