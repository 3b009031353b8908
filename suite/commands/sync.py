"""Bring the MLflow store up to date with the evidence."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from suite import options as typed
from suite.commands import _common as common

if TYPE_CHECKING:
    import argparse

    from suite.session import Session


def add(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    typed.add_session(parser)
    typed.add_bundles(parser)
    parser.add_argument("--rebuild", action="store_true", help="build it anew even if it is up to date")
    parser.add_argument(
        "--tracking-uri",
        metavar="URI",
        help="write to this MLflow server instead (also: $MLFLOW_TRACKING_URI); again writes only what is missing",
    )


def run(session: Session, options: argparse.Namespace) -> int:
    """Write the view beside the evidence, or to a server that others use."""
    from suite.assess import open_evidence
    from suite.show.mlflow.view import export, sync

    evidence = open_evidence(session)
    assessments = common.assessments_of(common.everything(session, evidence))
    server = options.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")
    if server:
        done = export(server, evidence.own.root, assessments)
        print(f"{server}: {done.created} runs written, {done.replaced} replaced, {done.unchanged} right already")
    else:
        sync(evidence.own.root, assessments, rebuild=options.rebuild)
    common.say_whose(evidence)
    return common.OK
