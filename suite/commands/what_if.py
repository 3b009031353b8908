"""Judge again with another margin or more seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite import options as typed
from suite.commands import _common as common

if TYPE_CHECKING:
    import argparse

    from suite.session import Session


def add(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    typed.add_profile(parser)
    typed.add_bundles(parser)
    parser.add_argument(
        "claim", metavar="CLAIM", help="a claim's name or part of it, or a criterion's (CLAIM.CRITERION)"
    )
    parser.add_argument(
        "--margin", type=float, metavar="X", help="widen every region by X, in its own unit; below 0 narrows"
    )
    parser.add_argument(
        "--seeds",
        dest="foreseen",
        type=typed.seeds,
        metavar="N",
        help="as if there were N seeds of this mean and spread",
    )


def run(session: Session, options: argparse.Namespace) -> int:
    """Print the verdicts as they are and as they would be."""
    from suite.assess import open_evidence
    from suite.show.explain import what_if

    claims, evidence = common.chosen(session, options.claim), open_evidence(session)
    what_if(claims, evidence, common.console(), margin=options.margin, seeds=options.foreseen)
    common.say_whose(evidence)
    return common.OK
