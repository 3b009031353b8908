"""Processes that write cells until they are killed: at random, or at the n-th thing they ask of the file system."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

from fake_studies import ignore, make
from suite.evidence.store import Store
from suite.run.execute import execute

TOUCHES = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir", "os.listdir", "os.truncate")


def endless(root: str, offset: int) -> None:
    """Compute a dozen cells over and over, each time anew; ``offset`` makes processes meet at different cells."""
    store = Store(Path(root))
    for number in itertools.count(offset):
        execute(store, [dozen()[number % 12]], device="cpu", report=ignore, again=number % 3 == 0)


def dozen():
    """Cells that succeed and cells that fail."""
    return [make(f"cell {n}", value=float(n), does="raise" if n % 4 == 3 else "value") for n in range(12)]


def dies_at(root: str, touch: int) -> None:
    """Compute one cell and die at the given touch of the store's files, as if by a kill; 0 if it gets through."""
    count = itertools.count()

    def die(event: str, arguments: tuple) -> None:
        if event in TOUCHES and root in str(arguments[0]) and next(count) == touch:
            os._exit(9)

    sys.addaudithook(die)
    execute(Store(Path(root)), [resumed()], device="cpu", report=ignore)
    os._exit(0)


def resumed():
    return make("resumed", value=5.0)
