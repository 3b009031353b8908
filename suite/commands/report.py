"""Write the report page from existing evidence."""

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
    """Write the page of everything that has evidence."""
    from suite.assess import open_evidence

    evidence = open_evidence(session)
    common.write_page(evidence, common.everything(session, evidence))
    common.say_whose(evidence)
    return common.OK
