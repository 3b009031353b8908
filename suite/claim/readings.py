"""The usual readings: one number per seed, one per image, a computed constant, a released file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from suite.judge import Observed, Sampling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from suite.claim.schema import Access
    from suite.evidence.cell import Cell
    from suite.profile import Profile


@dataclass(frozen=True)
class PerSeed:
    """One number per seed (block), computed from that seed's cells.

    Attributes:
        subjects: each gives the cell of one seed; a paired difference has two.
        value: the results of one seed's cells, in the same order -> the number.
    """

    subjects: tuple[Callable[[Profile, int], Cell], ...]
    value: Callable[..., float]

    def cells(self, profile: Profile) -> Iterable[Cell]:
        """The cells of every seed of the profile."""
        return [subject(profile, seed) for seed in profile.seeds for subject in self.subjects]

    def observe(self, access: Access) -> Observed:
        """One value per seed, labelled ``seed 0`` ...; a missing seed is an error, never skipped."""
        values = []
        for seed in access.profile.seeds:
            results = [access.result(subject(access.profile, seed)) for subject in self.subjects]
            values.append(float(self.value(*results)))
        return Observed(
            values=tuple(values),
            sampling=Sampling.SEEDS,
            labels=tuple(f"seed {seed}" for seed in access.profile.seeds),
        )


@dataclass(frozen=True)
class PerImage:
    """One number per image of one network: the sampling unit where only one trained network exists."""

    subjects: tuple[Callable[[Profile, int], Cell], ...]
    value: Callable[..., NDArray[np.float64]]

    def cells(self, profile: Profile) -> Iterable[Cell]:
        """The cells of the profile's first seed."""
        return [subject(profile, profile.seeds[0]) for subject in self.subjects]

    def observe(self, access: Access) -> Observed:
        """One value per image, in the data set's order."""
        results = [access.result(cell) for cell in self.cells(access.profile)]
        values = np.asarray(self.value(*results), dtype=np.float64).ravel()
        return Observed(values=tuple(values.tolist()), sampling=Sampling.IMAGES)


@dataclass(frozen=True)
class Constant:
    """A deterministic quantity computed here and now (a parameter count, an identity's largest error)."""

    value: Callable[[], float]
    note: str = ""

    def cells(self, profile: Profile) -> Iterable[Cell]:  # noqa: ARG002
        """Nothing needs to be run beforehand."""
        return ()

    def observe(self, access: Access) -> Observed:  # noqa: ARG002
        """The exact value."""
        return Observed(values=(float(self.value()),), sampling=Sampling.EXACT, note=self.note)


@dataclass(frozen=True)
class Released:
    """Numbers read from files that authors released.

    Attributes:
        files: names inside a release, as cloned (``Distillation_Logs/SoftKD.txt``).
        value: the files' paths, in the same order -> what was observed.
    """

    files: tuple[str, ...]
    value: Callable[..., Observed]

    def cells(self, profile: Profile) -> Iterable[Cell]:  # noqa: ARG002
        """Nothing needs to be run: the evidence is somebody else's."""
        return ()

    def observe(self, access: Access) -> Observed:
        """What the files say."""
        paths: list[Path] = [access.released(name) for name in self.files]
        return self.value(*paths)
