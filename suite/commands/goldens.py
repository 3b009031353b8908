"""Check our implementations against a folder of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from suite.commands import _common as common

if TYPE_CHECKING:
    import argparse

    from suite.session import Session


def add(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument(
        "folder", nargs="?", metavar="DIR", default="tests/golden", help=".npz files (default: tests/golden)"
    )


def run(session: Session, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Print one line a quantity; 1 if one is off."""
    from suite.show.goldens import check_folder, print_checks

    checks, unknown = check_folder(Path(options.folder))
    print_checks(checks, unknown, common.console())
    return common.OK if all(check.ok for check in checks) else common.NOT_OK
