"""What several verbs share: where they print, which claims they look at, how verdicts are shown and kept."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from suite.errors import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from suite.assess import Assessment, Evidence, Judged
    from suite.claim import Claim
    from suite.evidence.bundles.pack import Packed
    from suite.origins import Split
    from suite.run.plan import Plan
    from suite.session import Session
    from suite.show.page.markup import Markup
    from suite.show.reproductions import Reproduction

RECORDED = Path("claims") / "recorded.jsonl"
OK, NOT_OK, USAGE, INTERRUPTED = 0, 1, 2, 130
_SCREEN = 100  # columns of the summary, at most
_WIDTH = 140  # columns, where nobody says


def say(text: str) -> None:
    """A line for the person who typed the command."""
    print(f"suite: {text}", file=sys.stderr)


def console(*, stderr: bool = False) -> Console:
    """Where tables are printed."""
    from rich.console import Console

    with suppress(ValueError):
        if int(os.environ.get("COLUMNS", "")) > 0:
            return Console(stderr=stderr)
    made = Console(stderr=stderr, width=None if "COLUMNS" not in os.environ else _WIDTH)
    return made if made.is_terminal else Console(stderr=stderr, width=_WIDTH)


def chosen(session: Session, claim: str = "") -> list[Claim]:
    """The claims that a session selects."""
    from suite import catalog

    return catalog.select(catalog.discover(), (*session.only, *([claim] if claim else ())))


def judged(claims: Sequence[Claim], evidence: Evidence) -> list[Judged]:
    """The verdicts at a session's profile, and beside them those of all evidence that comes with the claims."""
    from suite import assess, catalog
    from suite.errors import SuiteError

    found = assess.judged(claims, evidence)
    for bundle in catalog.bundles():
        try:
            beside = assess.shipped_beside(evidence, bundle)
        except SuiteError as reason:
            say(f"evidence that comes with the claims is not shown: {reason}")
            continue
        if beside is not None:
            found.append(assess.Judged(beside, tuple(assess.assess(claims, beside))))
    return found


def everything(session: Session, evidence: Evidence, sessions: Sequence[Judged] = ()) -> list[Judged]:
    """The verdicts of every claim at the session's profiles and at every other profile that has evidence.

    Page and MLflow show all of it, whatever claims the command selected; ``sessions`` is what was judged already.
    """
    from suite import catalog
    from suite.assess import judged_before

    claims = catalog.discover()
    if session.only or not sessions:
        sessions = judged(claims, evidence)
    others, reasons = judged_before(claims, evidence, [one.evidence.profile.name for one in sessions])
    for reason in reasons:
        say(reason)
    return [*sessions, *others]


def assessments_of(sessions: Sequence[Judged]) -> list[Assessment]:
    """All verdicts of judged profiles."""
    return [assessment for session in sessions for assessment in session.assessments]


class Form(Enum):
    """How verdicts are printed."""

    SCREEN = "one row a finding"
    DETAILS = "every criterion"
    JSON = "for machines"


def form(session: Session, options: argparse.Namespace) -> Form:
    """As asked; who asks for some claims by name wants to see all of them."""
    if options.json:
        return Form.JSON
    return Form.DETAILS if options.details or session.only else Form.SCREEN


def show(assessments: list[Assessment], evidence: Evidence, shown: Form) -> int:
    """Print and store the verdicts; the exit status is by the rule, whether they can be stored or not."""
    from suite.assess import tally
    from suite.evidence.disk import Unwritable, writing
    from suite.show import summary
    from suite.show.terminal import print_verdicts

    if shown is Form.JSON:
        print(json.dumps(summary.as_json(assessments), indent=1, allow_nan=False))
    elif shown is Form.DETAILS:
        print_verdicts(assessments, console())
        _print_splits(assessments, evidence)
    else:
        _print_screen(assessments, evidence)
    root = evidence.own.root
    try:
        with writing(root):
            root.mkdir(parents=True, exist_ok=True)
            summary.write_json(root / f"claims-{evidence.profile.name}.json", assessments)
    except Unwritable as fault:
        say(f"the verdicts are not kept: {fault}")
    return OK if tally(assessments).ok else NOT_OK


def _print_splits(assessments: list[Assessment], evidence: Evidence) -> None:
    """Where origins of the evidence disagree, if there are several."""
    from suite.show import origins

    found = _splits(assessments, evidence)
    if found:
        console().print(origins.table(found))


def _splits(assessments: list[Assessment], evidence: Evidence) -> list[Split]:
    from suite.origins import splits

    return splits(list({one.claim.key: one.claim for one in assessments}.values()), evidence)


def _print_screen(assessments: list[Assessment], evidence: Evidence) -> None:
    """One screen: a row a finding, what departs, what to type next."""
    from suite import catalog
    from suite.show import origins
    from suite.show.findings import rows
    from suite.show.screen import screen
    from suite.show.terminal import line, print_verdicts

    session, out = evidence.session, console()
    findings = catalog.findings()
    found = [row for row in rows(findings, assessments) if row.counts or row.probes]
    known = {finding.key for finding in findings}
    apart = [one for one in assessments if one.claim.finding not in known]
    if apart:  # a claim that names none of the findings has no row to be summed up in
        print_verdicts(apart, out)
    hints = (
        f"every criterion:  {session.command('judge', '--details')}",
        f"why a verdict:    {session.command('explain', 'CLAIM')}",
        f"a page of it all: {session.command('report')}",
    )
    notes = [note for note in (origins.summary(_splits(assessments, evidence)),) if note]
    line(out, screen(found, assessments, width=min(out.width, _SCREEN), hints=hints, notes=notes))


def copies_differ(claims: Sequence[Claim], evidence: Evidence) -> bool:
    """Compare given copies of released files with the embedded figures; each that is not equal is named once."""
    from suite.claim import originals_of
    from suite.evidence.released import Match, check, report

    originals = originals_of(claims)
    if not evidence.profile.released or not originals:
        return False
    checked = check(originals, evidence.profile.released)
    for words in report(checked):
        say(words)
    return any(one.match in (Match.DIFFERENT, Match.UNREADABLE) for one in checked)


def say_of_device(session: Session, evidence: Evidence, *, here: bool) -> None:
    """Say that a GPU stands idle, where one seems to be there and none can be used."""
    from suite.evidence.runtime import driver_version, why_no_cuda
    from suite.run.resources import device_of
    from suite.session import AUTO

    automatic = session.device == AUTO and device_of(evidence.profile) == AUTO
    if here and automatic and evidence.profile.device == "cpu" and driver_version():
        say(f"no GPU is used, though a driver answers: {why_no_cuda()}")


def say_whose(evidence: Evidence) -> None:
    """Name the bundles whose cells a command used; nothing where there are none."""
    for text in evidence.lent():
        say(text)


def if_possible(view: str, command: str, make: Callable[[], None]) -> None:
    """Bring a view up to date; it shows what is stored, so no verdict and no exit status depends on it."""
    try:
        make()
    except Exception as fault:  # noqa: BLE001 - whatever a view raises, the evidence is complete
        say(f"{view} is not up to date: {one_line(fault)}; '{command}' tries again")


def write_page(evidence: Evidence, sessions: Sequence[Judged]) -> None:
    """Write the page of some sessions' verdicts."""
    from suite.evidence.disk import writing
    from suite.show.page import report
    from suite.show.recorded import history

    with writing(evidence.own.root):
        page = report.write_report(evidence.own.root, sessions, history=history(RECORDED), more=others(evidence))
    say(f"the report page is {page}")


def others(evidence: Evidence, *entries: Reproduction) -> list[Markup | None]:
    """Sections of the page on other people's runs: where origins disagree, and the log with further entries."""
    from suite import catalog
    from suite.origins import splits
    from suite.show import reproductions
    from suite.show.page import shared

    claims = catalog.discover()
    log = reproductions.table([*entries, *reproductions.read()], claims)
    return [shared.disagreements(splits(claims, evidence)), shared.log(log)]


def pack(session: Session, evidence: Evidence, path: Path) -> tuple[Packed, int]:
    """Pack every finished cell that the claims need; also how many they need that are not finished."""
    from suite.evidence.bundles.archive import require_name
    from suite.evidence.bundles.pack import pack as packed
    from suite.run.plan import plan

    require_name(path)
    made = plan(chosen(session), evidence.profile, evidence.own)
    done = [step.cell.key for step in made.steps if step.state.word == "done"]
    only = [word for text in session.only for word in ("-k", text)]
    command = session.portable().command("claims", *only)
    return packed(path, evidence.own, done, [evidence.profile], command), len(made.steps) - len(done)


def print_left(made: Plan, evidence: Evidence, *, workers: int | None = 1, failures: bool = False) -> None:
    """What there is, what jobs have in hand, and what the rest costs."""
    from suite.run.costs import estimate
    from suite.run.jobs import Ledger, without_submitted
    from suite.show.terminal import print_plan

    left, looks = without_submitted(made, Ledger(evidence.own))
    costs = estimate(left, evidence.profile, workers=workers)
    print_plan(left, evidence.profile, costs, console(), looks=looks, failures=failures, session=evidence.session)
