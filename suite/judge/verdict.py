"""The words a judgement may use, and how the words of several criteria become one."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What can be said of a claim; what each word means to a reader stands in `suite.show.verdicts`."""

    REPRODUCED = "reproduced"
    """Published scope, identities and counts: inside the region, with every control where it must be."""
    SEEN_HERE = "seen here"
    """The same at proxy scope."""
    CONTRADICTED = "contradicted"
    """Published scope, identities and counts: outside the region, which every positive control reaches."""
    NOT_SEEN_HERE = "not seen here"
    """The same at proxy scope, where a paper is never contradicted."""
    INCONCLUSIVE = "inconclusive"
    """The evidence decides neither way, or lacks the control that would make it count."""
    UNINFORMATIVE = "uninformative"
    """A control lies on the wrong side: the measurement could not have succeeded, or could not have failed."""
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


HOLDS = (Verdict.REPRODUCED, Verdict.SEEN_HERE)
"""The words for a claim that was found to hold."""

FAILS = (Verdict.CONTRADICTED, Verdict.NOT_SEEN_HERE)
"""The words for a claim that was found not to hold."""

DECIDED = HOLDS + FAILS
"""The words that decide something about the claim, and so must survive Holm's adjustment."""

WORST_FIRST: tuple[Verdict, ...] = (
    Verdict.ERROR,
    Verdict.CONTRADICTED,
    Verdict.NOT_SEEN_HERE,
    Verdict.NOT_RUN,
    Verdict.SMOKE,
    Verdict.UNVERIFIABLE,
    Verdict.UNINFORMATIVE,
    Verdict.INCONCLUSIVE,
    Verdict.CONSISTENT,
    Verdict.SEEN_HERE,
    Verdict.REPRODUCED,
)
"""The order in which the criteria of one claim outrank each other."""


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """One word for a claim of several criteria at published scope: the worst of those that the paper asserts.

    A claim is the conjunction of its asserted criteria. It is reproduced only if all are; one contradicted
    criterion contradicts it, whatever is still missing; and an error is never hidden behind a verdict.
    Between these stand, from worse to better: no evidence, evidence of toy scale, evidence nobody can
    have, evidence that could not have come out otherwise, too little evidence, and a single run.

    Args:
        verdicts: The verdicts of the asserted criteria, each already adjusted for their number.

    Returns:
        The first of `WORST_FIRST` that occurs; "not run" if there are no verdicts at all.
    """
    return min(verdicts, key=WORST_FIRST.index, default=Verdict.NOT_RUN)


def counts(verdicts: Iterable[Verdict]) -> str:
    """How many criteria have which verdict, in words: all that may be said of a claim at proxy scope.

    Args:
        verdicts: The verdicts of some criteria.

    Returns:
        For instance ``"1 seen here, 3 not seen here, 2 uninformative"``, best first; ``"none"`` without any.
    """
    found = Counter(verdicts)
    return ", ".join(f"{found[word]} {word}" for word in reversed(WORST_FIRST) if found[word]) or "none"


def departs(expected: Verdict, actual: Verdict) -> bool:
    """Whether a verdict differs from the one expected for it, in either direction.

    An error departs from every expectation: nobody may register a crash as the expected outcome.
    Missing evidence departs as well, so that a finding cannot vanish without being noticed.

    Args:
        expected: The verdict recorded or registered for the criterion.
        actual: The verdict reached now.

    Returns:
        True if the session should fail.
    """
    return actual is Verdict.ERROR or actual is not expected
