"""Write down which verdicts are expected: before their evidence, or as the evidence gives them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from suite import options as typed
from suite.commands import _common as common
from suite.errors import SuiteError

if TYPE_CHECKING:
    import argparse
    from datetime import date

    from suite.session import Session

EXPECTED = Path("claims") / "expected.jsonl"


def add(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    typed.add_session(parser)
    parser.add_argument(
        "names", nargs="*", metavar="CLAIM.CRITERION", help="only these criteria; all, if none is named"
    )
    parser.add_argument(
        "--expect", metavar="VERDICT", help="register this verdict, for criteria that have no evidence yet"
    )
    parser.add_argument("--because", metavar="WHY", help="the reason; the judge's own, if none is given")
    parser.add_argument("--withdraw", action="store_true", help="expect nothing of the named criteria any more")
    parser.add_argument("--log", action="store_true", help="only print every changed or withdrawn verdict")


def run(session: Session, options: argparse.Namespace) -> int:
    """Add one entry a criterion whose verdict or rule is not the one that was written down last."""
    from datetime import UTC, datetime

    from suite.claim.expected import changes, read

    if options.log:
        for change in changes(read(EXPECTED)):
            print(change)
        return common.OK
    if not EXPECTED.parent.is_dir():
        raise SuiteError(f"there is no folder {EXPECTED.parent}: what is expected is kept in the project's root")
    today = datetime.now(UTC).date()
    added = _withdrawn(session, options, today) if options.withdraw else _registered(session, options, today)
    for text in added:
        print(text)
    common.say(f"{len(added)} entries added to {EXPECTED}")
    return common.OK


def _withdrawn(session: Session, options: argparse.Namespace, today: date) -> list[str]:
    from suite.register import withdraw

    if not options.names or not options.because:
        raise SuiteError("name the criteria to withdraw, and say why: --because WHY")
    entries = [
        withdraw(EXPECTED, name, session.profile, today=today, because=options.because) for name in options.names
    ]
    return [f"{entry.criterion} ({entry.profile}): withdrawn" for entry in entries]


def _registered(session: Session, options: argparse.Namespace, today: date) -> list[str]:
    from suite.assess import assess, open_evidence
    from suite.judge import Verdict
    from suite.register import register

    words = [str(verdict) for verdict in Verdict]
    if options.expect is not None and options.expect not in words:
        raise SuiteError(f"--expect {options.expect!r} is no verdict: there are {', '.join(words)}")
    found = assess(common.chosen(session), open_evidence(session))
    unknown = sorted(set(options.names) - {assessment.name for assessment in found})
    if unknown:
        raise SuiteError(f"profile {session.profile} asks no criterion {', '.join(unknown)}")
    if options.expect is not None and not options.names:
        raise SuiteError("name the criteria of which this verdict is expected: CLAIM.CRITERION")
    entries = register(
        EXPECTED,
        [assessment for assessment in found if not options.names or assessment.name in options.names],
        today=today,
        expect=Verdict(options.expect) if options.expect else None,
        because=options.because or "",
    )
    return [f"{entry.criterion} ({entry.profile}): {entry.verdict}, {entry.status}" for entry in entries]
