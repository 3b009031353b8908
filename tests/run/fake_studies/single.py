"""A study whose cells are computed one by one."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

LONG = 300.0  # seconds that no test ever waits in full


class FakeFault(RuntimeError):
    """Raised on request."""


def _wait(spec) -> None:
    """Say that it runs, then wait for leave to go on."""
    Path(spec["started"]).write_text(str(os.getpid()))
    deadline = time.monotonic() + LONG
    while not Path(spec["go"]).exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def _once(spec) -> bool:
    """Whether this is the first time, by a marker file."""
    marker = Path(spec["marker"])
    first = not marker.exists()
    marker.write_text("been here")
    return first


def _act(does: str, spec) -> None:
    if does == "raise":
        raise FakeFault("it broke\nand the reason\n  spans lines")
    if does == "kill" and _once(spec):
        os.kill(os.getpid(), signal.SIGKILL)
    if does == "exit" and _once(spec):
        os._exit(7)
    if does == "wait":
        _wait(spec)
    if does == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if does == "full in disguise":
        raise FakeFault("PytorchStreamWriter failed writing file data/0: file write failed")


def run(bench):
    spec = bench.cell.spec
    does = spec["does"]
    bench.report(0.0, f"does {does}")
    if does == "return nothing":
        return None
    _act(does, spec)
    needed = [float(bench.need(role).arrays["value"]) for role in sorted(bench.cell.needs)]
    value = float(spec.get("value", 1.0)) + sum(needed)
    if does == "file on a full disk":
        (bench.folder / "weights.bin").symlink_to("/dev/full")
        (bench.folder / "weights.bin").write_bytes(b"x" * 10)
    metrics = [{"step": step, "loss": 1.0 / step} for step in (1, 2)]
    if does == "nan metric":
        metrics[1]["loss"] = float("nan")
    arrays = {"value": np.float64(value), "torch": np.bool_("torch" in sys.modules), "pid": np.int64(os.getpid())}
    if does == "objects":
        arrays["objects"] = np.array([object()])
    bench.report(1.0, "is there")
    return arrays, metrics
