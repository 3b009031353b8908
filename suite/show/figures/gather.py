"""From finished cells to what is drawn: the arrays behind a criterion, per seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.claim import PerSeed
from suite.errors import SuiteError, Unavailable
from suite.show.figures import names
from suite.show.figures.series import Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from suite.assess import Assessment, Evidence
    from suite.claim import Criterion
    from suite.claim.readings import Subject
    from suite.evidence.cell import Cell, Result

    Array = NDArray[np.float64]

DEPTH = "relative depth (0: first layer, 1: last layer)"
GRID = 24  # layers on which the shapes of profiles of different depth are compared


@dataclass(frozen=True)
class Arm:
    """One network or student over all seeds.

    Attributes:
        cell: of the first seed, to name it by.
        results: one a seed.
    """

    cell: Cell
    results: tuple[Result, ...]

    def stack(self, read: Any) -> Array:
        """``[S, ...]``: what ``read`` gives of each seed's result."""
        return np.stack([np.asarray(read(result), dtype=np.float64) for result in self.results])

    @property
    def last(self) -> str:
        """The last layer, as array names end."""
        return f"{len(self.results[0].arrays['channels']) - 1:02d}"


def arm(subject: Subject, evidence: Evidence) -> Arm:
    """A subject's finished cells, every seed of the profile.

    Raises:
        Unavailable: one is missing; the message says which.
    """
    cells = [subject(evidence.profile, seed) for seed in evidence.profile.seeds]
    return Arm(cells[0], tuple(evidence.result(cell) for cell in cells))


def per_seed(reading: object) -> PerSeed:
    """A reading that has subjects.

    Raises:
        SuiteError: it has none, so that only the strip can be drawn.
    """
    if not isinstance(reading, PerSeed):
        raise SuiteError('only a reading per seed has curves to draw: leave the figure empty ("") for the interval')
    return reading


def arms(reading: object, evidence: Evidence) -> list[Arm]:
    """All subjects of a reading per seed."""
    return [arm(subject, evidence) for subject in per_seed(reading).subjects]


def control_arms(criterion: Criterion, evidence: Evidence) -> dict[str, list[Arm]]:
    """The subjects of every control that is computed, by name; what is not is left out."""
    found = {}
    for control in criterion.controls:
        if isinstance(control.evidence, PerSeed):
            try:
                found[control.key] = arms(control.evidence, evidence)
            except Unavailable:
                continue
    return found


class _Noted(Mapping[str, Any]):
    """Arrays that remember which of them were asked for."""

    def __init__(self, arrays: Mapping[str, Any], asked: list[str]) -> None:
        self._arrays, self._asked = arrays, asked

    def __getitem__(self, name: str) -> Any:
        self._asked.append(name)
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def arrays_read(reading: PerSeed, results: Sequence[Result]) -> list[str]:
    """Names of the arrays from which a reading takes its number, each once, in order."""
    asked: list[str] = []
    reading.value(*(replace(result, arrays=_Noted(result.arrays, asked)) for result in results))
    return list(dict.fromkeys(asked))


def layer_profile(result: Result, name: str) -> Array:
    """``[L]``: mean over images."""
    return np.asarray(result.arrays[name].mean(axis=1), dtype=np.float64)


def depth(layers: int) -> Array:
    """``[L]`` relative depth: 0 the first, 1 the last layer."""
    return np.linspace(0.0, 1.0, layers)


def shape(profile: Array) -> Array:
    """``[GRID]``: a profile on a common grid with zero mean and unit spread; 0 if it is flat."""
    values: Array = np.interp(depth(GRID), depth(len(profile)), profile)
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0))


def pairs(found: Sequence[Arm]) -> list[tuple[Arm, Arm]]:
    """(with, without), (with, without), ...

    Raises:
        SuiteError: their number is odd.
    """
    if len(found) % 2:
        raise SuiteError("differences need subjects in pairs: with, without")
    return list(zip(found[::2], found[1::2], strict=True))


def gains(pair: tuple[Arm, Arm], read: Any) -> Array:
    """``[S, ...]``: what ``read`` gives with, less what it gives without, paired by seed."""
    return np.asarray(pair[0].stack(read) - pair[1].stack(read))


def accuracy(result: Result) -> Any:
    """Top-1 accuracy at the last step, percent."""
    return result.arrays["accuracy_last"]


def trajectory(result: Result) -> Any:
    """``[E]`` top-1 accuracy at every evaluation, percent."""
    return result.arrays["trajectory"]


def profile_series(assessment: Assessment, evidence: Evidence, name: str) -> tuple[Series, ...]:
    """A layer profile of a criterion's first network, and of its controls: untrained, channels shuffled."""
    criterion = assessment.criterion
    trained = arm(per_seed(criterion.evidence).subjects[0], evidence)

    def one(of: Arm, array: str, label: str, **look: Any) -> Series:
        rows = of.stack(lambda result: layer_profile(result, array))
        return Series(label, depth(rows.shape[1]), rows, **look)

    found = [one(trained, name, names.network(trained.cell))]
    for key, subjects in control_arms(criterion, evidence).items():
        if key == "untrained":
            found.append(one(subjects[0], name, "untrained", role="control"))
        if key == "permuted_channels" and f"{name}_permuted" in trained.results[0].arrays:
            found.append(one(trained, f"{name}_permuted", "channels shuffled", role="control", dashed=True))
    return tuple(found)
