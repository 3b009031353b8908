"""The comparison of a claim's criteria as one table: each a difference to the same reference, at every profile.

A claim that names what it compares with (``Claim.compared_with``) has one; its rows are its criteria, found with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from suite.claim import PerSeed
from suite.errors import Unavailable
from suite.judge import ControlKind
from suite.show.costs import counted
from suite.show.numbers import interval_text, plural
from suite.show.verdicts import marked
from suite.studies.cells import TRAIN
from suite.studies.weighted_cells import STUDY as TRAIN_AT_WEIGHT
from suite.values import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from suite.assess import Assessment
    from suite.claim import Claim, Criterion
    from suite.judge import ControlJudgement, Observed

ARROW = " → "
NOTHING = "–"


@dataclass(frozen=True)
class Cost:
    """What a training step costs.

    Attributes:
        ratio: operations beside those of the reference.
        parameters: trained beside the student's.
    """

    ratio: float
    parameters: int

    def __str__(self) -> str:
        """``"1.02 ×, +1,200"``."""
        return f"{self.ratio:.2f} ×" + (f", +{self.parameters:,}" if self.parameters else "")


@dataclass(frozen=True)
class Entry:
    """One criterion at one profile."""

    assessment: Assessment

    @property
    def measured(self) -> bool:
        """Whether there is a difference to show."""
        return self.assessment.judgement.interval is not None

    @property
    def controls(self) -> tuple[ControlJudgement, ...]:
        """The criterion's own controls: cases in which it must fail."""
        return tuple(one for one in self.assessment.judgement.controls if one.kind is ControlKind.NEGATIVE)

    @property
    def less_controls(self) -> dict[str, str]:
        """The criterion less each of its own controls, run by run; why there is none, where there is none."""
        return {
            one.name.replace("_", " "): (
                interval_text(one.contrast) if one.contrast else "no spread" if one.interval else str(one.holds)
            )
            for one in self.controls
        }

    @property
    def beside(self) -> dict[str, tuple[float, ...]]:
        """Means over seeds of what is shown beside; names that differ after a comma alone are one, in their order."""
        found: dict[str, tuple[float, ...]] = {}
        for name, observed in self.assessment.beside.items():
            topic = name.partition(",")[0]
            found[topic] = (*found.get(topic, ()), _mean(observed))
        return found

    @cached_property
    def cost(self) -> Cost | None:
        """What the step of its students costs; None where no students are compared."""
        reading, profile = self.assessment.criterion.evidence, self.assessment.profile
        if not isinstance(reading, PerSeed):
            return None
        try:
            cells = [subject(profile, profile.seeds[0]) for subject in reading.subjects]
        except Unavailable:
            return None
        if len(cells) != len(("with it", "without")) or any(c.study not in (TRAIN, TRAIN_AT_WEIGHT) for c in cells):
            return None
        folder, program = self.assessment.session.root / FOLDER, self.assessment.claim.program
        ours, reference = (counted(cell, folder, program) for cell in cells)
        return Cost(ours.flops / reference.flops, ours.parameters - reference.parameters)


@dataclass(frozen=True)
class Row:
    """One criterion at every profile.

    Attributes:
        criterion: which.
        entries: by profile; only where it was measured.
    """

    criterion: Criterion
    entries: dict[str, Entry]

    @property
    def title(self) -> str:
        """``"VkD"``, ``"VkD, at equal effective weight"``."""
        title, condition = self.criterion.title or self.criterion.key, self.criterion.condition
        return f"{title}, {condition}" if condition else title


@dataclass(frozen=True)
class Comparison:
    """A whole table.

    Attributes:
        claim: whose.
        profiles: that measured any of it.
        rows: in the claim's order, a variant below what it varies; only those that some profile measured.
    """

    claim: Claim
    profiles: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """Of its figure's files, and of its run in MLflow."""
        return f"{self.claim.key}.comparison"

    @property
    def unit(self) -> str:
        """Of the differences."""
        return self.rows[0].criterion.quantity.unit

    @property
    def topics(self) -> tuple[str, ...]:
        """What is shown beside the differences, by name."""
        found = [topic for row in self.rows for entry in row.entries.values() for topic in entry.beside]
        return tuple(dict.fromkeys(found))

    @property
    def columns(self) -> tuple[str, ...]:
        """Of each profile."""
        difference = f"minus {self.claim.compared_with} [95 %], {self.unit}"
        return (difference, "less its own controls", *self.topics, "step, parameters", "verdict")

    def cells(self, row: Row, profile: str) -> tuple[str, ...]:
        """The text of a row's columns at a profile; lines within a cell end with a line feed."""
        entry = row.entries.get(profile)
        if entry is None:
            return (NOTHING,) * len(self.columns)
        beside = entry.beside
        return (
            interval_text(entry.assessment.judgement.interval),
            "\n".join(f"{name}: {text}" for name, text in entry.less_controls.items()) or NOTHING,
            *(written(beside.get(topic, ())) for topic in self.topics),
            str(entry.cost or NOTHING),
            marked(entry.assessment.verdict),
        )

    def depends(self) -> list[str]:
        """By profile and condition, which verdicts depend on it; empty where nothing was judged under two."""
        said = []
        for profile in self.profiles:
            found = {row.criterion.key: row.entries[profile].assessment for row in self.rows if profile in row.entries}
            pairs: dict[str, list[tuple[Assessment, Assessment]]] = {}
            for one in found.values():
                if one.criterion.variant_of in found:
                    pairs.setdefault(one.criterion.condition, []).append((found[one.criterion.variant_of], one))
            said += [_depends(profile, condition, both) for condition, both in pairs.items()]
        return said

    def legend(self) -> str:
        """What the columns say."""
        controls = (
            "A control is the same method where it can know nothing of the image; less its own controls: the paired "
            "difference to each, above 0 where the gain is owed to what the teacher knows."
        )
        parts = [controls]
        if any(entry.cost for row in self.rows for entry in row.entries.values()):
            parts.append(
                f"Step: operations of a student's training step beside {self.claim.compared_with}'s (matrix products, "
                "convolutions and Fourier transforms; the teacher's pass, which all share, is left out). Parameters: "
                "trained beside the student's."
            )
        if self.topics:
            parts.append(f"Of {', '.join(self.topics)}: means over seeds.")
        return " ".join([*parts, self.claim.notes]).strip()


def _mean(observed: Observed) -> float:
    return sum(observed.values) / len(observed.values)


def written(values: Sequence[float]) -> str:
    """``"0.12 → 0.055"``, two digits each."""
    return ARROW.join(f"{value:.2g}" for value in values) or NOTHING


def _depends(profile: str, condition: str, pairs: Sequence[tuple[Assessment, Assessment]]) -> str:
    """Which verdicts are other ones under a condition, in one sentence."""
    moved = [
        f"{before.criterion.title or before.criterion.key} ({before.verdict} → {after.verdict})"
        for before, after in pairs
        if before.verdict is not after.verdict
    ]
    same = len(pairs) - len(moved)
    if not moved:
        return f"{profile}, {condition}: no verdict changes, of {plural(len(pairs), 'method')} judged both ways."
    rest = f"; {plural(same, 'other')} {'does' if same == 1 else 'do'} not" if same else ""
    return f"{profile}, {condition}: these verdicts change: {', '.join(moved)}{rest}."


def comparisons(assessments: Iterable[Assessment]) -> list[Comparison]:
    """The table of every claim that compares, of what was measured of it; none where nothing was.

    Args:
        assessments: all criteria of each claim, at any number of profiles.
    """
    claims: dict[str, list[Assessment]] = {}
    for one in assessments:
        if one.claim.compared_with and one.judgement.interval is not None:
            claims.setdefault(one.claim.key, []).append(one)
    return [_comparison(found) for found in claims.values()]


def _comparison(found: Sequence[Assessment]) -> Comparison:
    claim = found[0].claim
    by_key: dict[str, dict[str, Entry]] = {}
    for one in found:
        by_key.setdefault(one.criterion.key, {})[one.profile.name] = Entry(one)
    rows = [Row(criterion, by_key[criterion.key]) for criterion in _ordered(claim) if criterion.key in by_key]
    return Comparison(claim, tuple(dict.fromkeys(one.profile.name for one in found)), tuple(rows))


def _ordered(claim: Claim) -> list[Criterion]:
    """Criteria with their variants right below them."""
    keys = [criterion.key for criterion in claim.criteria]
    return sorted(claim.criteria, key=lambda one: keys.index(one.variant_of or one.key))
