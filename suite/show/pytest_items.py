"""What pytest collects from a claim: one item a criterion. Imported only where claims are judged."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from suite.assess import Evidence, assess_claim, open_evidence
from suite.claim import Claim, expected
from suite.claim.program import Program
from suite.errors import SuiteError
from suite.judge import Verdict
from suite.session import Session
from suite.show import describe
from suite.show.numbers import finite
from suite.show.verdicts import LOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from suite.assess import Assessment
    from suite.claim import Criterion

_EVIDENCE = pytest.StashKey[Evidence]()


class Departure(Exception):
    """A verdict that fails the session; the message is the whole report."""


def session_of(config: pytest.Config) -> Session:
    """The session that pytest's options ask for: the same value as the command line's."""
    option = config.option

    def several(name: str) -> tuple[str, ...]:
        return tuple(getattr(option, f"claims_{name}") or ())

    return Session(
        profile=option.claims_profile,
        seeds=option.claims_seeds,
        device=option.claims_device,
        evidence=option.claims_evidence,
        released=several("released"),
        images=option.claims_images,
        weights=several("weights"),
        bundles=several("with"),
        preferred=several("prefer"),
    )


def evidence_of(config: pytest.Config) -> Evidence:
    """The evidence the options name, opened once a run.

    Raises:
        pytest.UsageError: the profile or the device is not there.
    """
    if _EVIDENCE not in config.stash:
        try:
            config.stash[_EVIDENCE] = open_evidence(session_of(config))
        except ValueError as error:  # SuiteError is one
            raise pytest.UsageError(str(error)) from None
    return config.stash[_EVIDENCE]


class ClaimFile(pytest.File):
    """A module that defines ``CLAIM``; its criteria are judged together, whichever of them are selected."""

    _judged: dict[str, Assessment] | None = None

    def claim(self) -> Claim | None:
        """The module's claim; None for a module that defines none.

        Raises:
            CollectError: the module cannot be imported, or is another one of the same name; what is expected of it
                cannot be read.
        """
        root = str(self.path.parents[1])
        if root not in sys.path:
            sys.path.insert(0, root)
        name = f"{self.path.parent.name}.{self.path.stem}"
        try:
            module = import_module(name)
        except (ImportError, SuiteError) as error:
            raise self.CollectError(f"cannot import {name}: {error}") from error
        if Path(module.__file__ or "").resolve() != self.path.resolve():
            raise self.CollectError(f"{name} was imported from {module.__file__}: run from one project at a time")
        claim = getattr(module, "CLAIM", None)
        if not isinstance(claim, Claim):
            return None
        try:
            known = expected.attach(claim, expected.read(self.path.with_name(expected.FILE)))
            return replace(known, program=Program.of(self.path.parent))
        except SuiteError as error:
            raise self.CollectError(str(error)) from error

    def collect(self) -> Iterator[CriterionItem]:
        """One item for every criterion that can be asked at the profile."""
        claim = self.claim()
        scale = evidence_of(self.config).profile
        for criterion in claim.asked_at(scale) if claim else ():
            yield CriterionItem.from_parent(self, name=criterion.key, criterion=criterion)

    def judged(self, key: str) -> Assessment:
        """One criterion's assessment; the first call judges all, since they share one error rate."""
        if self._judged is None:
            claim = self.claim()
            assert claim is not None
            assessments = assess_claim(claim, evidence_of(self.config))
            self._judged = {assessment.criterion.key: assessment for assessment in assessments}
        return self._judged[key]


class CriterionItem(pytest.Item):
    """One criterion."""

    def __init__(self, *, criterion: Criterion, **options: Any) -> None:
        """Collected by :class:`ClaimFile`; xdist's ``--dist loadgroup`` keeps a claim on one worker."""
        super().__init__(**options)
        self.criterion = criterion
        self.verdict: dict[str, str] | None = None
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(self.path.stem))

    def runtest(self) -> None:
        """Judge, and fail or skip where the verdict says so."""
        assert isinstance(self.parent, ClaimFile)
        assessment = self.parent.judged(self.name)
        self.verdict = {
            "verdict": str(assessment.verdict),
            "letter": LOOKS[assessment.verdict].letter,
            "remedy": describe.remedy(assessment),
        }
        self.user_properties.extend(properties(assessment))
        departs = assessment.departs and self.config.option.claims_fail_on_departure
        if departs or assessment.verdict is Verdict.ERROR:
            raise Departure(describe.sentence(assessment))
        if assessment.verdict is Verdict.NOT_RUN:
            pytest.skip(describe.sentence(assessment))

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """One sentence with its numbers; a traceback only for a fault of ours."""
        if isinstance(excinfo.value, Departure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the criterion stands and what it is called."""
        return self.path, None, f"{self.path.stem}.{self.name}"


def properties(assessment: Assessment) -> list[tuple[str, object]]:
    """What goes into JUnit's XML: the verdict with the numbers behind it; empty where there is none."""
    interval, region = assessment.judgement.interval, assessment.judgement.region
    numbers = (interval.estimate, interval.low, interval.high) if interval else (None, None, None)
    estimate, low, high = ("" if finite(value) is None else value for value in numbers)
    return [
        ("verdict", str(assessment.verdict)),
        ("expected", str(assessment.expected.verdict) if assessment.expected else ""),
        ("estimate", estimate),
        ("low", low),
        ("high", high),
        ("published", describe.published(assessment.criterion)),
        ("region", region.describe(assessment.criterion.quantity.unit)),
        ("scope", assessment.profile.scope),
        ("profile", assessment.profile.name),
        ("reason", assessment.judgement.reason),
        ("command", assessment.command),
    ]
