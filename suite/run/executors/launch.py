"""The command that computes cells in a process of its own, or in several: what a job runs and a shell is given."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suite.run.resources import Resources

ENDPOINT = "${MASTER_ADDR:?name the first node}:${MASTER_PORT:-29500}"  # for a shell to fill in


@dataclass(frozen=True)
class Launch:
    """``python -m suite compute KEYS`` with the options of the session that asks for it.

    Attributes:
        options: ``--profile``, ``--evidence``..., with paths that hold from any folder.
    """

    options: tuple[str, ...]

    def module(self, keys: Sequence[str]) -> list[str]:
        """What follows ``python`` or ``torchrun``."""
        return ["-m", "suite", "compute", *keys, *self.options]

    def line(self, keys: Sequence[str], asked: Resources) -> str:
        """One line for a shell, with torchrun in front where the profile asks for several processes.

        On several nodes the same line runs on every one of them, and ``MASTER_ADDR`` names the first.
        """
        module = shlex.join(self.module(keys))
        if asked.nodes > 1:
            return f'torchrun {shlex.join(elastic(asked, keys[0]))} --rdzv-endpoint "{ENDPOINT}" {module}'
        return f"torchrun {shlex.join(standalone(asked))} {module}" if asked.processes > 1 else f"python {module}"


def standalone(asked: Resources) -> list[str]:
    """Torchrun's options for several processes of one node."""
    return ["--standalone", "--nproc-per-node", str(asked.processes)]


def elastic(asked: Resources, run: str) -> list[str]:
    """Torchrun's options for several nodes, all but where they meet (``--rdzv-endpoint``).

    Args:
        asked: nodes, and processes on each of them.
        run: a name that the nodes of one job share.
    """
    nodes = ["--nnodes", str(asked.nodes), "--nproc-per-node", str(asked.processes)]
    return [*nodes, "--rdzv-backend", "c10d", "--rdzv-id", run]
