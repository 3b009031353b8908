"""Jobs for real, in submitit's executor of local processes: faults, kills, preemption, and nobody left to watch."""

from __future__ import annotations

import os
import re
import signal
import threading
from pathlib import Path

import pytest
from toy import LONG, Toy, end, parent, text_of, wait_for

from suite.cli import main


def test_a_fault_and_a_kill_take_nobody_with_them_and_what_was_killed_resumes(tmp_path, monkeypatch):
    toy = Toy(
        tmp_path,
        monkeypatch,
        {
            "good": {"group": "together"},
            "bad": {"group": "together", "does": "raise"},
            "killed": {"does": "kill", "marker": str(tmp_path / "killed")},
            "after good": {"group": "later", "needs": ["good"], "value": 5.0},
            "after bad": {"group": "later", "needs": ["bad"]},
        },
    )
    outcomes, text = toy.run(cluster="local")
    assert outcomes == {
        "good": "done",
        "bad": "failed",
        "killed": "killed",
        "after good": "done",
        "after bad": "blocked",
    }
    assert float(toy.store.read(toy.cells["after good"]).arrays["value"]) == 6.0
    assert len(toy.submitted) == 3, "cells of one group are one job"
    assert re.search(r"lost: killed: job \d+ ended without a result.*; .*/logs/\d+_0_log.err tells more; run", text)
    assert "failed: bad (python -m suite status tells why)" in text
    assert toy.words()["killed"] == "partial"

    outcomes, _ = toy.run(cluster="local")
    assert outcomes == {"bad": "failed", "killed": "done", "after bad": "blocked"}
    assert toy.words() == {
        "good": "done",
        "bad": "failed",
        "killed": "done",
        "after good": "done",
        "after bad": "missing",
    }


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc who computes")
def test_jobs_outlive_ctrl_c_are_found_again_not_submitted_twice_and_resume_after_preemption(
    tmp_path, monkeypatch, capsys
):
    started, leave = tmp_path / "started", tmp_path / "go"
    toy = Toy(
        tmp_path,
        monkeypatch,
        {"long": {"does": "wait", "started": str(started), "go": str(leave)}, "after": {"needs": ["long"]}},
    )
    submitting = toy.program("claims", "--executor", "slurm", "--slurm", "cluster=local", "--no-sync", "-k", "toy")
    first = 0
    try:
        first = int(wait_for(lambda: text_of(started), "the job started"))
        os.killpg(submitting.pid, signal.SIGINT)  # as a terminal does: to the program and whatever it started
        err = text_of(tmp_path / "said.txt") if submitting.wait(LONG) else ""
        assert submitting.returncode == 130, err
        job = str(parent(parent(first)))  # submitit names a local job by the process that watches over its tasks
        status = "python -m suite status --profile toy.toml --device cpu"
        assert f"job {job} goes on: '{status}' shows it, the same command follows it again" in err
        os.kill(first, 0)  # it does go on

        assert main(["status", "--profile", "toy.toml", "--device", "cpu"]) == 0
        out = capsys.readouterr().out
        assert f"running, job {job}: long ({toy.cells['long'].key})" in " ".join(out.split())

        found: list = []
        again = threading.Thread(target=lambda: found.append(toy.run(cluster="local")))
        again.start()
        os.kill(parent(first), signal.SIGUSR2)  # what SLURM sends before it takes the machine away
        second = int(wait_for(lambda: text_of(started) not in ("", str(first)) and text_of(started), "it is back"))
        assert not Path(f"/proc/{first}").exists()
        leave.write_text("")
        again.join(LONG)
        ((outcomes, text),) = found
        assert outcomes["long"] == outcomes["after"] == "done"
        assert f"submitted before: job {job}" in text
        assert len(toy.submitted) == 2
        assert f"Requeued job {job}" in text_of(toy.store.root / "jobs" / "logs" / f"{job}_0_log.err") + text_of(
            toy.store.root / "jobs" / "logs" / f"{job}_0_log.out"
        )
        assert second != first
    finally:
        leave.write_text("")
        if submitting.poll() is None:
            end(submitting.pid)
