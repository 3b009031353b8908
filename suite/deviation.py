"""What differs from a paper's set-up, as a value that profiles and claims share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Deviation:
    """A stated difference between our set-up and the paper's.

    Attributes:
        what: in which respect.
        paper: how it is there.
        ours: how it is here.
        small: whether it is one of small networks and short runs alone, and none where students are trained as printed.
    """

    what: str
    paper: str
    ours: str
    small: bool = False
