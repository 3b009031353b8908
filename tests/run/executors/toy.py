"""A project of its own with fake cells, whose program other processes can run: what jobs and exported lines need."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from fake_studies.plans import quiet, said

import suite
from suite import profile as profiles
from suite.evidence.store import Store
from suite.run import planned
from suite.run.executors import Work, run
from suite.run.executors.launch import Launch
from suite.run.executors.slurm import Slurm
from suite.run.plan import plan

PROFILE = 'scope = "proxy"\nseeds = 1\nsummary = "fake"\n'
CLAIM = """
from fake_studies import make
from fake_studies.claims import claim, criterion
from suite.claim import PerSeed

CELLS = {cells!r}


def cell_of(name):
    def cell(profile, seed):
        spec = dict(CELLS[name])
        needs = {{need: cell_of(need)(profile, seed) for need in spec.pop("needs", ())}}
        return make(name, seed=seed, needs=needs, device=profile.device, **spec)

    return cell


def criterion_of(name):
    evidence = PerSeed((cell_of(name),), lambda result: float(result.arrays["value"]))
    return criterion(name, evidence, control=evidence)


CLAIM = claim("toy", *map(criterion_of, CELLS))
"""
LONG = 120  # seconds; nobody waits for it but on a machine that is busy with something else


class Toy:
    """Cells by name, as ``{"after": {"needs": ["before"], "does": "raise"}}``; computed in processes of their own."""

    def __init__(self, folder, monkeypatch, cells, more=""):
        self.folder = folder
        (folder / "claims").mkdir()
        (folder / "claims" / "__init__.py").write_text("")
        (folder / "claims" / "toy.py").write_text(CLAIM.format(cells=cells))
        (folder / "toy.toml").write_text(PROFILE + more)
        places = [Path(suite.__file__).parents[1], Path(__file__).parents[1]]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, places)))
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        monkeypatch.chdir(folder)
        self.store = Store(folder / "evidence")
        self.profile = profiles.load("toy.toml")
        self.claims = [runpy.run_path(str(folder / "claims" / "toy.py"))["CLAIM"]]
        monkeypatch.setattr("suite.catalog.discover", lambda: self.claims)
        self.cells = {str(step.cell): step.cell for step in self.plan().steps}

    def plan(self):
        return plan(self.claims, self.profile, self.store)

    @property
    def launch(self):
        return Launch(("--evidence", str(self.store.root)))

    def write_plans(self):
        """As ``claims`` does before anything is computed."""
        planned.write(self.store.root, self.cells.values())

    def slurm(self, *, device="cpu", again=False, **overrides):
        self.write_plans()
        work = Work(self.store, device, again=again)
        return Slurm(work, self.profile, self.launch, overrides=overrides, slowest=0.1)

    def run(self, **overrides):
        """Outcomes by name, and what was said."""
        made = self.plan()
        progress = quiet(made)
        outcomes = run(made, self.slurm(**overrides), progress)
        return {str(step.cell): str(outcomes[step.cell.key]) for step in made.to_run}, said(progress)

    def words(self):
        """What is on disk, by name."""
        return {name: self.store.state(cell.key).word for name, cell in self.cells.items()}

    def program(self, *arguments):
        """The program as a person starts it, alone in a session as a terminal's foreground is."""
        with (self.folder / "said.txt").open("w") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "suite", *arguments, "--profile", "toy.toml", "--device", "cpu"],
                start_new_session=True,
                stdout=said,
                stderr=said,
            )

    @property
    def submitted(self):
        """Ids of all jobs that were ever submitted."""
        return sorted(path.name.partition("_")[0] for path in (self.store.root / "jobs/logs").glob("*_submitted.pkl"))


def wait_for(happened, what):
    """Look until something is true, and give it back."""
    deadline = time.monotonic() + LONG
    while not (found := happened()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)
    return found


def text_of(path):
    return path.read_text() if path.exists() else ""


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def end(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
