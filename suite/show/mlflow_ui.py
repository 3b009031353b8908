"""The MLflow UI on the view: how to start it, and links that open at a comparison."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"
_SHARED = "mlflow.sharedViewState."  # experiment tags from which the UI restores a prepared view


def run_filter(claim: str) -> str:
    """MLflow's filter for every run of a claim, summaries included."""
    return f"tags.claims LIKE '%|{claim}|%'"


def shared_views(claim: str) -> dict[str, str]:
    """Experiment tags that prepare the charts of a claim, one line a method, seeds averaged.

    The format is the UI's own and undocumented; a UI that does not know it says so and shows all runs. It was read in
    MLflow 3.17: a view named by ``viewStateShareKey`` is used only if the address has no filter of its own.
    """
    state = {
        "searchFilter": f"{run_filter(claim)} AND tags.kind = 'cell'",
        "groupBy": {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": "method"}]},
        "useGroupedValuesInCharts": True,
        "runsHiddenMode": "SHOW_ALL",
    }
    return {f"{_SHARED}{claim}": json.dumps(state)}


def links(experiment: str, claim: str, *, port: int = 5000, host: str = HOST) -> dict[str, str]:
    """Where the UI shows a claim.

    Args:
        experiment: the experiment's id (see :attr:`suite.show.mlflow_export.Synced.experiments`).
        claim: the claim's key.
        port: the UI's.
        host: the UI's.

    Returns:
        ``runs``: all runs of the claim side by side; ``verdicts``: its summaries alone; ``charts``: its cells as
        charts, grouped by method.
    """
    page = f"http://{host}:{port}/#/experiments/{experiment}/runs"

    def address(**query: str) -> str:
        return f"{page}?{urlencode(query, quote_via=quote)}"

    shown = {"orderByKey": "attributes.run_name", "orderByAsc": "true", "compareRunsMode": "TABLE"}
    return {
        "runs": address(searchFilter=run_filter(claim), **shown),
        "verdicts": address(searchFilter=f"tags.claim = '{claim}'", **shown),
        "charts": address(viewStateShareKey=claim, compareRunsMode="CHART"),
    }


def ui_command(folder: Path, *, port: int = 5000, host: str = HOST) -> tuple[list[str], dict[str, str]]:
    """How to start the UI.

    Args:
        folder: the view's folder (:func:`suite.show.mlflow_export.folder`).
        port: on this machine.
        host: which of its addresses to listen at; the default is reachable from this machine alone.

    Returns:
        The command, and what must be added to its environment: no job runner (it costs two more processes and ten
        seconds, and the view has no jobs) and no telemetry.
    """
    command = [sys.executable, "-m", "mlflow", "server"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", (folder / "artifacts").as_uri()]
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    return command, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def start(folder: Path, *, port: int = 5000) -> int:
    """Run the UI until it ends or Ctrl-C; the exit status is the UI's."""
    command, more = ui_command(folder, port=port)
    try:
        return subprocess.call(command, env=os.environ | more)
    except KeyboardInterrupt:
        return 0
