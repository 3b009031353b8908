"""One question with its evidence read: which verdict the intervals give, and what would settle it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from suite.judge.bootstrap import FEWEST_UNITS
from suite.judge.judgement import Question
from suite.judge.observed import Sampling
from suite.judge.power import settle
from suite.judge.reading import Position, Reading, read
from suite.judge.verdict import Verdict

_WITHOUT_LOOKING_AT_CONTROLS = {
    Position.NOT_RUN: Verdict.NOT_RUN,
    Position.OUTSIDE: Verdict.CONTRADICTED,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A question whose evidence has been read.

    Args:
        question: What is asked.
        claim: Where the claim's quantity lies.
        controls: Where the controls lie, by name.
        level: Confidence of the intervals.
    """

    question: Question
    claim: Reading
    controls: dict[str, Reading]
    level: float

    @classmethod
    def of(cls, question: Question, level: float, fresh_rng: Callable[[], np.random.Generator]) -> "Case":
        """Reads the evidence of the claim and of every control; see `read` for the arguments."""
        look = partial(read, region=question.region, level=level, fresh_rng=fresh_rng)
        controls = {name: look(observed) for name, observed in question.controls.items()}
        return cls(question, look(question.observed), controls, level)

    @property
    def p(self) -> float | None:
        """Smallest alpha at which the claim is decided, 1 if at none; None if no sample stands behind it."""
        if not self.claim.statistical:
            return None
        if not self.claim.leans_inside:
            return self.claim.p_outside
        if not self.controls:
            return 1.0
        # All of it must be shown, so the weakest part counts (an intersection-union test).
        return max(self.claim.p_inside, *(control.p_outside for control in self.controls.values()))

    @property
    def held(self) -> bool:
        """Whether the claim holds as far as it was measured."""
        return self.claim.position is Position.INSIDE or (self.claim.single and self.claim.leans_inside)

    @property
    def verdict(self) -> Verdict:
        """The verdict the intervals give, before any adjustment for a family."""
        if any(reading.position is Position.ERROR for reading in (self.claim, *self.controls.values())):
            return Verdict.ERROR
        if self.claim.position in _WITHOUT_LOOKING_AT_CONTROLS:
            return _WITHOUT_LOOKING_AT_CONTROLS[self.claim.position]
        if not self.held:
            return Verdict.INCONCLUSIVE
        if self.satisfied_controls:
            return Verdict.UNINFORMATIVE
        if self.obstacles or self.lacks_control:
            return Verdict.INCONCLUSIVE
        return Verdict.CONSISTENT if self.claim.single else Verdict.REPRODUCED

    @property
    def satisfied_controls(self) -> dict[str, Reading]:
        """Controls shown to lie inside the region, where they should not be."""
        return {name: c for name, c in self.controls.items() if c.position is Position.INSIDE}

    @property
    def obstacles(self) -> dict[str, Reading]:
        """Controls that keep a claim that holds from its best verdict.

        A claim of several runs needs every control outside the region. A single run, which is at
        best consistent, is held back only by a control that was run and came out inside too.
        """
        return {
            name: control
            for name, control in self.controls.items()
            if (control.leans_inside if self.claim.single else control.position is not Position.OUTSIDE)
        }

    @property
    def lacks_control(self) -> bool:
        """Whether nothing could show that the measurement is able to fail, although it must be shown."""
        return not (self.controls or self.claim.single or self.question.control_free)

    def more(self, alpha: float) -> int | None:
        """Further units that would settle every part still open.

        Controls that are drawn in other units than the claim, or whose noise is unknown, are left out. For a
        single run nothing can be said: its noise is unknown, or it is a released one that cannot be repeated.

        Args:
            alpha: One less the confidence at which a part counts as decided.

        Returns:
            How many; None if nothing is open or no reachable number would do.
        """
        claim, observed = self.claim, self.question.observed
        if claim.interval is None or observed is None or claim.single:
            return None
        if observed.sampling is Sampling.HALVES:  # groups are always as many: images cannot be counted in them
            return None
        if observed.sampling is Sampling.IMAGES and not claim.interval.bounded:
            return FEWEST_UNITS - claim.interval.n
        needs = []
        for part in (claim, *self.controls.values()) if claim.leans_inside else (claim,):
            interval = part.interval
            if part.unit != claim.unit or interval is None or interval.sd is None or not part.open_at(alpha):
                continue
            total = settle(interval, self.question.region, level=1 - alpha)
            if total is None:
                return None
            needs.append(total - interval.n)
        return max(needs, default=None)
