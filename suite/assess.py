"""From finished cells to judged claims: read what each criterion asks for and hand it to the judge."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace as replaced

from suite.claim import Constant
from suite.claim.expected import rule_digest
from suite.claim.schema import RELEASED, bearing
from suite.errors import SuiteError, Unavailable, Ungiven, Unobtainable, Unverifiable, one_line
from suite.evidence.bundles.bundle import open_bundle, open_given
from suite.evidence.bundles.lent import Overlay
from suite.evidence.cell import Result
from suite.evidence.store import Missing, Store
from suite.judge import (
    Judgement,
    Observed,
    Question,
    Role,
    Sampling,
    Verdict,
    counts,
    departs,
    judge_family,
    overall,
    relabel_smoke,
)
from suite.session import Session, kept
from suite.values import Values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from suite.claim import Claim, Criterion, Deviation, Expected, Reading
    from suite.claim.program import Program
    from suite.evidence.cell import Cell
    from suite.evidence.released.original import Original, Table
    from suite.evidence.store import Cells
    from suite.profile import Profile

T = TypeVar("T", bound="Table")

SMOKE = "smoke"


class NotComputed(Unavailable):
    """A cell that the profile asks for, and that a run would compute."""


class Evidence:
    """The :class:`suite.claim.Access` of one profile over its evidence; remembers what was read.

    Attributes:
        profile: the scale.
        session: how it was asked for.
        own: this machine's cells, the only ones that are ever written.
        store: what is read: our own cells, and those of bundles where a session has some.
        read: results by key.
        values: what readings found before.
        for_others: whether commands are told as somebody else would type them, without this machine's folders.
    """

    def __init__(
        self, profile: Profile, own: Store, *, session: Session | None = None, bundles: Overlay | None = None
    ) -> None:
        """Nothing is read before it is asked for."""
        self.profile = profile
        self.session = session or Session(profile=profile.name)
        self.own = own
        self.store: Cells = bundles or own
        self.read: dict[str, Result] = {}
        self.values = Values(self, own.root, self.one)
        self.for_others = False

    @property
    def told(self) -> Session:
        """The session as commands name it."""
        return self.session.portable() if self.for_others else self.session

    def lent(self) -> list[str]:
        """One line a bundle: how many of its cells were used; nothing where there are none."""
        return self.store.lent() if isinstance(self.store, Overlay) else []

    def settle(self, criterion: Criterion) -> None:
        """Read what a criterion and its controls compare from one origin a seed, where there are several."""
        if not isinstance(self.store, Overlay):
            return
        cells: list[Cell] = []
        for reading in (criterion.evidence, *(control.evidence for control in criterion.controls)):
            with suppress(Unavailable, SuiteError):  # what cannot be asked says so where it is read
                cells += reading.cells(self.profile)
        self.store.settle(cells)

    def beside(self, profile: Profile, session: Session) -> Evidence:
        """The evidence of another profile in the same place."""
        other = Evidence(profile, self.own, session=session)
        other.store, other.for_others = self.store, self.for_others
        return other

    def result(self, cell: Cell) -> Result:
        """A finished cell; NotComputed or Unavailable if there is none, SuiteError if it failed or is damaged.

        With it come the arrays of the cells that are read beside it.
        """
        if cell.beside:
            return Result.together([self.one(part) for part in cell.parts])
        return self.one(cell)

    def one(self, cell: Cell) -> Result:
        """The same without what is read beside it."""
        try:
            result = self.store.read(cell)
        except Missing as error:
            raise NotComputed(str(error)) from None
        except Unobtainable as error:
            raise Unavailable(str(error)) from None
        self.read[result.key] = result
        return result

    def released(self, original: Original[T]) -> T:
        """What a file that authors released says: a copy in the profile's folders, or the embedded figures."""
        return original.table(self.profile.released)


@dataclass(frozen=True)
class Assessment:
    """One judged criterion at one profile, with everything a person needs to question it.

    Attributes:
        claim: the claim it belongs to.
        criterion: what was asked.
        profile: the scale it was asked at.
        session: how the profile was asked for.
        judgement: the judge's answer; its reason names what is missing where nothing was measured.
        observed: what was measured, or None.
        controls: what was measured in each control of either kind, or None.
        cells: the cells it stands on.
        beside: what is shown with it and not judged, by name; only what there is.
        expected: the expected verdict, or None.
        departs: whether verdict and expectation differ, or the rule changed since (never, where the profile was
            modified).
    """

    claim: Claim
    criterion: Criterion
    profile: Profile
    session: Session
    judgement: Judgement
    observed: Observed | None
    controls: dict[str, Observed | None]
    cells: tuple[Result, ...] = ()
    beside: Mapping[str, Observed] = field(default_factory=dict)
    expected: Expected | None = None
    departs: bool = False

    @property
    def name(self) -> str:
        """``claim.criterion``."""
        return f"{self.claim.key}.{self.criterion.key}"

    @property
    def verdict(self) -> Verdict:
        """The judge's word."""
        return self.judgement.verdict

    @property
    def rule_changed(self) -> bool:
        """Whether the expectation was written under another rule: another region, control, role or quantity."""
        digest = self.expected.digest if self.expected else ""
        return bool(digest) and digest != rule_digest(self.criterion)

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """Every stated difference from the paper's set-up that bears on this verdict."""
        own = (*self.claim.deviations, *self.criterion.deviations)
        return (*self.profile.deviations, *bearing(own, self.profile))

    @property
    def command(self) -> str:
        """The command that produces this verdict from nothing."""
        return self.session.compute(self.claim.key)


@dataclass
class _Gathered:
    """What a reading found, or why there is nothing."""

    observed: Observed | None
    missing: Unavailable | None = None
    cells: dict[str, Result] = field(default_factory=dict)

    def why(self, claim: Claim, session: Session) -> str:
        """Why there is nothing, and the command where that would change it."""
        if isinstance(self.missing, Ungiven):
            return f"{self.missing}: {session.compute(claim.key, *self.missing.options)}"
        if isinstance(self.missing, NotComputed):
            return f"{self.missing}: {session.compute(claim.key)}"
        return str(self.missing)


def _gather(reading: Reading, evidence: Evidence, name: str, program: Program | None) -> _Gathered:
    """What a reading finds: numbers, a reason why there are none, or a failure that is never hidden."""
    evidence.read = {}
    try:
        observed = evidence.values.observe(name, reading, program)
    except Unavailable as reason:
        return _Gathered(None, missing=reason)
    except Exception as fault:  # noqa: BLE001 - of one reading: its verdict is "error", the others stand
        observed = Observed(values=(), sampling=Sampling.EXACT, failure=one_line(fault))
    return _Gathered(observed, cells=evidence.read)


def assess_claim(claim: Claim, evidence: Evidence) -> list[Assessment]:
    """Judge all criteria of a claim that can be asked at the evidence's profile, asserted ones and probes apart."""
    profile = evidence.profile
    asked = claim.asked_at(profile)
    found: dict[str, _Gathered] = {}
    controls: dict[str, dict[str, _Gathered]] = {}
    beside: dict[str, dict[str, Observed | None]] = {}
    questions: dict[str, Question] = {}
    for criterion in asked:
        evidence.settle(criterion)
        name = f"{claim.key}.{criterion.key}"
        found[criterion.key] = _gather(criterion.evidence, evidence, name, claim.program)
        controls[criterion.key] = {
            control.key: _gather(control.evidence, evidence, f"{name}/{control.key}", claim.program)
            for control in criterion.controls
        }
        beside[criterion.key] = {
            what: _gather(reading, evidence, f"{name}/beside/{what}", claim.program).observed
            for what, reading in criterion.beside.items()
        }
        seen = {key: gathered.observed for key, gathered in controls[criterion.key].items()}
        questions[criterion.key] = Question(
            observed=found[criterion.key].observed,
            region=criterion.region,
            negative_controls={control.key: seen[control.key] for control in criterion.negative_controls},
            positive_controls={control.key: seen[control.key] for control in criterion.positive_controls},
            control_free=criterion.control_free,
            unit=criterion.quantity.unit,
            proxy=profile.scope == "proxy",
            role=criterion.role,
        )
    evidence.values.save(claim.program)
    judged = judge_family(questions)
    return [
        _assessment(claim, one, evidence, judged[one.key], found[one.key], controls[one.key], beside[one.key])
        for one in asked
    ]


def _assessment(
    claim: Claim,
    criterion: Criterion,
    evidence: Evidence,
    judgement: Judgement,
    found: _Gathered,
    controls: dict[str, _Gathered],
    beside: Mapping[str, Observed | None],
) -> Assessment:
    profile = evidence.profile
    if isinstance(found.missing, Unverifiable):
        judgement = replace(judgement, verdict=Verdict.UNVERIFIABLE, reason=str(found.missing))
    elif found.missing and judgement.verdict is Verdict.NOT_RUN:
        judgement = replace(judgement, reason=found.why(claim, evidence.told))
    elif judgement.verdict is Verdict.INCONCLUSIVE:
        lacking = [
            f"control '{key}': {control.why(claim, evidence.told)}"
            for key, control in controls.items()
            if control.missing
        ]
        judgement = replace(judgement, reason="; ".join((judgement.reason, *lacking)))
    if profile.scope == "smoke" and judgement.verdict is not Verdict.UNVERIFIABLE:  # of which nothing ran
        judgement = relabel_smoke(judgement)
    expected = None if profile.modified else criterion.expected.get(profile.name)
    cells = dict(found.cells)
    for gathered in controls.values():
        cells |= gathered.cells
    assessment = Assessment(
        claim=claim,
        criterion=criterion,
        profile=profile,
        session=evidence.told,
        judgement=judgement,
        observed=found.observed,
        controls={key: gathered.observed for key, gathered in controls.items()},
        cells=tuple(cells.values()),
        beside={name: seen for name, seen in beside.items() if seen is not None and not seen.broken},
        expected=expected,
    )
    if expected is None:
        return assessment
    return replace(assessment, departs=assessment.rule_changed or departs(expected.verdict, judgement.verdict))


def assess(claims: Iterable[Claim], evidence: Evidence) -> list[Assessment]:
    """Judge all criteria of all claims."""
    return [assessment for claim in claims for assessment in assess_claim(claim, evidence)]


@dataclass(frozen=True)
class Judged:
    """A profile's evidence and its verdicts."""

    evidence: Evidence
    assessments: tuple[Assessment, ...]

    @property
    def has_evidence(self) -> bool:
        """Whether anything but constants, which need no evidence, was measured."""
        return any(map(stands_on_evidence, self.assessments))


def stands_on_evidence(assessment: Assessment) -> bool:
    """Whether a verdict rests on more than arithmetic that needs no evidence."""
    return assessment.verdict is not Verdict.NOT_RUN and not isinstance(assessment.criterion.evidence, Constant)


def open_evidence(session: Session, *, here: bool = False) -> Evidence:
    """The evidence of a session, its own and that of its bundles.

    Args:
        session: what was asked for.
        here: whether cells are computed on this machine, which must have the device then.

    Raises:
        SuiteError: something that was given is not there, or does not fit the profile.
    """
    profile, own = session.load(here=here), Store(session.root)
    bundles = None
    if session.bundles or session.preferred:
        opened = [
            [open_given(given, own.root) for given in several] for several in (session.bundles, session.preferred)
        ]
        bundles = Overlay(own, *opened)
    return Evidence(profile, own, session=session, bundles=bundles)


def judged(claims: Sequence[Claim], evidence: Evidence) -> list[Judged]:
    """The verdicts at a session's profile, and beside them those of what authors released.

    Released figures come with the claims, so they are judged whatever profile is asked for; smoke stands alone.
    """
    released = released_beside(claims, evidence)
    return [Judged(one, tuple(assess(claims, one))) for one in (evidence, released) if one is not None]


def released_beside(claims: Iterable[Claim], evidence: Evidence) -> Evidence | None:
    """The figures that authors released, as evidence beside a session's own; None if no claim asks for them."""
    asked = any(RELEASED in criterion.needs for claim in claims for criterion in claim.criteria)
    if not asked or not evidence.profile.computes or evidence.profile.scope == SMOKE:
        return None
    session = Session(profile=RELEASED, released=evidence.session.released, evidence=evidence.session.evidence)
    return evidence.beside(session.load(), session)


def shipped_beside(evidence: Evidence, bundle: Path) -> Evidence | None:
    """Evidence that comes with the claims, of the profile that its file is named after; our own cells go first.

    None beside that very profile, which is to be computed, and beside what computes nothing or is smoke.

    Raises:
        SuiteError: the bundle is damaged, its profile is gone, or it cannot be unpacked beside the evidence.
    """
    name = bundle.name.partition(".")[0]
    if name == evidence.profile.name or not evidence.profile.computes or evidence.profile.scope == SMOKE:
        return None
    session = Session(profile=name, evidence=evidence.session.evidence)
    beside = evidence.beside(session.load(), session)
    beside.store = Overlay(evidence.own, [open_bundle(bundle, evidence.own.root)])
    return beside


def judged_before(claims: Sequence[Claim], evidence: Evidence, shown: Iterable[str]) -> tuple[list[Judged], list[str]]:
    """The verdicts of every other profile that was asked for here and has evidence, and why others are not shown.

    Args:
        claims: which.
        evidence: of the session.
        shown: names of profiles that are shown already.
    """
    found: dict[str, Judged] = {}
    reasons = []
    done = {*shown, evidence.profile.name, RELEASED}
    for one in kept(evidence.own.root):
        name = one.session.name
        if name in (*found, *done) or not any(map(evidence.own.has, one.cells)):
            continue
        try:
            session = replaced(one.session, bundles=(), preferred=())
            profile = session.load()
        except SuiteError as reason:
            reasons.append(f"evidence of profile {name} is not shown: {reason}")
            continue
        if profile.scope != SMOKE:
            other = evidence.beside(profile, session)
            found[name] = Judged(other, tuple(assess(claims, other)))
    return list(found.values()), reasons


@dataclass(frozen=True)
class ClaimWord:
    """What may be said of a claim of several criteria at one profile.

    Attributes:
        verdict: one word, from the asserted criteria alone; None at proxy scope, where there are counts only, and
            where nothing is asserted.
        text: the word, or the counts: ``"asserted: 1 seen here, 3 not seen here, 2 uninformative"``.
    """

    verdict: Verdict | None
    text: str


def claim_word(assessments: Sequence[Assessment]) -> ClaimWord:
    """What may be said of the claim to which some assessments at one profile belong.

    Probes never enter the word; they are counted beside it.
    """
    words = {role: [a.verdict for a in assessments if a.criterion.role is role] for role in Role}
    asserted, probes = words[Role.ASSERTED], words[Role.PROBE]
    beside = f"; probes: {counts(probes)}" if probes else ""
    if asserted and any(a.profile.scope != "proxy" for a in assessments):
        verdict = overall(asserted)
        return ClaimWord(verdict, f"{verdict}{beside}")
    return ClaimWord(None, f"asserted: {counts(asserted)}{beside}")


@dataclass(frozen=True)
class Tally:
    """What a session's exit status follows from."""

    measured: int
    departures: tuple[Assessment, ...]
    errors: tuple[Assessment, ...]

    @property
    def ok(self) -> bool:
        """True if something was measured, nothing errs and no verdict or rule departs from the expected one."""
        return self.measured > 0 and not self.departures and not self.errors

    @property
    def why_not(self) -> str:
        """Why the session fails, in one line; empty if it does not."""
        reasons = []
        if not self.measured:
            reasons.append("nothing was measured")
        if self.errors:
            reasons.append("in error: " + ", ".join(a.name for a in self.errors))
        moved = [a for a in self.departures if a.expected and not a.rule_changed]
        if moved:
            reasons.append(
                "not as expected: "
                + ", ".join(f"{a.name} ({a.verdict}, not {a.expected.verdict})" for a in moved if a.expected)
            )
        changed = [a for a in self.departures if a.rule_changed]
        if changed:
            register = changed[0].session.command("register")
            names = ", ".join(a.name for a in changed)
            reasons.append(f"the rule changed without a new entry ({register}): {names}")
        return "; ".join(reasons)


def tally(assessments: Sequence[Assessment]) -> Tally:
    """Count what was measured, what departs and what errs."""
    unmeasured = (Verdict.NOT_RUN, Verdict.ERROR, Verdict.UNVERIFIABLE)
    return Tally(
        measured=sum(assessment.verdict not in unmeasured for assessment in assessments),
        departures=tuple(a for a in assessments if a.departs and a.verdict is not Verdict.ERROR),
        errors=tuple(a for a in assessments if a.verdict is Verdict.ERROR),
    )
