"""Print the verdicts as a Markdown table."""

from __future__ import annotations

from pathlib import Path
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
    parser.add_argument("--into", metavar="FILE", help="replace the table in this file instead")


def run(session: Session, options: argparse.Namespace) -> int:
    """Print the table, or put it between a file's markers."""
    from suite.assess import judged, open_evidence
    from suite.show.summary import as_markdown, update_readme

    claims, evidence = common.chosen(session), open_evidence(session)
    text = as_markdown(common.assessments_of(judged(claims, evidence)))
    if options.into is None:
        print(text)
    else:
        update_readme(Path(options.into), text)
    common.say_whose(evidence)
    return common.OK
