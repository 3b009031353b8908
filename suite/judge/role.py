"""Who says it, and what a control is for: the two distinctions on which the rule turns."""

from enum import StrEnum


class Role(StrEnum):
    """Who says it: the paper, or we when we look more closely."""

    ASSERTED = "asserted"
    """The paper states it. These criteria give the claim its word, and share one error rate."""
    PROBE = "probe"
    """Our scrutiny: it qualifies the claim, never enters its word, and shares an error rate with other probes."""


class ControlKind(StrEnum):
    """What is known of a control beforehand."""

    NEGATIVE = "negative"
    """The claim must fail there: the quantity must lie outside the region."""
    POSITIVE = "positive"
    """The claim holds there by construction: the quantity must lie inside the region."""
