"""The schema of a claim: what a paper says, in a form that can be judged.

A claim is one finding as a sentence; its criteria are the measurable parts; each criterion names the
region in which the claim says a quantity lies, where its evidence comes from, and the controls in which
it must fail. Nothing here computes evidence or decides verdicts.
"""

from suite.claim.finding import Finding, Lies, Sentence
from suite.claim.readings import Constant, PerSeed, block_rng
from suite.claim.released import NeverReleased, Released, originals_of
from suite.claim.schema import (
    Access,
    Claim,
    Control,
    Criterion,
    Expected,
    Paper,
    Published,
    Quantity,
    Reading,
)
from suite.deviation import Deviation
from suite.errors import Unavailable
from suite.judge import Role

__all__ = [
    "Access",
    "Claim",
    "Constant",
    "Control",
    "Criterion",
    "Deviation",
    "Expected",
    "Finding",
    "Lies",
    "NeverReleased",
    "Paper",
    "PerSeed",
    "Published",
    "Quantity",
    "Reading",
    "Released",
    "Role",
    "Sentence",
    "Unavailable",
    "block_rng",
    "originals_of",
]
