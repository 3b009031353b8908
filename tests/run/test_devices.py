"""Which GPUs workers get, and when a process is one of several."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import torch

from suite.errors import SuiteError
from suite.run import devices
from suite.run.execute import _group
from suite.together import started_together
from suite.train import distributed


@pytest.fixture
def eight(monkeypatch):
    """A machine of eight GPUs, all visible."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)


def test_workers_are_as_many_as_gpus_and_take_them_in_turn(eight):
    assert devices.workers("cuda") == 8
    assert devices.dealt(3, "cuda") == ["0", "1", "2"]
    assert devices.dealt(10, "cuda")[7:] == ["7", "0", "1"]
    assert devices.dealt(2, "cpu") == ["", ""]


@pytest.mark.parametrize(
    ("visible", "names"),
    [("2,5", ("2", "5")), ("GPU-a, MIG-b", ("GPU-a", "MIG-b")), ("", ()), ("-1", ()), ("1,-1,2", ("1",))],
)
def test_what_is_hidden_is_not_given_away(monkeypatch, visible, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.gpus() == names
    assert devices.workers("cuda") == max(1, len(names))


def test_workers_without_a_gpu_are_as_many_as_the_cores_that_are_ours(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 192)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert devices.workers("cpu") == 8


def test_a_worker_sees_its_gpu_alone(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    devices.see_only("")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    devices.see_only("1")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    with pytest.raises(AssertionError, match="a GPU is open already"):
        devices.see_only("0")


# -------------------------------------------------------------------------------------------------- several processes


@pytest.fixture
def environment(monkeypatch):
    """Sets exactly these of the variables of launchers."""

    def put(**variables):
        for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return put


def test_a_world_size_that_was_left_behind_makes_nobody_wait(environment):
    for variables in ({}, {"WORLD_SIZE": "8"}, {"WORLD_SIZE": ""}, {"WORLD_SIZE": "1", "RANK": "0"}):
        environment(**variables)
        assert not started_together()
        assert _group() is None
    for variables in ({"RANK": "0"}, {"TORCHELASTIC_RUN_ID": "x"}):
        environment(WORLD_SIZE="8", **variables)
        assert started_together()


def test_two_processes_on_one_gpu_are_refused_in_words():
    distributed._require_gpus(4, 4)
    with pytest.raises(SuiteError, match="8 processes were started on this node, which has 4 GPUs for them"):
        distributed._require_gpus(8, 4)


def test_where_nodes_cannot_reach_one_another_it_says_what_to_try(environment, monkeypatch):
    def refuses(*_arguments, **_options):
        raise RuntimeError("Connect timeout [127.0.1.1]:1234")

    environment(WORLD_SIZE="4", RANK="0", LOCAL_WORLD_SIZE="2", MASTER_ADDR="a", MASTER_PORT="1")
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    monkeypatch.setattr(distributed, "rendezvous", lambda _: iter([(SimpleNamespace(), 0, 4)]))
    monkeypatch.setattr(distributed, "PrefixStore", lambda _name, store: store)
    monkeypatch.setattr(distributed.dist, "init_process_group", refuses)
    distributed.processes.cache_clear()
    with pytest.raises(SuiteError, match=r"the 4 processes cannot reach one another .*127.0.1.1.*GLOO_SOCKET_IFNAME"):
        distributed.processes()
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth0")
    with pytest.raises(SuiteError, match=r"cannot reach one another \(RuntimeError: Connect timeout .*\)$"):
        distributed.processes()
