"""The GPUs of this machine, and how many workers they feed."""

from __future__ import annotations

import os
import sys

VISIBLE = "CUDA_VISIBLE_DEVICES"


def gpus() -> tuple[str, ...]:
    """The names of the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` takes them: numbers or UUIDs.

    No GPU is touched: what has been opened by a parent cannot be given to a child.
    """
    given = os.environ.get(VISIBLE)
    if given is not None:
        names = tuple(name.strip() for name in given.split(",") if name.strip())
        return names[: names.index("-1")] if "-1" in names else names  # CUDA stops at the first that is none
    import torch  # noqa: PLC0415 - three seconds that only this question needs

    return tuple(str(number) for number in range(torch.cuda.device_count()))


def workers(device: str) -> int:
    """How many cells are computed at once if nobody says: one a core, or one a GPU."""
    if device == "cuda":
        return max(1, len(gpus()))
    if hasattr(os, "sched_getaffinity"):  # what SLURM, taskset and containers leave of the machine's cores
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def several(device: str) -> bool:
    """Whether there are GPUs to share out."""
    return device == "cuda" and len(gpus()) > 1


def dealt(count: int, device: str) -> list[str]:
    """The GPU of each of ``count`` workers, in turn; empty names where there is none to give."""
    names = gpus() if device == "cuda" else ()
    return [names[number % len(names)] if names else "" for number in range(count)]


def see_only(name: str) -> None:
    """Let this process see one GPU, as its first; before torch opens any.

    Args:
        name: as :func:`gpus` gives them; empty changes nothing.
    """
    if name:
        torch = sys.modules.get("torch")
        assert torch is None or not torch.cuda.is_initialized(), "a GPU is open already"
        os.environ[VISIBLE] = name
