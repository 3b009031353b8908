"""Print what is computed, missing, failed or damaged, and why."""

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


def run(session: Session, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Print the state of every cell that the claims need."""
    from suite.assess import open_evidence
    from suite.run.plan import plan

    claims, evidence = common.chosen(session), open_evidence(session)
    common.print_left(plan(claims, evidence.profile, evidence.store), evidence, failures=True)
    common.say_whose(evidence)
    return common.OK
