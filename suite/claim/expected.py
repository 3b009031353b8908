"""Which verdict each criterion is expected to have at a profile: kept as data, one entry a line, never edited.

An entry is *recorded* if it was written when the evidence was already there, and *registered* if there was none:
register, commit, and only then compute. Each holds a digest of the rule it was made under; a rule that changed needs
a new entry. A later entry of the same criterion and profile replaces the earlier one, which stays as history.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from suite.claim.schema import Claim, Criterion, Expected
from suite.errors import SuiteError
from suite.judge import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

FILE = "expected.jsonl"  # in the package of the claims
RECORDED = "recorded"
REGISTERED = "registered"


@dataclass(frozen=True)
class Entry:
    """One expectation.

    Attributes:
        criterion: ``claim.criterion``.
        profile: name of the profile.
        verdict: the word; None where an earlier expectation is withdrawn.
        because: why this verdict, or why it changed.
        since: date of the entry.
        digest: of the rule it was made under; empty if that was not kept.
        status: ``recorded`` or ``registered``.
    """

    criterion: str
    profile: str
    verdict: Verdict | None
    because: str
    since: date
    digest: str = ""
    status: str = RECORDED

    @property
    def place(self) -> tuple[str, str]:
        """What it speaks of."""
        return self.criterion, self.profile


@dataclass(frozen=True)
class Change:
    """A verdict that was changed or withdrawn.

    Attributes:
        old: the entry that was replaced.
        new: the one that replaced it.
    """

    old: Entry
    new: Entry

    def __str__(self) -> str:
        """``"2026-11-25 u_shape.entropy (desk): contradicted -> not seen here, because ..."``."""
        old, new = (entry.verdict or "withdrawn" for entry in (self.old, self.new))
        where = f"{self.new.since} {self.new.criterion} ({self.new.profile})"
        return f"{where}: {old} -> {new}, because {self.new.because}"


def rule_digest(criterion: Criterion) -> str:
    """What a verdict depends on besides the evidence: region, controls with their kinds, role, quantity.

    Returns:
        Sixteen hexadecimal digits.
    """
    region, quantity = criterion.region, criterion.quantity
    rule = {
        "region": [repr(region.low), repr(region.high)],
        "negative": sorted(control.key for control in criterion.negative_controls),
        "positive": sorted(control.key for control in criterion.positive_controls),
        "control_free": bool(criterion.control_free),
        "role": str(criterion.role),
        "quantity": [quantity.name, quantity.unit],
    }
    return hashlib.sha256(json.dumps(rule, sort_keys=True).encode()).hexdigest()[:16]


def read(path: Path) -> list[Entry]:
    """All entries of a file, oldest first within each criterion; none if there is no file.

    Raises:
        SuiteError: a line is no entry; the message says which.
    """
    entries = []
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        try:
            fields = json.loads(line)
            verdict, since = fields.pop("verdict"), date.fromisoformat(fields.pop("since"))
            entries.append(Entry(verdict=Verdict(verdict) if verdict else None, since=since, **fields))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SuiteError(f"{path}, line {number}: {error}: let the verb register write it") from None
    return entries


def write(path: Path, entries: Iterable[Entry]) -> None:
    """Write entries sorted by criterion and profile, their order kept within each."""
    lines = [
        json.dumps(
            {
                "criterion": entry.criterion,
                "profile": entry.profile,
                "verdict": str(entry.verdict) if entry.verdict else None,
                "because": entry.because,
                "since": entry.since.isoformat(),
                "digest": entry.digest,
                "status": entry.status,
            },
            ensure_ascii=False,
        )
        for entry in sorted(entries, key=lambda entry: entry.place)
    ]
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    draft.replace(path)


def current(entries: Iterable[Entry]) -> dict[tuple[str, str], Entry]:
    """The entry that counts for every (criterion, profile): the last one."""
    return {entry.place: entry for entry in entries}


def changes(entries: Iterable[Entry]) -> list[Change]:
    """Every verdict that was changed or withdrawn, oldest first: the log that a reader asks for."""
    last: dict[tuple[str, str], Entry] = {}
    found = []
    for entry in entries:
        before = last.get(entry.place)
        if before is not None and before.verdict is not entry.verdict:
            found.append(Change(before, entry))
        last[entry.place] = entry
    return sorted(found, key=lambda change: change.new.since)


def attach(claim: Claim, entries: Sequence[Entry]) -> Claim:
    """The claim with what is expected of its criteria.

    Raises:
        SuiteError: an entry names a criterion that the claim does not have, and does not withdraw it.
    """
    known = {f"{claim.key}.{criterion.key}" for criterion in claim.criteria}
    kept = {place: entry for place, entry in current(entries).items() if place[0].partition(".")[0] == claim.key}
    stray = sorted(place for place, entry in kept.items() if place[0] not in known and entry.verdict is not None)
    if stray:
        name, profile = stray[0]
        raise SuiteError(
            f"a verdict is expected of {name}, which {claim.key} does not have: withdraw it "
            f"(python -m suite register {name} --profile {profile} --withdraw --because WHY)"
        )
    return replace(claim, criteria=tuple(_with_expected(claim, criterion, kept) for criterion in claim.criteria))


def _with_expected(claim: Claim, criterion: Criterion, kept: dict[tuple[str, str], Entry]) -> Criterion:
    expected = dict(criterion.expected)
    for (name, profile), entry in kept.items():
        if name != f"{claim.key}.{criterion.key}":
            continue
        if entry.verdict is None:
            expected.pop(profile, None)
        else:
            expected[profile] = Expected(entry.verdict, entry.because, entry.since, entry.digest, entry.status)
    return replace(criterion, expected=expected) if expected != dict(criterion.expected) else criterion
