"""A real SLURM of this machine, on request, and a project of fake cells before it."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
ON_REQUEST = "a SLURM is started on request: nox -s slurm, or python -m pytest tests/slurm --run-slurm"

for place in (ROOT / "tests" / "run" / "executors", ROOT / "tests" / "run", ROOT / "ci" / "slurm"):
    sys.path.insert(0, str(place))


def pytest_addoption(parser):
    parser.addoption("--run-slurm", action="store_true", help="start a SLURM of this machine; ten minutes or so")


def why_not(config) -> str:
    """Why these tests are skipped; empty if they are not."""
    if not config.getoption("--run-slurm", default=False):
        return ON_REQUEST
    import machine

    lacking = [*machine.missing(), *(() if importlib.util.find_spec("submitit") else ("submitit",))]
    return f"no {', '.join(lacking)}: apt-get install slurm-wlm munge" if lacking else ""


def pytest_collection_modifyitems(config, items):
    chosen = [item for item in items if FOLDER in item.path.parents]
    reason = why_not(config) if chosen else ""
    for item in chosen if reason else ():
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def machine():
    """The daemons, for all tests."""
    from machine import Machine

    with tempfile.TemporaryDirectory(prefix="slurm") as folder:
        made = Machine(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture
def project(machine, tmp_path, monkeypatch):
    """A function from cells (as ``toy.Toy`` takes them) to a project before an idle cluster."""
    from project import Project

    monkeypatch.setenv("SLURM_CONF", str(machine.configuration))
    for name in [name for name in os.environ if name.startswith(("SBATCH_", "SLURM_")) and name != "SLURM_CONF"]:
        monkeypatch.delenv(name)
    made = []

    def make(cells, more="", folder=tmp_path):
        folder.mkdir(parents=True, exist_ok=True)
        made.append(Project(machine, folder, monkeypatch, cells, more))
        return made[-1]

    yield make
    for one in made:
        one.leave()
    machine.mend()
    machine.cancel_all()
    machine.wait_for_node("idle")
