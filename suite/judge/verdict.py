"""The words a judgement may use, and how the words of several criteria become one."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What can be said of a claim."""

    REPRODUCED = "reproduced"
    """The interval lies inside the claimed region and every control's outside it."""
    CONTRADICTED = "contradicted"
    """The interval and the claimed region do not meet."""
    INCONCLUSIVE = "inconclusive"
    """The evidence decides neither way, or lacks the control that would make it count."""
    UNINFORMATIVE = "uninformative"
    """It holds, and so does its control: the measurement could not have failed."""
    CONSISTENT = "consistent"
    """A single run, inside the region."""
    UNVERIFIABLE = "unverifiable"
    """The paper gives nothing from which anyone could check it; declared, never computed."""
    NOT_RUN = "not run"
    """Evidence is missing."""
    ERROR = "error"
    """A crash, a NaN or a broken input: no number stands behind it."""
    SMOKE = "smoke"
    """Ran on tiny models: proves the code path and says nothing of the claim."""


WORST_FIRST: tuple[Verdict, ...] = (
    Verdict.ERROR,
    Verdict.CONTRADICTED,
    Verdict.NOT_RUN,
    Verdict.SMOKE,
    Verdict.UNVERIFIABLE,
    Verdict.UNINFORMATIVE,
    Verdict.INCONCLUSIVE,
    Verdict.CONSISTENT,
    Verdict.REPRODUCED,
)
"""The order in which the criteria of one claim outrank each other."""


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """One word for a claim of several criteria: the worst of theirs.

    A claim is the conjunction of its criteria. It is reproduced only if all are; one contradicted
    criterion contradicts it, whatever is still missing; and an error is never hidden behind a verdict.
    Between these stand, from worse to better: no evidence, evidence of toy scale, evidence nobody can
    have, evidence that could not have failed, too little evidence, and a single run.

    Args:
        verdicts: The verdicts of the criteria, each already adjusted for their number.

    Returns:
        The first of `WORST_FIRST` that occurs; "not run" if there are no verdicts at all.
    """
    return min(verdicts, key=WORST_FIRST.index, default=Verdict.NOT_RUN)


def departs(expected: Verdict, actual: Verdict) -> bool:
    """Whether a verdict differs from the one registered for it, in either direction.

    An error departs from every expectation: nobody may register a crash as the expected outcome.
    Missing evidence departs as well, so that a finding cannot vanish without being noticed.

    Args:
        expected: The verdict registered beforehand.
        actual: The verdict reached now.

    Returns:
        True if the session should fail.
    """
    return actual is Verdict.ERROR or actual is not expected
