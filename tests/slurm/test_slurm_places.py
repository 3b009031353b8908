"""Where and how the program is started: odd folders, within a job, as an array, as one job, with nothing exported."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from project import LONG, wait_for
from toy import text_of

CI = Path(__file__).parents[2] / "ci"
CHAIN = {"a": {}, "b": {"needs": ["a"]}, "c": {"needs": ["a"]}, "d": {"needs": ["b", "c"]}}


def ended(made, job):
    """Wait until a job has ended; its state."""
    states = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
    return wait_for(lambda: (found := made.state(job)) in states and found, made.queue)


def test_a_folder_with_spaces_and_a_relative_evidence_folder(project, tmp_path):
    made = project(CHAIN, folder=tmp_path / "toy with spaces & (odd) $x")
    made.toy.store.root.mkdir(parents=True)
    follower = made.follow("--evidence", "../other/my ev")
    text = follower.ends()
    assert "4/4 cells, " in text, text
    assert "lost" not in text
    assert len(list((tmp_path / "other" / "my ev" / "cells").iterdir())) == 4
    assert made.computed == dict.fromkeys(CHAIN, 1)


def test_exported_lines_run_as_array_jobs_a_stage_each(project, machine):
    made = project(CHAIN)
    asked = ("--profile", "toy.toml", "--device", "cpu")
    submitted = machine.ask("bash", str(CI / "array.sh"), *asked, within=LONG)
    assert submitted.returncode == 0, submitted.stderr
    last = submitted.stdout.split()[-1]
    wait_for(lambda: set(made.toy.words().values()) == {"done"}, lambda: f"{last}: {made.queue()}")
    assert made.computed == dict.fromkeys(CHAIN, 1)
    assert "nothing to compute" in made.status()


def test_the_whole_of_it_runs_as_one_job(project, machine):
    made = project(CHAIN)
    asked = ("--profile", "toy.toml", "--device", "cpu", "--threads", "1", "--no-sync")
    job = machine.ask("sbatch", "--parsable", "--mem=2G", str(CI / "cluster.sh"), *asked).stdout.strip()
    state = ended(made, job)
    text = text_of(made.folder / f"slurm-{job}.out")
    assert set(made.toy.words().values()) == {"done"}, f"{state}: {text}"
    assert "unrecognized" not in text
    assert "verdicts" in text
    assert made.computed == dict.fromkeys(CHAIN, 1)


def test_jobs_are_submitted_from_within_a_job(project, machine):
    made = project(CHAIN)
    line = shlex.join([sys.executable, "-m", "suite", "claims", "--executor", "slurm", "--no-sync"])
    script = f"{line} --profile toy.toml --device cpu"
    job = machine.ask("sbatch", "--parsable", "--mem=900", "--output=outer.txt", f"--wrap={script}").stdout.strip()
    ended(made, job)
    text = text_of(made.folder / "outer.txt")
    assert set(made.toy.words().values()) == {"done"}, text
    assert "lost" not in text
    assert made.computed == dict.fromkeys(CHAIN, 1)


def test_jobs_run_where_a_site_exports_no_environment(project):
    made = project(CHAIN)
    setup = [f"export {name}={shlex.quote(os.environ[name])}" for name in ("PYTHONPATH", "SLURM_CONF")]
    toml = "slurm_setup=[" + ", ".join(f"'{line}'" if "'" not in line else f'"{line}"' for line in setup) + "]"
    made.is_done(made.follow("--slurm", toml, SBATCH_EXPORT="NONE"))
