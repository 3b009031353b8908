"""What can be typed after ``python -m suite``, and the help for it; imports nothing heavy, so that help is instant."""

from __future__ import annotations

import argparse
import tomllib
from typing import TYPE_CHECKING, Any, NoReturn

from suite import __version__, commands
from suite.errors import SuiteError
from suite.session import AUTO, DEFAULT_PROFILE, EVIDENCE, Session, evidence_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

INLINE, LOCAL, SLURM, EXPORT = EXECUTORS = ("inline", "local", "slurm", "export")
MOST_SEEDS = 10_000
_PROGRAM = "python -m suite"


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line like all others."""

    def error(self, message: str) -> NoReturn:
        raise SuiteError(f"{message}: see {self.prog} --help")


def positive(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"give at least 1, not {text}")
    return number


def seeds(text: str) -> int:
    """A number of seeds."""
    number = positive(text)
    if number > MOST_SEEDS:
        raise argparse.ArgumentTypeError(f"give at most {MOST_SEEDS:,}, not {text}")
    return number


def pair(text: str) -> tuple[str, Any]:
    """``KEY=VALUE``: numbers, flags and lists as TOML writes them, anything else as text."""
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise argparse.ArgumentTypeError(f"write it as KEY=VALUE, not {text!r}")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value


positive.__name__ = seeds.__name__ = "whole number"  # what argparse calls it in a complaint


def add_claims(parser: argparse.ArgumentParser) -> None:
    """``-k``: which claims."""
    parser.add_argument(
        "-k",
        dest="only",
        action="append",
        metavar="TEXT",
        help="only claims whose name contains TEXT, or CLAIM.CRITERION (repeatable)",
    )


def add_evidence(parser: argparse.ArgumentParser) -> None:
    """``--evidence``: where evidence lies."""
    parser.add_argument(
        "--evidence",
        default=evidence_folder(),
        metavar="DIR",
        help=f"where evidence lies (default: ${EVIDENCE}, else ./evidence)",
    )


def add_profile(parser: argparse.ArgumentParser) -> None:
    """The options of a session, but for its seeds."""
    add_claims(parser)
    add_evidence(parser)
    parser.add_argument(
        "--profile",
        default=DEFAULT_PROFILE,
        metavar="NAME",
        help=f"scale, by name or as a .toml file (default: {DEFAULT_PROFILE})",
    )
    parser.add_argument("--device", default=AUTO, help=f"auto, cpu or cuda (default: {AUTO})")
    parser.add_argument(
        "--released", action="append", metavar="DIR", help="an author's repository as cloned (repeatable)"
    )
    parser.add_argument(
        "--images", metavar="DIR", help="where images lie: class folders under train and validation, or a timm data set"
    )
    parser.add_argument(
        "--weights", action="append", metavar="NAME=FILE", help="a weights file of a profile's network (repeatable)"
    )


def add_session(parser: argparse.ArgumentParser) -> None:
    """The options of a session."""
    add_profile(parser)
    parser.add_argument("--seeds", type=seeds, metavar="N", help="use N seeds instead of the profile's own")


def add_bundles(parser: argparse.ArgumentParser) -> None:
    """``--with`` and ``--prefer``: somebody else's cells."""
    parser.add_argument(
        "--with",
        dest="bundles",
        action="append",
        metavar="BUNDLE",
        help="use somebody's runs where ours are missing: a file that 'bundle' wrote, or its address on the web "
        "(repeatable)",
    )
    parser.add_argument(
        "--prefer",
        dest="preferred",
        action="append",
        metavar="BUNDLE",
        help="the same, and rather than ours (repeatable)",
    )


def add_shown(parser: argparse.ArgumentParser) -> None:
    """``--details``, ``--json``."""
    parser.add_argument(
        "--details", action="store_true", help="print every criterion with its numbers and controls, not one screen"
    )
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON instead of a table")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """``--threads``."""
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="torch threads a process (default: 1)")


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    whole = _Parser(
        prog=_PROGRAM,
        description="Check what papers claim about distilling Vision Transformers.",
        epilog="Exit status: 0 if all is as expected; 1 if a verdict departs, something failed or nothing was "
        "measured; 2 for a fault you can mend, with one line that says how; 130 after Ctrl-C.",
    )
    whole.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    verbs = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module in commands.verbs().items():
        text = _help(module)
        module.add(verbs.add_parser(name, help=f"{text[0].lower()}{text[1:]}".rstrip("."), description=text))
    return whole


def _help(module: ModuleType) -> str:
    return (module.__doc__ or "").splitlines()[0]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line.

    Raises:
        SuiteError: it cannot be understood.
        SystemExit: it asked for help or the version, which was printed.
    """
    return parser().parse_args(arguments)


def session_of(options: argparse.Namespace) -> Session:
    """The session that options ask for; what a command does not offer has its default."""

    def several(name: str) -> tuple[str, ...]:
        return tuple(getattr(options, name, None) or ())

    return Session(
        profile=getattr(options, "profile", DEFAULT_PROFILE),
        only=several("only"),
        seeds=getattr(options, "seeds", None),
        device=getattr(options, "device", AUTO),
        evidence=getattr(options, "evidence", ""),
        released=several("released"),
        images=getattr(options, "images", None) or "",
        weights=several("weights"),
        bundles=several("bundles"),
        preferred=several("preferred"),
    )
