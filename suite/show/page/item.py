"""One row of the matrix with all its card needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.assess import ClaimWord, claim_word, stands_on_evidence
from suite.show.links import slug
from suite.show.terminal import by_claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from suite.assess import Assessment, Judged
    from suite.claim import Claim
    from suite.show.page.markup import Markup
    from suite.show.recorded import Entry
    from suite.show.runs import Run


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it.

    Attributes:
        image: the figure as an element; empty if there is none.
        caption: how to read it, or why there is none.
        file: name of its files, without ending.
    """

    image: Markup | None
    caption: str
    file: str = ""


@dataclass(frozen=True)
class Item:
    """One judged criterion at one profile.

    Attributes:
        assessment: the judgement.
        picture: its figure.
        runs: what it stands on, directly.
        history: recorded values at the same profile, oldest first.
        mlflow: where the MLflow UI shows it, once it runs.
    """

    assessment: Assessment
    picture: Picture
    runs: tuple[Run, ...] = ()
    history: tuple[Entry, ...] = ()
    mlflow: str = ""

    @property
    def anchor(self) -> str:
        """Names the card within the page."""
        return slug(f"{self.assessment.name}.{self.assessment.profile.name}")


@dataclass(frozen=True)
class Section:
    """A claim with its rows."""

    claim: Claim
    items: tuple[Item, ...]

    @property
    def words(self) -> dict[str, ClaimWord]:
        """What may be said of the claim, by profile."""
        groups = by_claim(item.assessment for item in self.items)
        return {profile: claim_word(group) for (_, profile), group in groups.items()}


def shown(sessions: Sequence[Judged]) -> list[Assessment]:
    """What the page shows, claim by claim, criterion by criterion, profile by profile.

    A claim is left out at a profile where nothing of it was measured, unless that leaves the claim without a row:
    then the first profile that asks it says what is missing.
    """
    groups = by_claim(assessment for session in sessions for assessment in session.assessments)
    kept: dict[str, list[Assessment]] = {}
    for (claim, _), group in groups.items():
        if any(map(stands_on_evidence, group)):
            kept.setdefault(claim, []).extend(group)
    for (claim, _), group in groups.items():
        kept.setdefault(claim, group)
    profiles = [session.evidence.profile.name for session in sessions]
    return [
        assessment
        for key in dict.fromkeys(claim for claim, _ in groups)
        for assessment in _ordered(kept[key], profiles)
    ]


def _ordered(assessments: Iterable[Assessment], profiles: Sequence[str]) -> list[Assessment]:
    found = list(assessments)
    keys = [criterion.key for criterion in found[0].claim.criteria]
    return sorted(found, key=lambda one: (keys.index(one.criterion.key), profiles.index(one.profile.name)))


def sections(items: Iterable[Item]) -> list[Section]:
    """Items by claim, in their order."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.assessment.claim.key, []).append(item)
    return [Section(group[0].assessment.claim, tuple(group)) for group in groups.values()]
