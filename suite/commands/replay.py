"""Take the step again at which a training ended in numbers that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite import options as typed
from suite.commands import _common as common

if TYPE_CHECKING:
    import argparse

    from suite.session import Session


def add(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    typed.add_evidence(parser)
    parser.add_argument("key", metavar="KEY", help="the name of a training that diverged, as status prints it")
    typed.add_threads(parser)


def run(session: Session, options: argparse.Namespace) -> int:
    """Train from what was kept up to that step, take it, and say what is found; no evidence is changed."""
    import torch

    from suite.evidence.runtime import resolve_device
    from suite.evidence.store import Store
    from suite.run import planned
    from suite.studies.replay import lines, replay

    store = Store(session.root)
    cell = planned.read(store.root, options.key)
    torch.set_num_threads(options.threads)
    found = replay(store, cell, device=resolve_device(cell.device), say=common.say)
    for line in lines(found):
        print(line)
    return common.OK if found.same else common.NOT_OK
