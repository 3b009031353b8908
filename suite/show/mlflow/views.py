"""How MLflow's UI is asked for a claim: filters, prepared views, and links that open at a comparison."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

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


def links(experiment: str, claim: str, *, base: str) -> dict[str, str]:
    """Where the UI shows a claim.

    Args:
        experiment: the experiment's id.
        claim: the claim's key.
        base: the server's address, without a closing slash.

    Returns:
        ``side by side``: the claim's summary runs with their intervals; ``charts by method``: its cells as charts,
        grouped by method.
    """
    asked = {
        "side by side": {"viewStateShareKey": f"{claim}.table", "compareRunsMode": "TABLE"},
        "charts by method": {"viewStateShareKey": claim, "compareRunsMode": "CHART"},
    }
    page = f"{base}/#/experiments/{experiment}/runs"
    return {name: f"{page}?{urlencode(query, quote_via=quote)}" for name, query in asked.items()}
