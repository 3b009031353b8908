"""What a scheduler says of a job, and what is said when it cannot be asked."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from suite.evidence.store import Store
from suite.run.joblog import last_words
from suite.run.jobs import Ledger, entry
from suite.run.scheduler import ENDED, QUEUED, RUNNING, UNKNOWN, UNLISTED, Answer, ask, user


def jobs(*names, cluster="slurm", **changes):
    return [replace(entry(f"cell-{name}", name, cluster, before=None, log=""), **changes) for name in names]


def answers(*entries):
    return ask(one.ticket for one in entries)


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
    asked = command("squeue", "1|PENDING|Resources", "2|RUNNING|None", "3|COMPLETING|None", "7|TIMEOUT|TimeLimit")
    accounts = command("sacct", "4|OUT_OF_MEMORY", "5|CANCELLED by 0")
    assert answers(*jobs("1", "2", "3", "4", "5", "6", "7")) == {
        "1": Answer(QUEUED, "PENDING: Resources", "Resources"),
        "2": Answer(RUNNING, "RUNNING"),
        "3": Answer(RUNNING, "COMPLETING"),
        "4": Answer(ENDED, "OUT_OF_MEMORY"),
        "5": Answer(ENDED, "CANCELLED by 0"),
        "6": Answer(UNLISTED, "SLURM does not list it"),
        "7": Answer(ENDED, "TIMEOUT"),
    }
    assert "--jobs=1,2,3,4,5,6,7 " in asked.read_text(), "asked by number: a name may be wrong, or hidden"
    assert "--user" not in asked.read_text()
    assert "--jobs 4,5,6" in accounts.read_text()


@pytest.mark.parametrize("state", ["PREEMPTED", "REQUEUED", "PENDING", "REQUEUE_HOLD"])
def test_a_job_that_comes_back_has_not_ended(command, state):
    command("squeue")
    command("sacct", f"1|{state}")
    assert answers(*jobs("1"))["1"] == Answer(UNLISTED, f"SLURM does not list it; its accounts say {state}")
    command("squeue", f"1|{state}|None")
    assert answers(*jobs("1"))["1"] == Answer(QUEUED, state)


def test_who_cannot_be_asked_knows_nothing(command):
    assert answers(*jobs("1"))["1"].word == UNKNOWN
    assert "there is no squeue on " in answers(*jobs("1"))["1"].detail
    command("squeue", "slurm_load_jobs error", status=1, stream=2)
    assert answers(*jobs("1"))["1"] == Answer(UNKNOWN, "squeue: slurm_load_jobs error")
    command("squeue", "squeue: error: Invalid user: ghost", stream=2)  # SLURM 22.05 ends with status 0 all the same
    assert answers(*jobs("1"))["1"] == Answer(UNKNOWN, "squeue: squeue: error: Invalid user: ghost")
    assert ask([]) == {}


def test_one_job_that_is_long_gone_is_a_fault_to_squeue_and_unlisted_to_us(command):
    command("squeue", "slurm_load_jobs error: Invalid job id specified", status=1, stream=2)
    assert answers(*jobs("1"))["1"].word == UNLISTED


def test_a_job_of_another_cluster_or_of_somebody_who_hides_it_is_not_guessed_at(command):
    command("squeue")
    ours, theirs = "ClusterName             = ours", "its cluster is theirs, this one is ours"
    command("scontrol", ours)
    assert jobs("1")[0].home == "ours", "noted when it is submitted"
    assert answers(*jobs("1", home="theirs"))["1"] == Answer(UNKNOWN, theirs)
    assert answers(*jobs("1"))["1"].word == UNLISTED
    assert answers(*jobs("1", home=""))["1"].word == UNLISTED, "of an evidence folder from before names were noted"
    hidden = answers(*jobs("1", user="colleague"))["1"]
    assert hidden.word == UNKNOWN
    assert hidden.detail.endswith("a job of colleague")


def test_who_we_are_is_no_matter_of_the_environment(monkeypatch):
    before = user()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "ghost")
    assert user() == before != "ghost"


def test_a_local_job_is_a_controller_that_lives_here():
    ours = jobs(str(os.getpid()), cluster="local")
    assert answers(*ours)[ours[0].job] == Answer(ENDED), "a process of that number, but no controller"
    elsewhere = replace(ours[0], host="another")
    assert answers(elsewhere)[ours[0].job] == Answer(UNKNOWN, "its processes run on another")
    code = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, "submitit.local._local"], stdin=subprocess.PIPE) as controller:
        (one,) = jobs(str(controller.pid), cluster="local")
        assert answers(one)[one.job] == Answer(RUNNING)
    assert answers(one)[one.job] == Answer(ENDED)


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


# ------------------------------------------------------------------ jobs that are not listed

CANCELLED = "slurmstepd: error: *** STEP 1.0 ON n CANCELLED AT 2026-01-01T00:00:00 ***"
PREEMPTED = "slurmstepd: error: *** JOB 1 ON n CANCELLED AT 2026-01-01T00:00:00 DUE TO PREEMPTION ***"


@pytest.fixture
def unlisted(command, tmp_path):
    """A ledger of one job that SLURM does not list; gives a function from patience to what is known of its cell."""
    command("squeue")
    (tmp_path / "evidence").mkdir()
    log = tmp_path / "evidence" / "jobs" / "logs" / "1_0_log.err"

    def make(patience=1000.0):
        ledger = Ledger(Store(tmp_path / "evidence"), patience=patience)
        with ledger.submitting():
            ledger.write(jobs("1", log=str(log)))
        ledger.logs.mkdir(exist_ok=True)
        return ledger, log

    return make


def test_absence_alone_is_no_end(unlisted):
    ledger, log = unlisted()
    assert str(ledger.looks(["cell-1"])["cell-1"]) == "submitted, job 1 (SLURM does not list it)"
    log.write_text(f"computing\n{PREEMPTED}\n")
    assert ledger.looks(["cell-1"])["cell-1"].active, "a preempted job comes back"


def test_absence_is_an_end_where_the_disk_says_so(unlisted):
    ledger, log = unlisted()
    log.write_text(f"{PREEMPTED}\ncomputing\n{CANCELLED}\n")
    look = ledger.looks(["cell-1"])["cell-1"]
    assert look.word == "lost"
    assert look.detail == "SLURM does not list it: STEP 1.0 ON n CANCELLED AT 2026-01-01T00:00:00"
    log.write_text(
        f"{CANCELLED}\nsrun: Job step aborted: Waiting up to 7 seconds for job step to finish.\n"
        "srun: error: n: task 0: Killed\nsrun: launch/slurm: _step_signal: Terminating StepId=1.0\n"
    )
    assert not ledger.looks(["cell-1"])["cell-1"].active
    log.write_text(f"{CANCELLED}\n" + "computing\n" * 9)
    assert ledger.looks(["cell-1"])["cell-1"].active, "it was requeued"
    log.unlink()
    assert ledger.looks(["cell-1"])["cell-1"].active
    (ledger.logs / "1_0_result.pkl").write_bytes(b"")
    assert not ledger.looks(["cell-1"])["cell-1"].active


def test_absence_for_long_is_an_end(unlisted):
    ledger, _ = unlisted(patience=0.0)
    assert not ledger.looks(["cell-1"])["cell-1"].active


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["INFO", "slurmstepd: error: Exceeded job memory limit", CANCELLED], "Exceeded job memory limit"),
        (
            [CANCELLED, "slurmstepd: error: *** JOB 1 ON n CANCELLED AT T DUE TO TIME LIMIT ***"],
            "JOB 1 ON n CANCELLED AT T DUE TO TIME LIMIT",
        ),
        (
            ["suite: no claim asks for a cell 'x'", "RuntimeError: not every cell was computed"],
            "suite: no claim asks for a cell 'x'",
        ),
        (["blocked: after a: it needs b", "Traceback (most recent call last):"], "blocked: after a: it needs b"),
        (
            ["srun: fatal: SLURM_MEM_PER_CPU and SLURM_MEM_PER_NODE are mutually exclusive"],
            "SLURM_MEM_PER_CPU and SLURM_MEM_PER_NODE are mutually exclusive",
        ),
        (["ModuleNotFoundError: No module named 'torch'"], "ModuleNotFoundError: No module named 'torch'"),
        (["epoch 3"], ""),
    ],
)
def test_the_last_words_of_a_log_are_those_that_tell_why(tmp_path, lines, words):
    (tmp_path / "log").write_text("\n".join(lines))
    assert last_words(tmp_path / "log") == words
    assert last_words(tmp_path / "none") == ""
