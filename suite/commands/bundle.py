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

    path = Path(options.file)
    packed, lacking = common.pack(session, open_evidence(session), path)
    print(
        f"{path}: {packed.cells} cells, {packed.size / 2**20:.1f} MiB, without {packed.left_out / 2**20:.1f} MiB of "
        f"weights; judged elsewhere with: {session.portable().command('judge')} --with {path.name}"
    )
    if lacking:
        common.say(f"{lacking} cells that the profile asks for are not finished, so not packed")
    return common.OK
