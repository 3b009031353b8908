"""Readings of which images networks get right: the count on the images that a paper counted, and pairs of networks.

A count on the very images on which a paper counted is exact: nothing was drawn at random. What two networks differ by
is asked of the images instead, of which these are a sample: on balanced halves of them, with McNemar's test beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest

from suite.errors import SuiteError
from suite.judge import Observed, Sampling
from suite.judge.halves import FEWEST_IMAGES, group_count, half_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from suite.claim.readings import Subject
    from suite.claim.schema import Access
    from suite.evidence.cell import Cell, Result
    from suite.profile import Profile


def right(result: Result) -> NDArray[np.bool_]:
    """Which images a network got right, of those that could be read: ``[I]``."""
    return np.unpackbits(result.arrays["correct"], count=int(result.arrays["images"])).astype(np.bool_)


def accuracy(result: Result) -> float:
    """Top-1 accuracy in percent."""
    return float(100 * right(result).mean())


def _skipped(*results: Result) -> str:
    skipped = max(int(result.arrays["images_skipped"]) for result in results)
    return f"; {skipped:,} more could not be read" if skipped else ""


@dataclass(frozen=True)
class Counted:
    """An exact number of one network.

    Attributes:
        subject: gives the network's cell.
        value: the cell's result -> the number.
        words: the same -> what it is made of, for people.
    """

    subject: Subject
    value: Callable[[Result], float]
    words: Callable[[Result], str]

    def cells(self, profile: Profile) -> Iterable[Cell]:
        """The one cell."""
        return (self.subject(profile, profile.seeds[0]),)

    def observe(self, access: Access) -> Observed:
        """The number."""
        result = access.result(self.subject(access.profile, access.profile.seeds[0]))
        return Observed((float(self.value(result)),), Sampling.EXACT, note=self.words(result))


def off_print(subject: Subject, printed: float) -> Counted:
    """Accuracy less the one that is printed of these images, in points."""

    def words(result: Result) -> str:
        found = right(result)
        weights = f"weights {result.arrays['weights_origin']}, digest {result.arrays['weights_digest']}"
        return (
            f"{int(found.sum()):,} of {len(found):,} images right, {accuracy(result):.3f} %; printed {printed:g} %; "
            f"{weights}{_skipped(result)}"
        )

    return Counted(subject, lambda result: accuracy(result) - printed, words)


def parameters(subject: Subject) -> Counted:
    """Weights that a pass reads, counted in the network as its file was loaded."""
    return Counted(
        subject,
        lambda result: float(result.arrays["parameters"]),
        lambda result: f"counted in {result.arrays['weights_origin']}, digest {result.arrays['weights_digest']}",
    )


@dataclass(frozen=True)
class Better:
    """Accuracy of one network less that of another on the same images, in points, paired image by image.

    Attributes:
        subject: whose accuracy counts up.
        other: whose accuracy counts down.
    """

    subject: Subject
    other: Subject

    def cells(self, profile: Profile) -> Iterable[Cell]:
        """The two cells."""
        return tuple(subject(profile, profile.seeds[0]) for subject in (self.subject, self.other))

    def observe(self, access: Access) -> Observed:
        """The difference, with an interval over images.

        Raises:
            SuiteError: the two could not read the same images.
        """
        one, other = (access.result(cell) for cell in self.cells(access.profile))
        if not np.array_equal(one.arrays["skipped_names"], other.arrays["skipped_names"]):
            raise SuiteError("networks compared on the same images could read different ones: compute them again")
        ours, theirs = right(one), right(other)
        points = 100.0 * (ours.astype(float) - theirs.astype(float))
        whole, step = float(points.mean()), 100.0 / len(points)
        up, down = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
        p = binomtest(up, up + down).pvalue if up + down else 1.0
        error = 100 * float(np.sqrt(up + down - (up - down) ** 2 / len(points))) / len(points)
        note = (
            f"of {len(points):,} images {up:,} are right with the first alone and {down:,} with the second alone: "
            f"McNemar's exact p {p:.2g}, standard error {error:.3f} points; other trainings are not covered"
            f"{_skipped(one)}"
        )
        groups = group_count(len(points))
        if groups == 1:
            short = f"{note}; too few for an interval, {FEWEST_IMAGES} are needed"
            return Observed((whole,), Sampling.HALVES, resolution=step, note=short)
        group = np.arange(len(points)) % groups
        halves = [float(points[kept[group]].mean()) for kept in half_samples(groups)]
        return Observed(tuple(halves), Sampling.HALVES, whole=whole, resolution=step, note=note)
