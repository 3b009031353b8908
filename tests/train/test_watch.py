"""A process that waits too long ends, and says for whom it waited."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
from pathlib import Path

import pytest
from torch.distributed import HashStore

from suite.train import watch as module
from suite.train.watch import Watch, patience

JOB = """
import time
from suite.train.distributed import processes
group = processes()
assert group.gather(group.rank) == [0, 1]
if group.rank == 1:
    time.sleep(600)
group.gather("never heard")
"""


def watched(store, rank, count, seconds=0.2):
    """A watch, and what it says and ends with."""
    said = queue.Queue()
    return Watch(store, rank, count, seconds=seconds, say=said.put, end=said.put), said


def test_it_names_those_that_are_behind_and_those_that_never_came():
    store = HashStore()
    store.set("1", "0")
    one, said = watched(store, 0, 3)
    with one.waiting("all_reduce"):
        text = said.get(timeout=60)
        assert said.get(timeout=60) == module._HUNG
    assert text.startswith("process 0 has waited 0.00333 minutes in all_reduce (operation 1) for process 1, last in")
    assert "; process 2, never heard of; the job ends, start it again to resume" in text


def test_where_all_are_in_the_same_operation_nobody_is_blamed():
    store = HashStore()
    store.set("1", "1")
    one, said = watched(store, 0, 2)
    with one.waiting("all_reduce"):
        assert "with all processes in it: the network or a GPU hangs" in said.get(timeout=60)


def test_short_waits_and_long_work_end_nothing():
    one, said = watched(HashStore(), 0, 1)
    for _ in range(5):
        with one.waiting("all_reduce"):
            pass
    with pytest.raises(queue.Empty):
        said.get(timeout=1.0)


def test_a_store_that_is_gone_is_said_to_be(monkeypatch):
    class Gone:
        def gone(self, *_):
            raise RuntimeError("Connection reset by peer")

        check = get = set = gone

    one, said = watched(Gone(), 1, 2)
    with one.waiting("broadcast"):
        assert "cannot ask for whom: the first process is gone" in said.get(timeout=60)


def test_patience_is_in_the_environment(monkeypatch):
    monkeypatch.setenv(module.MINUTES, "0.5")
    assert patience() == 30.0
    monkeypatch.delenv(module.MINUTES)
    assert patience() == 900.0


def test_two_real_processes_of_which_one_hangs_end_in_time_and_by_name():
    root = Path(__file__).parents[2]
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python")
    done = subprocess.run(
        [*torchrun, sys.executable, "-c", JOB],
        env=os.environ | {"PYTHONPATH": str(root), module.MINUTES: "0.1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode != 0
    words = "suite: process 0 has waited 0.1 minutes in all_gather (operation 2) for process 1, last in operation 1"
    assert words in done.stderr, done.stderr[-2000:]
