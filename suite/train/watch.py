"""Ends a process that waits too long for others, and says for whom: a job that hangs costs all of its GPUs."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MINUTES = "SUITE_PATIENCE_MINUTES"  # in the environment; all processes of a job should have the same
PATIENCE = 15.0  # minutes: compiling, evaluating and saving keep the others waiting for a few
_LOOKS = 8  # in the time of patience
_HUNG = 71  # exit status


def patience() -> float:
    """Seconds that a process waits in one collective operation."""
    return 60.0 * float(os.environ.get(MINUTES) or PATIENCE)


def _say(text: str) -> None:
    print(f"suite: {text}", file=sys.stderr, flush=True)


class Watch:
    """One process's view of where all processes are, refreshed by a thread that no collective operation can block."""

    def __init__(
        self,
        store: Any,
        rank: int,
        count: int,
        *,
        seconds: float | None = None,
        say: Callable[[str], None] = _say,
        end: Callable[[int], Any] = os._exit,
    ) -> None:
        """Start watching.

        Args:
            store: shared small texts, over a connection of its own.
            rank: this process's number.
            count: how many there are.
            seconds: how long an operation may take; :func:`patience` if None.
            say: told why the process ends.
            end: ends the process with a status, whatever it is doing.
        """
        self._store, self._rank, self._count = store, rank, count
        self._seconds = patience() if seconds is None else seconds
        self._say_why, self._end = say, end
        self._number = 0  # of the last operation that was entered: all processes enter the same ones in one order
        self._since: tuple[str, float] | None = None
        threading.Thread(target=self._look, daemon=True, name="watch").start()

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Inside, this process waits for all others."""
        self._number += 1
        self._since = what, time.monotonic()
        try:
            yield
        finally:
            self._since = None

    def _look(self) -> None:
        while True:
            self._note()
            since = self._since
            if since is not None and time.monotonic() - since[1] > self._seconds:
                self._say_why(self._reason(since[0]))
                self._end(_HUNG)
                return
            time.sleep(self._seconds / _LOOKS)

    def _note(self) -> None:
        try:
            self._store.set(str(self._rank), str(self._number))
        except (RuntimeError, ValueError):  # whoever keeps the store is gone, which the operation will find out itself
            return

    def _reason(self, what: str) -> str:
        waited = (
            f"process {self._rank} has waited {self._seconds / 60:.3g} minutes in {what} (operation {self._number})"
        )
        return f"{waited} {self._whom()}; the job ends, start it again to resume"

    def _whom(self) -> str:
        """For whom this process waits, by what the others noted."""
        behind = []
        try:
            for rank in range(self._count):
                known = self._store.check([str(rank)])
                number = int(self._store.get(str(rank))) if known else -1
                if number < self._number and rank != self._rank:
                    behind.append(f"process {rank}, " + (f"last in operation {number}" if known else "never heard of"))
        except (RuntimeError, ValueError):
            return "and cannot ask for whom: the first process is gone"
        return f"for {'; '.join(behind)}" if behind else "with all processes in it: the network or a GPU hangs"
