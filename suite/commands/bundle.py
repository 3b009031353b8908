"""Pack the evidence into one small file, for others to judge from."""

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
    parser.add_argument("file", metavar="FILE", help="a name that ends in .tar.gz or .zip")


def run(session: Session, options: argparse.Namespace) -> int:
    """Pack every finished cell that the claims need."""
    from suite.assess import open_evidence
    from suite.evidence.bundles.archive import require_name
    from suite.evidence.bundles.pack import pack
    from suite.run.plan import plan

    path = Path(options.file)
    require_name(path)
    claims, evidence = common.chosen(session), open_evidence(session)
    made = plan(claims, evidence.profile, evidence.own)
    done = [step.cell.key for step in made.steps if step.state.word == "done"]
    portable = session.portable()
    only = [word for text in session.only for word in ("-k", text)]
    packed = pack(path, evidence.own, done, [evidence.profile], portable.command("claims", *only))
    print(
        f"{path}: {packed.cells} cells, {packed.size / 2**20:.1f} MiB, without {packed.left_out / 2**20:.1f} MiB of "
        f"weights; judged elsewhere with: {portable.command('judge')} --with {path.name}"
    )
    if len(done) < len(made.steps):
        common.say(f"{len(made.steps) - len(done)} cells that the profile asks for are not finished, so not packed")
    return common.OK
