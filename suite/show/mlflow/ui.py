"""MLflow's UI on the view: how to start it, whether it runs, and where it shows what."""

from __future__ import annotations

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

from suite.errors import SuiteError
from suite.show.links import HOST, PORT, report_link
from suite.show.mlflow.app import ASKED, EVIDENCE, NAME
from suite.show.mlflow.view import built, database, folder
from suite.show.mlflow.views import links

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_ANSWER = 5.0  # seconds a server may take to say what it serves
_PAUSE = 0.2  # seconds between two looks whether it is there


def serve(root: Path, *, port: int = PORT, claims: Collection[str] = ()) -> int:
    """Run the UI until it ends, and print the links once it answers (see `print_links`); its exit status."""
    return start(root, lambda: print_links(root, port=port, claims=claims), port=port)


def print_links(root: Path, *, port: int = PORT, claims: Collection[str] = ()) -> None:
    """Print where the UI shows one claim, the one that compares most methods: side by side, and as charts by method.

    Args:
        root: the evidence's root folder.
        port: the UI's.
        claims: keys to choose from; empty for all that the view holds.

    Raises:
        SuiteError: the view holds none of them.
    """
    known = {key: entry for key, entry in built(root).get("claims", {}).items() if not claims or key in claims}
    if not known:
        raise SuiteError("the view holds none of these claims: compute and judge them first, then start the UI")
    claim = max(known, key=lambda key: int(known[key]["methods"]))
    for name, link in links(known[claim]["experiment"], claim, base=f"http://{HOST}:{port}").items():
        print(f"{claim}, {name}: {link}")
    if (root / "report" / "index.html").is_file():
        print(f"the report page: {report_link(port)}")
    if len(known) > 1:
        print("another claim: add -k CLAIM")
    sys.stdout.flush()  # whoever reads a pipe waits for this


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
