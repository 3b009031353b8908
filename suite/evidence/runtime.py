"""What machine and which libraries computed a number."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

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
    try:
        head = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        dirty = subprocess.run(
            ["git", "-C", str(root), "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+changes" if dirty else "")


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
    if device == "cuda":
        import torch  # noqa: PLC0415 - a GPU was used, so torch is loaded already

        found["gpu"] = torch.cuda.get_device_name()
    return found


def resolve_device(asked: str) -> str:
    """``auto`` means the first GPU if there is one.

    Raises:
        ValueError: a GPU was asked for and there is none.
    """
    if asked == "cpu":
        return "cpu"
    import torch  # noqa: PLC0415 - three seconds that only this question needs

    available = bool(torch.cuda.is_available())
    if asked == "auto":
        return "cuda" if available else "cpu"
    if asked == "cuda" and available:
        return "cuda"
    if asked == "cuda":
        raise ValueError("no CUDA device is visible to torch: use --device cpu, or auto")
    raise ValueError(f"unknown device {asked!r}: use auto, cpu or cuda")
