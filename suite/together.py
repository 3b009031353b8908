"""Whether this process is one of several that torchrun, or a cluster, started to compute together."""

from __future__ import annotations

import os

COUNT = "WORLD_SIZE"
LAUNCHED = ("TORCHELASTIC_RUN_ID", "RANK")  # what a launcher sets beside it; alone, WORLD_SIZE is left from something


def count() -> int:
    """How many processes compute together."""
    return int(os.environ[COUNT]) if started_together() else 1


def started_together() -> bool:
    """Whether the environment says so; nothing is imported to find out."""
    count = os.environ.get(COUNT, "")
    return count.isdigit() and int(count) > 1 and any(name in os.environ for name in LAUNCHED)
