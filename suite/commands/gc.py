"""Delete cells that no session and no profile asks for any more."""

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
    parser.add_argument(
        "--profile",
        dest="kept",
        action="append",
        metavar="FILE",
        help="keep what this .toml file asks for, too (repeatable)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only list them")


def run(session: Session, options: argparse.Namespace) -> int:
    """List or delete what nobody asks for."""
    from suite import catalog, profile
    from suite.evidence.store import Store
    from suite.run.garbage import asked_for, unneeded_plans
    from suite.session import Session, kept

    store = Store(session.root)
    sessions = kept(store.root)
    profiles = [Session(profile=name).load() for name in (*profile.names(), *(options.kept or ()))]
    keep = asked_for(catalog.discover(), sessions, profiles, store)
    garbage = store.garbage(keep)
    if options.dry_run:
        print(*(f"{path.parent.name}/{path.name}" for path in garbage), f"{len(garbage)} folders to delete", sep="\n")
        return common.OK
    count, size = store.delete(garbage)
    for path in unneeded_plans(store, keep):
        path.unlink(missing_ok=True)
    print(f"{count} folders deleted, {size / 2**20:.1f} MiB; kept every cell that a session or a profile asks for")
    return common.OK
