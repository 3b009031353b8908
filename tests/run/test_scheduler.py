"""What a scheduler says of a job, and what is said when it cannot be asked."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from suite.evidence.store import Store
from suite.run.jobs import Ledger, entry
from suite.run.scheduler import ENDED, QUEUED, RUNNING, UNKNOWN, Answer, ask


def jobs(*names, cluster="slurm"):
    return [entry(f"cell-{name}", name, cluster, before=None, log="") for name in names]


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Put commands on PATH that print something; nothing else is there."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name, *lines, status=0, stream=1):
        printed = "".join(f"echo '{line}' >&{stream}\n" for line in lines)
        (tmp_path / name).write_text(f'#!/bin/bash\necho "$@" > {tmp_path}/{name}.asked\n{printed}exit {status}\n')
        (tmp_path / name).chmod(0o755)
        return tmp_path / f"{name}.asked"

    return put


def test_the_queue_is_asked_once_for_all_jobs_and_the_accounts_for_those_that_are_gone(command):
    asked = command("squeue", "1 PENDING", "2 RUNNING", "3 COMPLETING", "9 RUNNING")
    command("sacct", "4|OUT_OF_MEMORY")
    found = ask(jobs("1", "2", "3", "4", "5"))
    assert found == {
        "1": Answer(QUEUED, "PENDING"),
        "2": Answer(RUNNING, "RUNNING"),
        "3": Answer(RUNNING, "COMPLETING"),
        "4": Answer(ENDED, "OUT_OF_MEMORY"),
        "5": Answer(ENDED, ""),
    }
    assert f"--user {jobs('1')[0].user} " in asked.read_text()


def test_who_cannot_be_asked_knows_nothing(command):
    assert ask(jobs("1"))["1"].word == UNKNOWN
    assert "there is no squeue on " in ask(jobs("1"))["1"].detail
    command("squeue", "slurm_load_jobs error", status=1, stream=2)
    assert ask(jobs("1"))["1"] == Answer(UNKNOWN, "squeue: slurm_load_jobs error")
    assert ask([]) == {}


def test_a_local_job_is_a_controller_that_lives_here():
    ours = jobs(str(os.getpid()), cluster="local")
    assert ask(ours)[ours[0].job] == Answer(ENDED), "a process of that number, but no controller"
    elsewhere = replace(ours[0], host="another")
    assert ask([elsewhere])[ours[0].job] == Answer(UNKNOWN, "its processes run on another")
    code = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, "submitit.local._local"], stdin=subprocess.PIPE) as controller:
        (one,) = jobs(str(controller.pid), cluster="local")
        assert ask([one])[one.job] == Answer(RUNNING)
    assert ask([one])[one.job] == Answer(ENDED)


def test_a_ledger_file_that_cannot_be_read_is_no_entry(tmp_path):
    ledger = Ledger(Store(tmp_path))
    assert ledger.read("cell-1") is None
    with ledger.submitting():
        ledger.write(jobs("1"))
    assert ledger.read("cell-1") == replace(jobs("1")[0], submitted=ledger.read("cell-1").submitted)
    for text in ("", "{}", "[1]", "\xff"):
        (ledger.folder / "cell-1.json").write_text(text)
        assert ledger.read("cell-1") is None
        assert ledger.looks(["cell-1"]) == {}
