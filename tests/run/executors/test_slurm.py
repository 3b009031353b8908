"""The way to a SLURM cluster: what is asked of it, in which order, what it is asked again, and what is refused."""

from __future__ import annotations

import re
import sys
from functools import partialmethod
from types import SimpleNamespace

import fake_slurm
import pytest
from fake_studies.plans import quiet
from toy import Toy, wait_for

from suite.cli import main
from suite.errors import SuiteError
from suite.run.executors import Work, run
from suite.run.executors import slurm as module
from suite.run.executors.slurm import Remote, _named
from suite.run.memory import Line
from suite.run.resources import Resources

CHAIN = {
    "need": {},
    "bad": {"does": "raise"},
    "after": {"needs": ["need"], "group": "last"},
    "after bad": {"needs": ["bad"], "group": "last"},
}
MORE = """
[compute]
hours = 0.5
processes = 4

[compute.slurm]
partition = "gpu"
mem_gb = 40

[compute."fake_studies.block"]
nodes = 2
slurm = { partition = "large" }
"""


def wanted(script):
    """What a submission script asks for."""
    return dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script.read_text(), flags=re.MULTILINE))


def interrupted(toy, monkeypatch, **changes):
    """Submit, and press Ctrl-C at the first pause; what was said."""

    def press(_seconds):
        raise KeyboardInterrupt

    said = []
    made = toy.plan()
    progress = quiet(made)
    progress.say = said.append
    with monkeypatch.context() as patch:
        patch.setattr(module, "time", SimpleNamespace(sleep=press))
        with pytest.raises(KeyboardInterrupt):
            run(made, toy.slurm(**changes), progress)
    return said


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A toy project before a fake SLURM that holds all jobs; gives a function that makes the toy, and its scripts."""
    state = fake_slurm.install(tmp_path, monkeypatch)
    (state / "hold").write_text("")

    def make(cells=CHAIN, more=MORE):
        return Toy(tmp_path, monkeypatch, cells, more), state

    return make


def test_every_job_is_submitted_at_once_with_what_the_profile_asks_for_and_after_its_needs(cluster, monkeypatch):
    toy, state = cluster(CHAIN | {"wide": {"study": "fake_studies.block", "weight": 3.0}})
    said = interrupted(toy, monkeypatch, device="cuda", slurm_account="lab", mem_gb=64)
    need, bad, wide, last = [wanted(path) for path in sorted(state.glob("*.sh"))]
    common = {"partition": "gpu", "account": "lab", "mem": "64GB", "nodes": "1", "gpus-per-node": "4"}
    common |= {"ntasks-per-node": "1", "cpus-per-task": "32", "time": "60", "job-name": "suite-single"}
    for job in (need, bad):
        assert common.items() <= job.items()
        assert "dependency" not in job
    assert last["dependency"] == "afterany:101:102"
    assert last["time"] == "120", "twice what two cells take"
    assert {"partition": "large", "nodes": "2", "time": "180", "job-name": "suite-block"}.items() <= wide.items()
    assert said[0] == "submitted jobs 101, 102, 103, 104"
    assert said[1].startswith("jobs 101, 102, 103, 104 go on: 'python -m suite status' shows")


ANY_MEMORY = MORE.replace("mem_gb = 40\n", "")


def test_memory_is_asked_for_by_what_finished_cells_took_and_is_said_first(cluster, monkeypatch):
    cells = {"a": {"study": "fake_studies.block", "group": "g"}, "b": {"study": "fake_studies.block", "group": "g"}}
    toy, state = cluster(cells | {"c": {}}, ANY_MEMORY)
    monkeypatch.setattr(Toy, "slurm", partialmethod(with_lines, {"fake_studies.block": Line(1e9, 2e9, 0.0, 7)}))
    said = interrupted(toy, monkeypatch)
    memory = sorted(wanted(path)["mem"] for path in state.glob("*.sh"))
    assert memory == ["16GB", "28GB"], "four processes of 4, and of 1.25 times 5"
    assert said[0] == (
        "fake_studies.block: a job asks for 28 GB of memory at most: a process 1 GB and 2 a cell, as 7 finished cells "
        "took, and a margin of 25%; --slurm mem_gb=N asks for N"
    )
    assert said[1].startswith("fake_studies.single: a job asks for 16 GB of memory at most: estimated, for no finished")
    assert said[2].startswith("submitted job")


def with_lines(toy, lines, **_overrides):
    toy.write_plans()
    return module.Slurm(Work(toy.store, "cpu"), toy.profile, toy.launch, lines=lines, slowest=0.1)


def test_what_is_in_the_queue_is_not_submitted_again_and_status_says_where_it_is(cluster, monkeypatch, capsys):
    toy, state = cluster()
    interrupted(toy, monkeypatch)
    scripts = sorted(path.name for path in state.glob("*.sh"))
    (state / "101.state").write_text("RUNNING")
    (state / "102.state").write_text("TIMEOUT")
    assert main(["status", "--profile", "toy.toml", "--device", "cpu"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"running, job 101 (RUNNING): need ({toy.cells['need'].key})" in out
    assert f"submitted, job 103 (PENDING: Resources): after ({toy.cells['after'].key}), after bad" in out
    assert f"lost, job 102 (TIMEOUT): bad ({toy.cells['bad'].key}); its log is " in out
    assert "4 cells (running 1, submitted 2, missing 1); 1 to compute, about 30 min" in out

    said = interrupted(toy, monkeypatch)
    assert said[:2] == ["submitted before: jobs 101, 103", "submitted job 104"]
    assert sorted(path.name for path in state.glob("*.sh")) == [*scripts, "104.sh"]
    assert main(["claims", "--executor", "export", "--profile", "toy.toml", "--device", "cpu"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "# nothing to compute\n"
    assert "4 cells are submitted or running and left out" in printed.err


def test_where_nobody_can_be_asked_nothing_is_guessed_and_nothing_submitted_twice(cluster, monkeypatch, capsys):
    toy, state = cluster()
    interrupted(toy, monkeypatch)
    squeue = state.parent / "bin" / "squeue"
    squeue.write_text("#!/bin/bash\necho 'slurm_load_jobs error: Unable to contact controller' >&2\nexit 1\n")
    assert main(["status", "--profile", "toy.toml", "--device", "cpu"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "submitted, job 101 (squeue: slurm_load_jobs error: Unable to contact controller): need" in out
    interrupted(toy, monkeypatch)
    assert len(list(state.glob("*.sh"))) == 3


def test_jobs_run_in_the_order_of_their_needs_and_tell_what_they_cannot_have(cluster):
    toy, state = cluster(more="")
    (state / "hold").unlink()
    outcomes, text = toy.run()
    assert outcomes == {"need": "done", "bad": "failed", "after": "done", "after bad": "blocked"}
    assert "blocked: after bad (it needs a cell that could not be had)" in text
    log = toy.store.root / "jobs" / "logs" / "103_0_log.err"
    ends = {path.stem: (lambda path=path: path.read_text() not in fake_slurm.LIVE) for path in state.glob("*.state")}
    assert all(wait_for(ended, f"{job} ended") for job, ended in ends.items())
    assert [path.read_text() for path in sorted(state.glob("*.state"))] == ["COMPLETED", "FAILED", "FAILED"]
    words = f"blocked: after bad: it needs 'bad' ({toy.cells['bad'].key}), which is failed; compute that first"
    assert words in log.read_text()


# -------------------------------------------------------------------------------------------------- refusals


def test_without_slurm_or_submitit_it_says_what_to_do(tmp_path, monkeypatch):
    toy = Toy(tmp_path, monkeypatch, {"one": {}})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SuiteError, match=r"no SLURM here .*--slurm cluster=local.*--executor export"):
        toy.run()
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(SuiteError, match=r"needs submitit: in the clone, pip install -e '\.\[slurm\]'"):
        toy.run()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"queue": "gpu"}, "Parameter 'queue' need to be prefixed by an executor name"),
        ({"slurm_nope": 1}, "Unknown argument 'nope' for executor 'slurm'"),
        ({"timeout_min": "60:00"}, '"timeout_min" expected type'),
        ({"cluster": "pbs"}, "cluster = 'pbs': choose from slurm, local"),
    ],
)
def test_a_parameter_that_is_none_is_refused_before_anything_is_submitted(cluster, changes, words):
    toy, state = cluster(more="")
    with pytest.raises(SuiteError, match=re.escape(words)):
        toy.run(**changes)
    assert not list(state.glob("*.sh"))


def test_a_job_that_the_cluster_refuses_ends_with_its_reason(cluster):
    toy, state = cluster(more="")
    (state.parent / "bin" / "sbatch").write_text("#!/bin/bash\necho 'invalid partition specified: gpu' >&2\nexit 1\n")
    with pytest.raises(SuiteError, match=r"need: the cluster refused the job: .*invalid partition specified: gpu"):
        toy.run()


# -------------------------------------------------------------------------------------------------- parts


def test_several_processes_start_under_torchrun_and_several_nodes_meet_at_the_first(monkeypatch):
    module_arguments = ["-m", "suite", "compute", "key"]
    python = [sys.executable]
    torchrun = [*python, "-m", "torch.distributed.run", "--signals-to-handle", "SIGHUP"]
    assert Remote(module_arguments, Resources())._command() == [*python, *module_arguments]
    assert Remote(module_arguments, Resources(processes=8))._command() == [
        *torchrun,
        "--standalone",
        "--nproc-per-node",
        "8",
        *module_arguments,
    ]
    for name, value in {"JOB_ID": "31007", "JOB_NODELIST": "node[03-04]", "JOB_NUM_NODES": "2", "PROCID": "1"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    command = Remote(module_arguments, Resources(processes=8, nodes=2))._command()
    assert command == [
        *torchrun,
        *("--nnodes", "2", "--nproc-per-node", "8", "--rdzv-backend", "c10d"),
        *("--rdzv-id", "31007", "--rdzv-endpoint", "node03:21007"),
        *module_arguments,
    ]


def test_many_jobs_are_named_by_the_first_and_the_last():
    assert _named([]) == ""
    assert _named(["7", "7"]) == "job 7"
    assert _named(["7", "8"]) == "jobs 7, 8"
    assert _named([str(n) for n in range(7, 47)]) == "40 jobs (7 ... 46)"
