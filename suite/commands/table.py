"""Print the verdicts as Markdown, or put them where a README has room for them."""

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
    parser.add_argument(
        "--into",
        metavar="FILE",
        help="replace what stands in this file between the markers findings, verdicts, words, comparison and "
        "reproductions, and the figures that it shows, where it has them",
    )


def run(session: Session, options: argparse.Namespace) -> int:
    """Print the table of verdicts, or fill the file."""
    from suite import catalog
    from suite.assess import open_evidence
    from suite.show import findings, reproductions, verdicts
    from suite.show.comparison import comparisons
    from suite.show.markdown import as_markdown, comparison_markdown, fill, renew

    claims, evidence = common.chosen(session), open_evidence(session)
    sessions = common.judged(claims, evidence)
    own = common.assessments_of(sessions)
    if options.into is None:
        print(as_markdown(own))
    else:
        everything = common.assessments_of(common.everything(session, evidence, sessions))
        rows = findings.rows(catalog.findings(), everything)
        made = {
            "findings": lambda: findings.as_markdown(rows),
            "verdicts": lambda: as_markdown(own),
            "words": verdicts.meanings_table,
            "comparison": lambda: comparison_markdown(comparisons(everything)),
            "reproductions": lambda: reproductions.as_markdown(
                reproductions.table(reproductions.read(), catalog.discover())
            ),
        }
        fill(Path(options.into), made)
        for figure in renew(Path(options.into), evidence.own.root / "report" / "figures", evidence.profile.name):
            common.say(f"{figure} is drawn anew")
    common.say_whose(evidence)
    return common.OK
