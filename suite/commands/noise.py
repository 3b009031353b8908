"""Print how far seeds scatter, and what differences could be resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite import options as typed
from suite.commands import _common as common
from suite.errors import SuiteError

if TYPE_CHECKING:
    import argparse

    from suite.session import Session


def add(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    typed.add_session(parser)
    typed.add_bundles(parser)


def run(session: Session, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Print one table a comparison of methods."""
    from suite.assess import open_evidence
    from suite.show.noise import print_noise, tables

    evidence = open_evidence(session)
    found = tables(common.chosen(session), evidence)
    if not found:
        raise SuiteError("none of these claims compares methods with one another: give no -k, or another")
    for reference, unit, rows in found:
        print_noise(rows, reference, unit, common.console())
    common.say_whose(evidence)
    return common.OK
