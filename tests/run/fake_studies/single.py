"""A study whose cells are computed one by one."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from suite.studies.protocol import separately

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


def _count(file: str, what: str) -> None:
    """Add a line to a file that several processes may write."""
    with Path(file).open("a", encoding="utf-8") as tally:
        tally.write(f"{what}\n")


def _steps(bench, spec) -> None:
    """A training: steps that take a while each, and a checkpoint after every one."""
    place = bench.checkpoints / "step.txt"
    first = int(place.read_text()) if place.exists() else 0
    for step in range(first, spec["steps"]):
        time.sleep(spec["pause"])
        if step == spec.get("full_at") and _once(spec):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        _count(spec["trace"], str(step))
        place.with_suffix(".new").write_text(str(step + 1))
        place.with_suffix(".new").replace(place)


def _act(does: str, spec) -> None:
    if does == "take memory":
        held = np.ones(spec["megabytes"] * 2**17)  # every page of it is touched
        time.sleep(LONG)
        held[0] = 0.0
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
    if "tally" in spec:
        _count(spec["tally"], spec["name"])
    if does == "steps":
        _steps(bench, spec)
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
    arrays["gpu"] = np.str_(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    if does == "objects":
        arrays["objects"] = np.array([object()])
    bench.report(1.0, "is there")
    return arrays, metrics


TOGETHER = DISTRIBUTED = False
run_block = separately(run)
