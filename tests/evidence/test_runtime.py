"""Where a number was computed, and what is said of it."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from suite.errors import SuiteError
from suite.evidence import disk, runtime


def test_the_environment_says_what_a_reviewer_asks():
    found = runtime.environment("cpu")
    assert found["libraries"]["numpy"] == runtime.version("numpy")
    assert found["libraries"]["device"] == "cpu"
    assert {"python", "system", "processor", "cores", "commit"} <= set(found)


def test_threads_and_gpu_are_recorded_where_torch_computed(monkeypatch):
    gpu = SimpleNamespace(get_device_name=lambda: "H200")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(get_num_threads=lambda: 3, cuda=gpu))
    assert runtime.environment("cuda")["gpu"] == "H200"
    assert runtime.environment("cpu")["threads"] == 3
    assert "gpu" not in runtime.environment("cpu")


def test_a_build_tag_is_no_release(monkeypatch):
    monkeypatch.setattr(runtime, "version", lambda _name: "2.15.0+cu126")
    assert runtime._version("torch") == "2.15.0"
    assert runtime._version.__module__ == "suite.evidence.runtime"


def test_a_library_that_is_not_there_is_said_to_be_absent():
    assert runtime._version("no-such-library-anywhere") == "absent"


def test_a_repository_further_up_is_not_ours(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "__file__", str(tmp_path / "site-packages" / "suite" / "evidence" / "runtime.py"))
    assert runtime.commit.__wrapped__() == "unknown"


def test_without_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert runtime.commit.__wrapped__() == "unknown"


@pytest.mark.parametrize("asked", ["tpu", "", "CPU"])
def test_an_unknown_device_is_refused_without_asking_torch(asked, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it would raise
    with pytest.raises(SuiteError, match=r"no device '.*': choose from auto, cpu, cuda"):
        runtime.resolve_device(asked)
    assert runtime.resolve_device("cpu") == "cpu"


@pytest.mark.parametrize(("visible", "auto"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_a_gpu_if_there_is_one(visible, auto, monkeypatch):
    cuda = SimpleNamespace(is_available=lambda: visible)
    built = SimpleNamespace(cuda=None)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda, version=built))
    assert runtime.resolve_device("auto") == auto
    if visible:
        assert runtime.resolve_device("cuda") == "cuda"
    else:
        words = r"no CUDA device is visible to torch \(this build of torch has no CUDA: .*\): use --device cpu, or auto"
        with pytest.raises(SuiteError, match=words):
            runtime.resolve_device("cuda")


def test_why_there_is_no_cuda_is_told_by_its_likeliest_cause(tmp_path, monkeypatch):
    def old():
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040)")

    torch = SimpleNamespace(cuda=SimpleNamespace(init=lambda: None), version=SimpleNamespace(cuda="13.0"))
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert runtime.driver_version() == ""
    assert runtime.why_no_cuda() == "no NVIDIA driver answers on this machine: nvidia-smi must list a GPU"
    (tmp_path / "nvidia-smi").write_text("#!/bin/bash\necho 470.1\necho 470.1\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert runtime.driver_version() == "470.1"
    assert runtime.why_no_cuda() == "driver 470.1 answers, but torch, built for CUDA 13.0, finds no device"
    torch.cuda.init = old
    assert runtime.why_no_cuda().startswith(
        "driver 470.1, torch built for CUDA 13.0: The NVIDIA driver on your system is"
    )
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert runtime.why_no_cuda() == f"CUDA_VISIBLE_DEVICES is {hidden!r}, which hides all"


def test_a_full_disk_is_known_in_every_disguise(tmp_path, monkeypatch):
    plain = OSError(28, "No space left on device")
    chained = RuntimeError("write failed")
    chained.__cause__ = ValueError("inner")
    chained.__cause__.__context__ = plain
    quota = OSError(122, "Disk quota exceeded")
    rust = RuntimeError("I/O error: No space left on device (os error 28)")
    other = RuntimeError("loss is nan")
    assert [disk.is_full(fault, tmp_path) for fault in (plain, chained, quota, rust, other)] == [True] * 4 + [False]
    assert not disk.is_full(other, tmp_path / "not there")
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _root: SimpleNamespace(free=100))
    assert disk.is_full(RuntimeError("PytorchStreamWriter failed writing file"), tmp_path)
