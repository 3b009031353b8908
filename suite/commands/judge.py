"""Judge existing evidence; compute nothing."""

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
    typed.add_shown(parser)


def run(session: Session, options: argparse.Namespace) -> int:
    """Print the verdicts; the exit status is by the rule."""
    from suite.assess import open_evidence

    claims, evidence = common.chosen(session), open_evidence(session)
    differ = common.copies_differ(claims, evidence)
    shown = common.form(session, options)
    status = common.show(common.assessments_of(common.judged(claims, evidence)), evidence, shown)
    common.say_whose(evidence)
    return common.NOT_OK if differ else status
