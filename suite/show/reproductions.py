"""The log of reproductions: who ran what, when, on which machine, with which verdicts; one file an entry.

``publish`` writes an entry beside the page; whoever wants it in the log adds the file to ``reproductions/``. Nothing in
it is trusted beyond its form: the bundle that it names can be judged again by anybody.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from suite.errors import SuiteError
from suite.judge import WORST_FIRST, Verdict
from suite.show.files import replace_text
from suite.show.numbers import finite, ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from suite.assess import Assessment
    from suite.claim import Claim

FOLDER = Path("reproductions")
COLUMNS = ("who", "when", "profile", "machine", "commit", "verdicts", "beside the verdicts expected here")
_LARGEST = 2**22  # bytes of an entry
_SHOWN = 12  # digits of a commit

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\A[^\x00-\x1f\x7f]+\Z")]


class Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found of one criterion; numbers are None where there is no interval, or where it is open."""

    verdict: Verdict
    estimate: float | None = None
    low: float | None = None
    high: float | None = None


class Packed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bundle of the runs."""

    name: Line
    sha256: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    address: Annotated[str, msgspec.Meta(max_length=1000, pattern=r"\A(https?://\S+)?\Z")] = ""


class Reproduction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the log.

    Attributes:
        who: a name that its author chose.
        judged: the day of the verdicts.
        computed: the day on which the last run was finished.
        profile: at which scale.
        seeds: which.
        machines: that computed, in words.
        commits: of the source that computed.
        command: which computes and judges the same from nothing.
        bundle: the runs themselves.
        findings: what was found, by ``claim.criterion``.
    """

    who: Line
    judged: date
    computed: date
    profile: Line
    seeds: tuple[int, ...]
    machines: tuple[Line, ...]
    commits: tuple[Line, ...]
    command: Line
    bundle: Packed
    findings: dict[str, Found]


def entry(assessments: Iterable[Assessment], manifest: Mapping[str, Any], bundle: Packed, *, who: str) -> Reproduction:
    """What a bundle's runs gave.

    Args:
        assessments: the verdicts; those that stand on no run, or lack one, are left out.
        manifest: of the bundle.
        bundle: its name and digest.
        who: ran it.

    Raises:
        SuiteError: the name is empty, or longer than a line.
    """
    found = {
        "who": who,
        "judged": datetime.now(UTC).date().isoformat(),
        "computed": manifest["date"][:10],
        "profile": manifest["profiles"][0]["name"],
        "seeds": manifest["profiles"][0]["seeds"],
        "machines": manifest["machines"],
        "commits": manifest["commits"],
        "command": manifest["command"],
        "bundle": msgspec.to_builtins(bundle),
        "findings": {one.name: _found(one) for one in assessments if one.cells and one.verdict is not Verdict.NOT_RUN},
    }
    try:
        return msgspec.convert(found, Reproduction)
    except msgspec.ValidationError as fault:
        raise SuiteError(f"this is no entry of the log: {fault}") from None


def _found(assessment: Assessment) -> dict[str, Any]:
    interval = assessment.judgement.interval
    numbers = {name: finite(getattr(interval, name)) for name in ("estimate", "low", "high")} if interval else {}
    return {"verdict": str(assessment.verdict), **numbers}


def write(path: Path, made: Reproduction) -> None:
    """Write an entry."""
    data = msgspec.to_builtins(made)
    replace_text(path, json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read(folder: Path = FOLDER) -> list[Reproduction]:
    """The entries of a folder, the latest first; none where there is no folder.

    Raises:
        SuiteError: a file is no entry; one line says which, and what is wrong.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            if path.stat().st_size > _LARGEST:
                raise SuiteError(f"{path} is no entry of the log: it is larger than {_LARGEST / 2**20:.0f} MiB")
            found.append(msgspec.json.decode(path.read_bytes(), type=Reproduction))
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise SuiteError(f"{path} is no entry of the log: {fault}: let 'publish' write it") from None
    return sorted(found, key=lambda one: (one.judged, one.who), reverse=True)


def table(entries: Iterable[Reproduction], claims: Iterable[Claim]) -> list[tuple[str, ...]]:
    """One row an entry, in the order of `COLUMNS`.

    Args:
        entries: of the log.
        claims: with the verdicts that are expected of them.
    """
    expected = {
        (f"{claim.key}.{criterion.key}", profile): word.verdict
        for claim in claims
        for criterion in claim.criteria
        for profile, word in criterion.expected.items()
    }
    return [_row(one, expected) for one in entries]


def _row(one: Reproduction, expected: Mapping[tuple[str, str], Verdict]) -> tuple[str, ...]:
    counts = Counter(found.verdict for found in one.findings.values())
    words = ", ".join(f"{counts[word]} {word}" for word in reversed(WORST_FIRST) if counts[word])
    seeds = f"{one.profile}, seed{'' if len(one.seeds) == 1 else 's'} {ranges(set(one.seeds))}"
    commits = ", ".join(commit[:_SHOWN] for commit in one.commits)
    return one.who, one.computed.isoformat(), seeds, "; ".join(one.machines), commits, words, _beside(one, expected)


def _beside(one: Reproduction, expected: Mapping[tuple[str, str], Verdict]) -> str:
    """How many verdicts are those expected here, and which are not."""
    known = {name: expected[name, one.profile] for name in one.findings if (name, one.profile) in expected}
    other = {name: word for name, word in known.items() if one.findings[name].verdict is not word}
    said = f"{len(known) - len(other)} of {len(known)} the same"
    return "; ".join([said, *(f"{name}: {one.findings[name].verdict}, not {word}" for name, word in other.items())])


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """The log as a table for a README."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
