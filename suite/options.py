"""What can be typed after ``python -m suite``, and the help for it; imports nothing heavy, so that help is instant."""

from __future__ import annotations

import argparse
import os
import tomllib
from typing import TYPE_CHECKING, Any, NoReturn

from suite import __version__
from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Sequence

EVIDENCE = "SUITE_EVIDENCE"
DEVICE = "auto"
CACHES = ("only-missing", "always", "never")
INLINE, LOCAL, SLURM, EXPORT = EXECUTORS = ("inline", "local", "slurm", "export")


def evidence_folder() -> str:
    """Where evidence lies, unless an option says otherwise."""
    return os.environ.get(EVIDENCE) or "evidence"


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line like all others."""

    def error(self, message: str) -> NoReturn:
        raise SuiteError(f"{message}: see {self.prog} --help")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"give at least 1, not {text}")
    return number


def _pair(text: str) -> tuple[str, Any]:
    """``KEY=VALUE``: numbers, flags and lists as TOML writes them, anything else as text."""
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise argparse.ArgumentTypeError(f"write it as KEY=VALUE, not {text!r}")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value


_positive.__name__ = "whole number"  # what argparse calls it in a complaint


def _chosen() -> _Parser:
    group = _Parser(add_help=False)
    group.add_argument(
        "-k", dest="only", action="append", metavar="TEXT", help="only claims whose name contains TEXT (repeatable)"
    )
    return group


def _stored() -> _Parser:
    group = _Parser(add_help=False)
    group.add_argument(
        "--evidence",
        default=evidence_folder(),
        metavar="DIR",
        help=f"where evidence lies (default: ${EVIDENCE}, else ./evidence)",
    )
    return group


def _scaled() -> _Parser:
    group = _Parser(add_help=False, parents=[_chosen(), _stored()])
    group.add_argument(
        "--profile", default="desk", metavar="NAME", help="scale, by name or as a .toml file (default: desk)"
    )
    group.add_argument("--device", default=DEVICE, help=f"auto, cpu or cuda (default: {DEVICE})")
    group.add_argument(
        "--released", action="append", metavar="DIR", help="an author's repository as cloned (repeatable)"
    )
    group.add_argument(
        "--images", metavar="DIR", help="where images lie: class folders under train and validation, or a timm data set"
    )
    group.add_argument(
        "--weights", action="append", metavar="NAME=FILE", help="a weights file of a profile's network (repeatable)"
    )
    return group


def _session() -> _Parser:
    group = _Parser(add_help=False, parents=[_scaled()])
    group.add_argument("--seeds", type=_positive, metavar="N", help="use N seeds instead of the profile's own")
    return group


def _lent() -> _Parser:
    group = _Parser(add_help=False)
    group.add_argument(
        "--with",
        dest="bundles",
        action="append",
        metavar="BUNDLE",
        help="use somebody's runs where ours are missing: a file that 'bundle' wrote (repeatable)",
    )
    group.add_argument(
        "--prefer",
        dest="preferred",
        action="append",
        metavar="BUNDLE",
        help="the same, and rather than ours (repeatable)",
    )
    return group


def _shown() -> _Parser:
    group = _Parser(add_help=False)
    group.add_argument("--json", action="store_true", help="print the verdicts as JSON instead of a table")
    return group


def _threaded(parser: _Parser) -> None:
    parser.add_argument(
        "--threads", type=_positive, default=1, metavar="N", help="torch threads a process (default: 1)"
    )


def _computing(parser: _Parser) -> None:
    parser.add_argument(
        "--executor",
        choices=EXECUTORS,
        help="who computes: this process, local processes, jobs of a SLURM cluster, or nobody: print one shell line "
        "a job (default: inline for one worker, else local)",
    )
    parser.add_argument(
        "--slurm",
        action="append",
        type=_pair,
        metavar="KEY=VALUE",
        help="a parameter of submitit, in place of the profile's (repeatable)",
    )
    parser.add_argument("--workers", type=_positive, metavar="N", help="processes (default: one a core; 1 on a GPU)")
    _threaded(parser)
    parser.add_argument(
        "--cache", choices=CACHES, default=CACHES[0], help=f"which cells to compute (default: {CACHES[0]})"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print cells, what is cached and the cost; compute nothing"
    )
    parser.add_argument(
        "--no-sync", dest="sync", action="store_false", help="leave MLflow as it is; 'sync' brings it up to date"
    )


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m suite",
        description="Check what papers claim about distilling Vision Transformers.",
        epilog="Exit status: 0 if all is as expected; 1 if a verdict departs, something failed or nothing was "
        "measured; 2 for a fault you can mend, with one line that says how; 130 after Ctrl-C.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    session, lent, shown = _session(), _lent(), _shown()

    def command(name: str, text: str, *parents: _Parser) -> _Parser:
        return commands.add_parser(name, parents=parents, help=text, description=f"{text[0].upper()}{text[1:]}.")

    _computing(command("claims", "compute what is missing, judge, show", session, lent, shown))
    some = command("compute", "compute some cells alone, as jobs and exported lines do", session)
    some.add_argument("keys", nargs="+", metavar="KEY", help="a cell's name, as status and export print it")
    some.add_argument("--again", action="store_true", help="compute them even if they are done")
    _threaded(some)
    command("judge", "judge existing evidence; compute nothing", session, lent, shown)
    listing = command("list", "print the claims and their criteria, or a profile", _chosen())
    listing.add_argument(
        "--profile", metavar="NAME", help="print this profile instead, with all that it takes over from others"
    )
    command("status", "print what is computed, missing, failed or damaged, and why", session, lent)
    command("record", "add what was measured to the log of recorded values", session)

    explain = command("explain", "say why this verdict, and what would change it", session, lent)
    explain.add_argument("claim", metavar="CLAIM", help="a claim's name, or part of it")
    what_if = command("what-if", "judge again with another margin or more seeds", _scaled(), lent)
    what_if.add_argument("claim", metavar="CLAIM", help="a claim's name, or part of it")
    what_if.add_argument(
        "--margin", type=float, metavar="X", help="widen every region by X, in its own unit; below 0 narrows"
    )
    what_if.add_argument(
        "--seeds",
        dest="foreseen",
        type=_positive,
        metavar="N",
        help="as if there were N seeds of this mean and spread",
    )
    what_if.set_defaults(seeds=None)

    collect = command("gc", "delete cells that no profile asks for any more", _stored())
    collect.add_argument(
        "--profile", action="append", metavar="FILE", help="keep what this .toml file asks for, too (repeatable)"
    )
    collect.add_argument("--dry-run", action="store_true", help="only list them")
    goldens = command("goldens", "check our implementations against a folder of numbers")
    goldens.add_argument(
        "folder", nargs="?", metavar="DIR", default="tests/golden", help=".npz files (default: tests/golden)"
    )
    sync = command("sync", "bring the MLflow view up to date, or write it to a server that others use", session, lent)
    sync.add_argument("--rebuild", action="store_true", help="build it anew even if it is up to date")
    sync.add_argument(
        "--tracking-uri",
        metavar="URI",
        help="write to this MLflow server instead (also: $MLFLOW_TRACKING_URI); again writes only what is missing",
    )
    ui = command("ui", "start the MLflow UI on the evidence", session, lent)
    ui.add_argument("--port", type=int, default=5000, metavar="N", help="port on this machine (default: 5000)")
    command("report", "write the report page from existing evidence", session, lent)
    command("noise", "print how far seeds scatter, and what differences could be resolved", session, lent)
    table = command("table", "print the verdicts as a Markdown table", session, lent)
    bundle = command("bundle", "pack the evidence into one small file, for others to judge from", session)
    bundle.add_argument("file", metavar="FILE", help="a name that ends in .tar.gz or .zip")
    table.add_argument("--into", metavar="FILE", help="replace the table in this file instead")
    return parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line.

    Raises:
        SuiteError: it cannot be understood.
        SystemExit: it asked for help or the version, which was printed.
    """
    return _parser().parse_args(arguments)
