"""Say why this verdict, and what would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite import options as typed
from suite.commands import _common as common

if TYPE_CHECKING:
    import argparse

    from suite.session import Session


def add(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    typed.add_session(parser)
    typed.add_bundles(parser)
    parser.add_argument(
        "claim", metavar="CLAIM", help="a claim's name or part of it, or a criterion's (CLAIM.CRITERION)"
    )


def run(session: Session, options: argparse.Namespace) -> int:
    """Print everything behind each verdict of a claim, or of one of its criteria."""
    from suite.assess import open_evidence
    from suite.show.explain import explain
    from suite.show.recorded import history

    claims, evidence = common.chosen(session, options.claim), open_evidence(session)
    found = common.assessments_of(common.judged(claims, evidence))
    named = [assessment for assessment in found if assessment.name == options.claim]
    explain(named or found, common.console(), history=history(common.RECORDED))
    common.say_whose(evidence)
    return common.OK
