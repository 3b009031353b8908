"""Start the MLflow UI on the evidence."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from suite import options as typed
from suite.commands import _common as common
from suite.errors import SuiteError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from suite.session import Session

PORTS = range(1, 2**16)


def add(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    typed.add_session(parser)
    typed.add_bundles(parser)
    parser.add_argument("--port", type=int, default=5000, metavar="N", help="port on this machine (default: 5000)")


def run(session: Session, options: argparse.Namespace) -> int:
    """Bring the view up to date and serve it until Ctrl-C."""
    from suite.assess import open_evidence
    from suite.show.mlflow.ui import print_links, serve
    from suite.show.mlflow.view import sync

    running = is_ours(options.port, session.root)
    claims = [claim.key for claim in common.chosen(session)]
    evidence = open_evidence(session)
    root = evidence.own.root
    sync(root, common.assessments_of(common.everything(session, evidence)))
    common.say_whose(evidence)
    if running:
        print_links(root, port=options.port, claims=claims)
        common.say(f"the UI of this evidence is running already, at port {options.port}; it shows what is new")
        return common.OK
    return serve(root, port=options.port, claims=claims)


def is_ours(port: int, root: Path) -> bool:
    """Whether the UI of this evidence is running at a port; looks before MLflow does, which takes ten seconds.

    Raises:
        SuiteError: something else holds the port; the message says what to do.
    """
    from suite.show.links import HOST
    from suite.show.mlflow.ui import served

    if port not in PORTS:
        raise SuiteError(f"--port {port}: give one from {PORTS[0]} to {PORTS[-1]}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closing connection is no user
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if served(port) == root.resolve():
                return True
            raise SuiteError(f"--port {port} cannot be used ({error.strerror}): give another one") from None
    return False
