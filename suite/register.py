"""Write down which verdicts are expected: recorded from evidence that is there, or registered before there is any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.claim.expected import RECORDED, REGISTERED, Entry, current, read, rule_digest, write
from suite.errors import SuiteError
from suite.judge import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

    from suite.assess import Assessment

_NEVER = (Verdict.ERROR, Verdict.SMOKE, Verdict.NOT_RUN)


def register(
    path: Path, assessments: Iterable[Assessment], *, today: date, expect: Verdict | None = None, because: str = ""
) -> list[Entry]:
    """Add an entry for every criterion whose verdict or rule is not the one that was last written down.

    Args:
        path: the claims' ``expected.jsonl``.
        assessments: what is judged now; criteria of one profile.
        today: date of the entries.
        expect: a verdict to register for all of them, none of which may have evidence yet; without it, the verdicts
            that the evidence gives are recorded, and criteria without evidence are left alone.
        because: why; required with ``expect``, otherwise the judge's own reason if it is not given.

    Returns:
        The entries that were added.

    Raises:
        SuiteError: an error would be written down, a prediction comes after its evidence or without a reason, or a
            profile was modified.
    """
    entries = read(path)
    known = current(entries)
    added = []
    for assessment in assessments:
        if assessment.profile.modified:
            raise SuiteError(
                "nothing is expected of a profile that was changed on the command line: leave the change out"
            )
        entry = _entry(assessment, today, expect, because)
        before = known.get(entry.place) if entry else None
        if entry is None or (before and (before.verdict, before.digest) == (entry.verdict, entry.digest)):
            continue
        added.append(entry)
    write(path, [*entries, *added])
    return added


def _entry(assessment: Assessment, today: date, expect: Verdict | None, because: str) -> Entry | None:
    name, verdict = assessment.name, assessment.verdict
    status = RECORDED
    if expect is not None:
        if verdict is not Verdict.NOT_RUN:
            raise SuiteError(f"{name} has evidence already ({verdict}): leave --expect out to record what it gives")
        if expect in _NEVER or not because:
            raise SuiteError(f"{name}: register a verdict that evidence can give, and say why (--because)")
        verdict, status = expect, REGISTERED
    elif verdict is Verdict.ERROR:
        raise SuiteError(f"{name} is in error, which nobody expects: {assessment.judgement.reason}")
    elif verdict in _NEVER:
        return None
    return Entry(
        criterion=name,
        profile=assessment.profile.name,
        verdict=verdict,
        because=because or assessment.judgement.reason.rstrip("."),
        since=today,
        digest=rule_digest(assessment.criterion),
        status=status,
    )


def withdraw(path: Path, criterion: str, profile: str, *, today: date, because: str) -> Entry:
    """Expect nothing any more of a criterion at a profile; the entry stays in the log.

    Args:
        path: the claims' ``expected.jsonl``.
        criterion: ``claim.criterion``; it need not exist any more.
        profile: name of the profile.
        today: date of the entry.
        because: why.

    Returns:
        The entry that was added.

    Raises:
        SuiteError: nothing was expected of it.
    """
    entries = read(path)
    before = current(entries).get((criterion, profile))
    if before is None or before.verdict is None:
        raise SuiteError(f"nothing is expected of {criterion} at profile {profile}")
    entry = Entry(criterion, profile, None, because, today)
    write(path, [*entries, entry])
    return entry
