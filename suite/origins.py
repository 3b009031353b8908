"""Evidence of several origins, each judged alone: on which criteria ours and somebody's bundles disagree."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from suite.assess import Assessment, Evidence, assess
from suite.evidence.bundles.lent import Overlay
from suite.evidence.store import Store
from suite.judge import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from suite.claim import Claim

OURS = "ours"


@dataclass(frozen=True)
class Split:
    """A criterion on which origins disagree.

    Attributes:
        by_origin: what each origin's own runs give, by its name; at least two.
    """

    by_origin: Mapping[str, Assessment]

    @property
    def name(self) -> str:
        """``claim.criterion``."""
        return next(iter(self.by_origin.values())).name


def alone(evidence: Evidence) -> dict[str, Evidence]:
    """The evidence of every origin by its name: ours, and each bundle's; nothing where there are no bundles."""
    if not isinstance(evidence.store, Overlay):
        return {}
    nothing = Store(evidence.own.root / "bundles" / "none")
    found = {OURS: Evidence(evidence.profile, evidence.own, session=evidence.session)}
    for bundle in evidence.store.lenders:
        theirs = Overlay(nothing, [], [bundle])
        name = f"{bundle.name}, sha256 {bundle.digest[:8]}"
        found[name] = Evidence(evidence.profile, nothing, session=evidence.session, bundles=theirs)
    return found


def splits(claims: Sequence[Claim], evidence: Evidence) -> list[Split]:
    """The criteria on which origins disagree: another verdict, or intervals that do not meet.

    Args:
        claims: which are judged.
        evidence: of one profile, with bundles; every origin is judged alone, so that no pair is mixed.
    """
    found: dict[str, dict[str, Assessment]] = {}
    for origin, own in alone(evidence).items():
        for assessment in assess(claims, own):
            if assessment.cells and assessment.verdict is not Verdict.NOT_RUN:
                found.setdefault(assessment.name, {})[origin] = assessment
    return [Split(by_origin) for by_origin in found.values() if _disagree(by_origin.values())]


def _disagree(assessments: Collection[Assessment]) -> bool:
    return len({one.verdict for one in assessments}) > 1 or _apart(assessments)


def _apart(assessments: Iterable[Assessment]) -> bool:
    """Whether two intervals do not meet, whatever the verdicts."""
    intervals = [one.judgement.interval for one in assessments]
    found = [interval for interval in intervals if interval is not None]
    return any(one.high < other.low or other.high < one.low for one, other in combinations(found, 2))
