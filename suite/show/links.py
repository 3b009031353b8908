"""Addresses by which the report page, the MLflow view and the terminal lead to one another."""

from __future__ import annotations

import re

HOST = "127.0.0.1"
PORT = 5000
REPORT = "/report"  # the report page, as the UI serves it
CLAIMS = "/suite/claims"  # leads to a claim's runs, whatever number MLflow gave their experiment


def slug(name: str) -> str:
    """A name as an anchor and as the name of a file."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-")


def card_link(claim: str, criterion: str = "", profile: str = "") -> str:
    """A card of the report page, or a claim's heading, as the UI serves it."""
    anchor = slug(f"{claim}.{criterion}.{profile}") if criterion else f"claim-{claim}"
    return f"{REPORT}/index.html#{anchor}"


def runs_link(claim: str, *, port: int = PORT) -> str:
    """Where the UI, at its usual port, shows a claim's runs side by side; it outlives a rebuild of the view."""
    return f"http://{HOST}:{port}{CLAIMS}/{claim}"


def report_link(port: int) -> str:
    """Where the UI serves the report page."""
    return f"http://{HOST}:{port}{REPORT}/"
