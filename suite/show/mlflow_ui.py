"""The MLflow UI on the view: how to start it, and links that open at a comparison."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from suite.show.mlflow_app import ASKED, EVIDENCE, NAME, REPORT
from suite.show.mlflow_store import database, folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOST = "127.0.0.1"
PORT = 5000
BY_NAME = {"orderByKey": "tags.`mlflow.runName`", "orderByAsc": True}
# What a person compares, in this order; the UI knows columns by these names.
COLUMNS = {
    "attributes.`Run Name`": 330,
    "tags.`verdict`": 120,
    "tags.`measured`": 200,
    "tags.`printed`": 130,
    "metrics.`n`": 50,
    "tags.`claimed`": 150,
    "tags.`profile`": 100,
    "metrics.`mean`": 100,
    "metrics.`low`": 100,
    "metrics.`high`": 100,
}
_SHARED = "mlflow.sharedViewState."  # experiment tags from which the UI restores a prepared view
_ANSWER = 5.0  # seconds a server may take to say what it serves
_PAUSE = 0.2  # seconds between two looks whether it is there


def run_filter(claim: str) -> str:
    """MLflow's filter for every run of a claim, summaries included."""
    return f"tags.claims LIKE '%|{claim}|%'"


def summaries(claim: str) -> str:
    """MLflow's filter for the summary runs of a claim."""
    return f"tags.claim = '{claim}'"


def shared_views(claim: str) -> dict[str, str]:
    """Experiment tags that prepare two views of a claim.

    ``CLAIM.table``: its summary runs, with the columns that make up a verdict. ``CLAIM``: its cells as charts, one
    line a method, seeds averaged. The format is the UI's own and undocumented; it was tried in MLflow 3.17 (by
    ``nox -s browser``): a view is used only if the address has no filter of its own, and a UI that does not know
    the format shows all runs.
    """
    table = {
        "searchFilter": summaries(claim),
        **BY_NAME,
        "selectedColumns": list(COLUMNS),
        "columnOrder": list(COLUMNS),
        "columnWidths": COLUMNS,
        "runsHiddenMode": "SHOW_ALL",
    }
    charts = {
        "searchFilter": f"{run_filter(claim)} AND tags.kind = 'cell'",
        **BY_NAME,
        "groupBy": {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": "method"}]},
        "useGroupedValuesInCharts": True,
        "runsHiddenMode": "SHOW_ALL",
    }
    return {f"{_SHARED}{claim}": json.dumps(charts), f"{_SHARED}{claim}.table": json.dumps(table)}


def address(experiment: str, query: Mapping[str, str], *, port: int = PORT, host: str = HOST) -> str:
    """An address of the page of an experiment's runs."""
    return f"http://{host}:{port}/#/experiments/{experiment}/runs?{urlencode(query, quote_via=quote)}"


def links(experiment: str, claim: str, *, port: int = PORT) -> dict[str, str]:
    """Where the UI shows a claim.

    Args:
        experiment: the experiment's id (see :attr:`suite.show.mlflow_export.Synced.experiments`).
        claim: the claim's key.
        port: the UI's.

    Returns:
        ``side by side``: the claim's summary runs with their intervals; ``charts by method``: its cells as charts,
        grouped by method.
    """
    return {
        "side by side": address(
            experiment, {"viewStateShareKey": f"{claim}.table", "compareRunsMode": "TABLE"}, port=port
        ),
        "charts by method": address(experiment, {"viewStateShareKey": claim, "compareRunsMode": "CHART"}, port=port),
    }


def verdicts_link(experiment: str, claim: str) -> str:
    """Where the UI, at its usual port, shows a claim's verdicts: unlike a run's address, it outlives a rebuild."""
    return links(experiment, claim)["side by side"]


def report_link(port: int) -> str:
    """Where the UI serves the report page."""
    return f"http://{HOST}:{port}{REPORT}/"


def served(port: int) -> Path | None:
    """The evidence folder that a UI of ours serves at a port; None if none answers there, or another program."""
    said = _said(port, ASKED)
    try:
        return None if said is None else Path(said.decode())
    except UnicodeDecodeError:
        return None


def answers(port: int) -> bool:
    """Whether a UI at a port is up."""
    return _said(port, "/health") is not None


def _said(port: int, path: str) -> bytes | None:
    connection = HTTPConnection(HOST, port, timeout=_ANSWER)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read(4096) if answer.status == HTTPStatus.OK else None
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def ui_command(root: Path, *, port: int = PORT, host: str = HOST) -> tuple[list[str], dict[str, str]]:
    """How to start the UI.

    Args:
        root: the evidence's root folder.
        port: on this machine.
        host: which of its addresses to listen at; the default is reachable from this machine alone.

    Returns:
        The command, and what must be added to its environment: no job runner (it costs two more processes and ten
        seconds, and the view has no jobs), no telemetry, no lines about every request.
    """
    command = [sys.executable, "-m", "mlflow", "server"]
    command += ["--backend-store-uri", f"sqlite:///{database(root)}"]
    command += ["--artifacts-destination", (folder(root) / "artifacts").as_uri()]
    command += ["--host", host, "--port", str(port), "--workers", "1", "--uvicorn-opts", "--log-level warning"]
    if entry_points(group="mlflow.app", name=NAME):  # absent where the project was installed before it had one
        command += ["--app-name", NAME]
    more = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    more |= {"PYTHONWARNINGS": "ignore"}  # of libraries about one another
    return command, more | {EVIDENCE: str(root.resolve())}


def start(root: Path, ready: Callable[[], None], *, port: int = PORT) -> int:
    """Run the UI until it ends, or until Ctrl-C or a request to end; the exit status is the UI's.

    Args:
        root: the evidence's root folder.
        ready: called once, when the UI answers.
        port: on this machine.
    """
    command, more = ui_command(root, port=port)
    signal.signal(signal.SIGTERM, _end)
    with subprocess.Popen(command, env=os.environ | more) as process:
        try:
            while process.poll() is None and not answers(port):
                time.sleep(_PAUSE)
            if process.poll() is None:
                ready()
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            return 0


def _end(*_: object) -> None:
    raise KeyboardInterrupt
