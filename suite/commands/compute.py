"""Compute some planned cells alone, as jobs and exported lines do."""

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
    parser.add_argument("keys", nargs="+", metavar="KEY", help="a cell's name, as status and export print it")
    parser.add_argument("--again", action="store_true", help="compute them even if they are done")
    typed.add_threads(parser)


def run(session: Session, options: argparse.Namespace) -> int:
    """Compute cells as they were planned; no claim, profile or image is looked at."""
    from suite.evidence.runtime import resolve_device
    from suite.evidence.store import Store
    from suite.run.compute import choose, compute
    from suite.run.executors import Work
    from suite.run.executors.inline import Inline
    from suite.run.progress import Progress

    store = Store(session.root)
    made, blocked = choose(store, options.keys)
    for one in blocked:
        common.say(f"blocked: {one.cell}: {one.why}; compute that first")
    devices = {step.cell.device for step in made.steps}
    done = True
    for device in sorted(devices):
        part = made.on(device)
        work = Work(store, resolve_device(device), options.threads, again=options.again)
        with Progress(part, common.console(stderr=True), workers=1, status=session.command("status")) as progress:
            done &= compute(part, Inline(work), progress)
    return common.OK if done and not blocked else common.NOT_OK
