"""What machine and which libraries computed a number."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from suite.errors import SuiteError

DEVICES = ("auto", "cpu", "cuda")
NUMERIC_LIBRARIES = ("torch", "torchvision", "timm", "numpy", "scipy", "scikit-learn")


def _version(package: str) -> str:
    try:
        return version(package).split("+")[0]  # the local part names a build, not a release
    except PackageNotFoundError:
        return "absent"


@cache
def numerics(device: str) -> dict[str, str]:
    """The libraries and the kind of device that can change a result: part of every cell's key."""
    return {name: _version(name) for name in NUMERIC_LIBRARIES} | {"device": device}


@cache
def commit() -> str:
    """The commit of this source tree, with ``+changes`` if it differs; ``unknown`` outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():  # installed: a repository further up is somebody else's
        return "unknown"
    try:
        head = _git(root, "rev-parse", "HEAD")
        dirty = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+changes" if dirty else "")


def _git(root: Path, *command: str) -> str:
    return subprocess.run(["git", "-C", str(root), *command], capture_output=True, text=True, check=True).stdout.strip()


def environment(device: str) -> dict[str, Any]:
    """Everything about where a cell was computed; recorded with it, shown beside its verdicts."""
    found: dict[str, Any] = {
        "libraries": numerics(device) | {"mlflow": _version("mlflow")},
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "device": device,
        "commit": commit(),
    }
    torch = sys.modules.get("torch")  # if it is not loaded, it computed nothing
    if torch is not None:
        found["threads"] = torch.get_num_threads()
    if torch is not None and device == "cuda":
        found["gpu"] = torch.cuda.get_device_name()
    return found


def resolve_device(asked: str, *, here: bool = True) -> str:
    """``auto`` means the first GPU if there is one.

    Args:
        asked: ``auto``, ``cpu`` or ``cuda``.
        here: whether this machine is to compute on it; if not, ``cuda`` is taken at its word.

    Raises:
        SuiteError: there is no such device, or none is visible.
    """
    if asked not in DEVICES:
        raise SuiteError(f"no device {asked!r}: choose from {', '.join(DEVICES)}")
    if asked == "cpu" or (asked == "cuda" and not here):
        return asked
    import torch  # noqa: PLC0415 - three seconds that only this question needs

    available = bool(torch.cuda.is_available())
    if asked == "cuda" and not available:
        raise SuiteError(f"no CUDA device is visible to torch ({why_no_cuda()}): use --device cpu, or auto")
    return "cuda" if available else "cpu"


def why_no_cuda() -> str:
    """Why torch sees no CUDA device, as far as it can be told: one line."""
    import torch  # noqa: PLC0415 - three seconds that only this question needs

    built = torch.version.cuda
    if built is None:
        return "this build of torch has no CUDA: install one that has, https://pytorch.org/get-started/locally"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.split(",")[0].strip() in ("", "-1"):
        return f"CUDA_VISIBLE_DEVICES is {hidden!r}, which hides all"
    driver = driver_version()
    if not driver:
        return "no NVIDIA driver answers on this machine: nvidia-smi must list a GPU"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as fault:
        return f"driver {driver}, torch built for CUDA {built}: {' '.join(str(fault).split())}"
    return f"driver {driver} answers, but torch, built for CUDA {built}, finds no device"


def driver_version() -> str:
    """The NVIDIA driver's version; empty where none answers."""
    command = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return ""
    return next(iter(done.stdout.split()), "")
