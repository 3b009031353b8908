"""Ctrl-C on the whole program, as a terminal sends it: what is finished is kept, and nobody is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import suite
from suite.evidence.store import Store

CLAIM = """
from fake_studies.claims import claim, criterion, reading
CLAIM = claim(
    "slow",
    criterion("quick", reading("quick")),
    criterion("slow", reading("slow", "wait", started={started!r}, go={go!r})),
)
"""
PROFILE = 'scope = "proxy"\nseeds = 2\nsummary = "fake"\n'
LONG = 180  # seconds; nobody waits for it but on a machine that is busy with something else


def project(folder):
    """A project of its own: a claims package and a profile; gives how to start its program."""
    (folder / "claims").mkdir()
    (folder / "claims" / "__init__.py").write_text("")
    text = CLAIM.format(started=str(folder / "started"), go=str(folder / "go"))
    (folder / "claims" / "slow.py").write_text(text)
    (folder / "toy.toml").write_text(PROFILE)
    places = [Path(suite.__file__).parents[1], Path(__file__).parents[1] / "run"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places)), "OMP_NUM_THREADS": "1"}

    def start(workers):
        command = [sys.executable, "-m", "suite", "claims", "--profile", "toy.toml", "--device", "cpu", "--no-sync"]
        return subprocess.Popen(
            [*command, "--workers", str(workers)],
            cwd=folder,
            env=environment,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def members(group):
    """Processes of a group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc who is left")
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_what_is_finished_and_leaves_nobody_behind(tmp_path, workers):
    start = project(tmp_path)
    running = start(workers)
    store = Store(tmp_path / "evidence")
    deadline = time.monotonic() + LONG
    try:
        while not (tmp_path / "started").exists() or len(store.keys()) < 2:
            assert time.monotonic() < deadline
            assert running.poll() is None, running.communicate()
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=LONG)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 130
    assert err.splitlines()[-1] == "suite: stopped; what is finished is kept, the rest resumes when run again"
    assert "Traceback" not in err
    while members(running.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert members(running.pid) == []
    words = [store.state(key).word for key in store.keys()]  # noqa: SIM118
    assert words
    assert set(words) == {"done"}
    assert list((tmp_path / "evidence" / "partial").iterdir()), "an unfinished cell waits to be resumed"
    if workers == 1:  # once is enough
        (tmp_path / "go").write_text("")
        again = start(1)
        _, err = again.communicate(timeout=LONG)
        assert again.returncode == 0, err
        assert f"computing {6 - len(words)} cells" in err
        verdicts = json.loads((tmp_path / "evidence" / "claims-toy.json").read_text())["criteria"]
        assert [entry["verdict"] for entry in verdicts] == ["seen here", "seen here"]
        assert not list((tmp_path / "evidence" / "partial").iterdir())
