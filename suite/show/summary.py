"""Verdicts for machines: one JSON document with everything behind them.

Schema 2. At the top: ``schema``, ``date`` (ISO 8601, UTC), ``commit``, ``machine``, ``verdicts`` (counts),
``ok`` and ``why_not`` (does the session pass, and why not), ``criteria``. Each entry of ``criteria``:

===================  ===========================================================================
``claim, criterion`` keys; ``name`` is both with a dot
``says``             the claim's and the criterion's sentence, and where the claim is printed
``quantity``         what is measured: ``name``, ``unit``, ``larger``
``region``           ``low`` and ``high``, null where it is open; ``because`` says why it is this one
``published``        what papers print: ``value`` (null for words), ``text``, ``paper``, ``where``
``measured``         ``estimate, low, high, level, method, n, values, labels, diverged``; null if nothing was
``controls``         ``name, kind, estimate, low, high, holds, message, contrast`` of each; ``kind`` is ``negative``
                     or ``positive``, ``contrast`` the claim less the control, run by run
``control_free``     why there is no control, where an exact quantity has none
``verdict, reason``  the word and the sentence behind it; ``p, p_holm, adjusted, more, flips`` as the judge gives
                     them; ``more`` has ``likely, low, high``, the last null where no number may do
``role``             ``asserted`` by the paper, or our ``probe``
``scope, profile``   how far the evidence reaches; ``modified`` lists what the command line changed
``deviations``       ``what, paper, ours`` of every stated difference from the papers
``beside``           values by seed of what is shown with the verdict and not judged, by name; may be empty
``expected``         the expected verdict: ``verdict, because, since, status, digest``, or null; ``status`` is
                     ``registered`` (before the evidence) or ``recorded`` (after it)
``departs``          whether the verdict differs from the expected one, or the rule changed since
``command``          what computes and judges it from nothing
``origin``           whose runs it stands on, where any came in a bundle; empty if all are our own
``cells``            what it stands on: ``key, seed, seconds, origin, differs, commit, libraries, device`` of each
===================  ===========================================================================

Numbers that JSON does not know (infinite, not a number) are null; keys are never left out.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from suite.assess import tally
from suite.evidence.runtime import commit, environment
from suite.show import describe
from suite.show.files import replace_text
from suite.show.markdown import as_markdown, update_readme
from suite.show.numbers import finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from suite.assess import Assessment
    from suite.claim import Deviation
    from suite.claim.schema import Published
    from suite.evidence.cell import Result
    from suite.judge import ControlJudgement, Interval

__all__ = ["SCHEMA", "as_json", "as_markdown", "criterion_json", "machine", "update_readme", "write_json"]

SCHEMA = 2


def machine() -> str:
    """The machine that judges, in words; the machines that computed are with their cells."""
    here = environment("cpu")
    return f"{here['system']}, {here['processor']}, {here['cores']} cores, Python {here['python']}"


def as_json(assessments: Sequence[Assessment]) -> dict[str, Any]:
    """Everything behind the verdicts as JSON data; the schema stands at the top of this module."""
    counted = tally(assessments)
    return {
        "schema": SCHEMA,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "verdicts": dict(Counter(str(assessment.verdict) for assessment in assessments)),
        "ok": counted.ok,
        "why_not": counted.why_not,
        "criteria": [criterion_json(assessment) for assessment in assessments],
    }


def criterion_json(assessment: Assessment) -> dict[str, Any]:
    """One judged criterion as JSON data."""
    claim, criterion, judgement = assessment.claim, assessment.criterion, assessment.judgement
    return {
        "name": assessment.name,
        "claim": claim.key,
        "criterion": criterion.key,
        "says": {"claim": claim.sentence, "criterion": criterion.sentence, "where": claim.where},
        "quantity": {
            "name": criterion.quantity.name,
            "unit": criterion.quantity.unit,
            "larger": criterion.quantity.larger,
        },
        "region": {
            "low": finite(judgement.region.low),
            "high": finite(judgement.region.high),
            "because": criterion.because,
        },
        "published": [_published(entry) for entry in criterion.published],
        "measured": _measured(assessment),
        "controls": [_control(judged) for judged in judgement.controls],
        "control_free": criterion.control_free,
        "role": str(criterion.role),
        "verdict": str(judgement.verdict),
        "reason": judgement.reason,
        "p": finite(judgement.p),
        "p_holm": finite(judgement.p_holm),
        "adjusted": _interval(judgement.adjusted) if judgement.adjusted else None,
        "more": asdict(judgement.more) if judgement.more else None,
        "flips": judgement.flips,
        "scope": assessment.profile.scope,
        "profile": assessment.profile.name,
        "modified": list(assessment.profile.modified),
        "deviations": _deviations(assessment.deviations),
        "beside": {name: [finite(value) for value in seen.values] for name, seen in assessment.beside.items()},
        "expected": _expected(assessment),
        "departs": assessment.departs,
        "command": assessment.command,
        "origin": describe.origin(assessment),
        "cells": [_cell(result) for result in assessment.cells],
    }


def _published(entry: Published) -> dict[str, Any]:
    return {
        "value": finite(entry.value),
        "text": entry.text,
        "paper": f"arXiv:{entry.paper.arxiv}{entry.paper.version}",
        "where": entry.where,
    }


def _interval(interval: Interval | None) -> dict[str, Any]:
    return {
        "estimate": finite(interval.estimate) if interval else None,
        "low": finite(interval.low) if interval else None,
        "high": finite(interval.high) if interval else None,
    }


def _measured(assessment: Assessment) -> dict[str, Any] | None:
    interval, observed = assessment.judgement.interval, assessment.observed
    if interval is None or observed is None:
        return None
    return _interval(interval) | {
        "level": interval.level,
        "method": interval.method,
        "n": interval.n,
        "values": [finite(value) for value in observed.values],
        "labels": list(observed.labels),
        "diverged": list(observed.diverged),
    }


def _control(judged: ControlJudgement) -> dict[str, Any]:
    return {
        "name": judged.name,
        "kind": str(judged.kind),
        **_interval(judged.interval),
        "holds": str(judged.holds),
        "message": judged.message,
        "contrast": _interval(judged.contrast) if judged.contrast else None,
    }


def _deviations(deviations: Iterable[Deviation]) -> list[dict[str, str]]:
    return [{"what": entry.what, "paper": entry.paper, "ours": entry.ours} for entry in deviations]


def _expected(assessment: Assessment) -> dict[str, str] | None:
    expected = assessment.expected
    if expected is None:
        return None
    return {
        "verdict": str(expected.verdict),
        "because": expected.because,
        "since": expected.since.isoformat(),
        "status": expected.status,
        "digest": expected.digest,
    }


def _cell(result: Result) -> dict[str, Any]:
    return {
        "key": result.key,
        "seed": result.seed,
        "seconds": result.seconds,
        "origin": result.origin,
        "differs": result.differs,
        "commit": result.environment.get("commit"),
        "libraries": result.environment.get("libraries"),
        "device": result.environment.get("gpu", result.environment.get("device")),
    }


def write_json(path: Path, assessments: Sequence[Assessment]) -> None:
    """Write :func:`as_json` to a file, which at every moment holds the old document or the new one."""
    replace_text(path, json.dumps(as_json(assessments), indent=1, allow_nan=False, ensure_ascii=False) + "\n")
