"""What a person wants to know: findings, and what may be said of one as long as its verdicts stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suite.judge import Verdict


class Lies(StrEnum):
    """Where a 95 % interval lies."""

    ABOVE = "above 0"
    BELOW = "below 0"
    AROUND = "around 0"


@dataclass(frozen=True)
class Sentence:
    """One sentence about a finding at one profile; its numbers are filled in from the evidence.

    Attributes:
        profile: at which the verdicts were reached.
        text: the sentence. ``{claim.criterion:+.2f}`` stands for an estimate, ``{claim.criterion/control:.1f}`` for
            that of a control, ``{claim.criterion-control:.1f}`` for the claim less the control; what follows the colon
            is Python's format, four digits if there is none.
        verdicts: criteria the sentence speaks of, as ``claim.criterion``, with the verdict that makes it true.
        shows: numbers the sentence speaks of, in the same notation, with where the interval of each must lie.
    """

    profile: str
    text: str
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    shows: Mapping[str, Lies] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """What a person wants to know: one row of the summary, to which claims of several modules belong.

    Attributes:
        key: short name, unique.
        title: a few words.
        sentence: the finding, complete and readable alone.
        sentences: what was found of it, the strongest evidence first.
        remarks: what the numbers of other profiles add, a group a question: of each group the first sentence that
            its numbers bear out is said, none if no number does.
    """

    key: str
    title: str
    sentence: str
    sentences: tuple[Sentence, ...] = ()
    remarks: tuple[tuple[Sentence, ...], ...] = ()
