"""Print the claims and their criteria, or a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite import options as typed
from suite.commands import _common as common

if TYPE_CHECKING:
    import argparse

    from suite.session import Session


def add(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    typed.add_claims(parser)
    parser.add_argument(
        "--profile",
        dest="shown",
        metavar="NAME",
        help="print this profile instead, with all that it takes over from others",
    )


def run(session: Session, options: argparse.Namespace) -> int:
    """Print what can be asked."""
    if options.shown is not None:
        from suite.profile import resolved

        print(resolved(options.shown), end="")
        return common.OK
    from suite.show.terminal import print_claims

    print_claims(common.chosen(session), common.console())
    return common.OK
