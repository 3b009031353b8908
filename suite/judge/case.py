"""One question with its evidence read: which verdict the intervals give, and what would settle it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial, reduce

from suite.judge.contrast import contrast
from suite.judge.interval import Estimate
from suite.judge.judgement import Question
from suite.judge.observed import Sampling
from suite.judge.power import Outlook, foresee
from suite.judge.reading import Position, Reading, read
from suite.judge.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """A question whose evidence has been read.

    Args:
        question: What is asked.
        claim: Where the claim's quantity lies.
        negatives: Where the negative controls lie, by name.
        positives: Where the positive controls lie, by name.
        level: Confidence of the intervals.
        contrasts: The claim less a negative control, by name, for those that share its design.
    """

    question: Question
    claim: Reading
    negatives: Mapping[str, Reading]
    positives: Mapping[str, Reading]
    level: float
    contrasts: Mapping[str, Estimate] = field(default_factory=dict)

    @classmethod
    def of(cls, question: Question, level: float) -> "Case":
        """Reads the evidence of the claim and of every control."""
        look = partial(read, region=question.region, level=level)
        pairs = {name: contrast(question.observed, other) for name, other in question.negative_controls.items()}
        return cls(
            question,
            look(question.observed),
            {name: look(observed) for name, observed in question.negative_controls.items()},
            {name: look(observed) for name, observed in question.positive_controls.items()},
            level,
            {name: estimate for name, estimate in pairs.items() if estimate is not None},
        )

    @property
    def parts(self) -> dict[str, float]:
        """Smallest alpha at which each part of the decision that the estimate leans to is shown; 1 if at none.

        All of it must be shown, so the weakest part counts (an intersection-union test).
        """
        found = {"": self.claim.p_inside if self.claim.leans_inside else self.claim.p_outside}
        found |= {f"positive control '{name}'": control.p_inside for name, control in self.positives.items()}
        if self.lacks_positive:
            found["the missing positive control"] = 1.0
        if self.claim.leans_inside:
            found |= {f"negative control '{name}'": control.p_outside for name, control in self.negatives.items()}
            found |= {f"the contrast with control '{name}'": pair.p(0.0) for name, pair in self.contrasts.items()}
            if self.lacks_negative:
                found["the missing negative control"] = 1.0
        return found

    @property
    def p(self) -> float | None:
        """Smallest alpha at which the claim is decided, 1 if at none; None if no sample stands behind it."""
        return max(self.parts.values()) if self.claim.statistical else None

    @property
    def held(self) -> bool:
        """Whether the claim holds as far as it was measured."""
        return self.claim.position is Position.INSIDE or (self.claim.single and self.claim.leans_inside)

    @property
    def verdict(self) -> Verdict:
        """The verdict the intervals give, before any adjustment for a family."""
        readings = (self.claim, *self.negatives.values(), *self.positives.values())
        if any(reading.position is Position.ERROR for reading in readings):
            return Verdict.ERROR
        if self.claim.position is Position.NOT_RUN:
            return Verdict.NOT_RUN
        if self.missed or (self.held and self.satisfied):
            return Verdict.UNINFORMATIVE
        if self.obstacles or not (self.held or self.claim.position is Position.OUTSIDE):
            return Verdict.INCONCLUSIVE
        return self._decision

    @property
    def _decision(self) -> Verdict:
        """The word for a valid assay whose claim lies clearly on one side."""
        if self.held and self.claim.single:
            return Verdict.CONSISTENT
        if self.question.proxy and not self.question.exact:
            return Verdict.SEEN_HERE if self.held else Verdict.NOT_SEEN_HERE
        return Verdict.REPRODUCED if self.held else Verdict.CONTRADICTED

    @property
    def missed(self) -> dict[str, Reading]:
        """Positive controls shown to lie outside the region: the measurement could not have succeeded."""
        return {name: c for name, c in self.positives.items() if c.position is Position.OUTSIDE}

    @property
    def without_faults(self) -> "Case":
        """The same as if the controls that make it uninformative lay where they should."""
        moved = {name: replace(c, position=Position.INSIDE, leans_inside=True) for name, c in self.missed.items()}
        away = {name: replace(c, position=Position.OUTSIDE, leans_inside=False) for name, c in self.satisfied.items()}
        return replace(
            self,
            positives={**self.positives, **moved},
            negatives={**self.negatives, **away},
            contrasts={name: pair for name, pair in self.contrasts.items() if name not in away},
        )

    @property
    def satisfied(self) -> dict[str, Reading]:
        """Negative controls shown to lie inside the region: the measurement could not have failed."""
        return {name: c for name, c in self.negatives.items() if c.position is Position.INSIDE}

    @property
    def open_positives(self) -> dict[str, Reading]:
        """Positive controls that keep the assay from being valid without showing it to be blind.

        A single run that holds, which is at best consistent, is held back only by one that leans the wrong way.
        """
        if self.claim.single and self.held:
            return {name: c for name, c in self.positives.items() if c.interval is not None and not c.leans_inside}
        return {name: c for name, c in self.positives.items() if c.position is not Position.INSIDE}

    @property
    def open_negatives(self) -> dict[str, Reading]:
        """Negative controls that keep a claim that holds from its best verdict: not shown to lie outside.

        A single run is held back only by a control that was run and came out inside too.
        """
        if not self.held:
            return {}
        return {
            name: control
            for name, control in self.negatives.items()
            if (control.leans_inside if self.claim.single else control.position is not Position.OUTSIDE)
        }

    @property
    def open_contrasts(self) -> dict[str, Estimate]:
        """Paired contrasts with negative controls that are not beyond 0, of a claim that holds."""
        alpha = 1 - self.level
        return {name: pair for name, pair in self.contrasts.items() if self.held and pair.p(0.0) > alpha}

    @property
    def lacks_positive(self) -> bool:
        """Whether nothing could show that the claim could have been seen, although it must be shown.

        No noise can hide an exact value: there a control of the other kind is enough.
        """
        return not self.positives and not self._excused(bool(self.negatives))

    @property
    def lacks_negative(self) -> bool:
        """Whether nothing could show that the measurement is able to fail, although it must be shown."""
        return not self.negatives and not self._excused(bool(self.positives))

    def _excused(self, other_kind: bool) -> bool:
        return bool(self.question.control_free) or (self.question.exact and other_kind)

    @property
    def obstacles(self) -> bool:
        """Whether anything but the claim's own interval stands in the way of a decision."""
        if self.open_positives or self.open_negatives or self.open_contrasts:
            return True
        if self.claim.single and self.held:
            return False
        return self.lacks_positive or (self.held and self.lacks_negative)

    def more(self, alpha: float) -> Outlook | None:
        """Further units that would settle every part still open.

        Controls that are drawn in other units than the claim, or whose noise is unknown, are left out. For a
        single run nothing can be said: its noise is unknown, or it is a released one that cannot be repeated.

        Args:
            alpha: One less the confidence at which a part counts as decided.

        Returns:
            How many, with a range; None if nothing is open or no reachable number would do.
        """
        claim, observed = self.claim, self.question.observed
        if claim.interval is None or observed is None or claim.single:
            return None
        if observed.sampling is Sampling.HALVES:  # groups are always as many: images cannot be counted in them
            return None
        needs = []
        for part in (claim, *self.positives.values(), *(self.negatives.values() if claim.leans_inside else ())):
            interval = part.interval
            if part.unit != claim.unit or interval is None or interval.sd is None or not part.open_at(alpha):
                continue
            outlook = foresee(interval, self.question.region, level=1 - alpha)
            if outlook is None:
                return None
            needs.append(outlook)
        return reduce(Outlook.together, needs) if needs else None
