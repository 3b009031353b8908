"""The usual readings of what is computed: one number per seed, a constant."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from suite.errors import Diverged, SuiteError, Unavailable
from suite.judge import Observed, Sampling, pool_blocks
from suite.judge.halves import FEWEST_IMAGES, group_count, half_samples
from suite.measure.some_images import SomeImages, groups_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from suite.claim.schema import Access
    from suite.evidence.cell import Cell, Result
    from suite.profile import Profile

    Subject = Callable[[Profile, int], Cell]

FEWEST_TRAINED = 2  # seeds that must be left where others diverged
FEWEST_POOLED = 2  # methods and blocks from which a difference between methods has a spread at all


def block_rng(result: Result, *salt: int) -> np.random.Generator:
    """A generator for a reading that draws: another for every block, always the same for one.

    A control drawn from one fixed generator would be one draw repeated over all seeds, and its interval would leave its
    own noise out.

    Args:
        result: a result of the block; its seed is the block's.
        salt: numbers that tell several draws of one block apart.
    """
    return np.random.default_rng([result.seed, *salt])


@dataclass(frozen=True)
class PerSeed:
    """One number per seed (block), computed from that seed's cells.

    Attributes:
        subjects: each gives the cell of one seed; a paired difference has two.
        value: the results of one seed's cells, in the same order -> the number.
        resolution: the same results -> the step of the scale they are measured on (0: continuous).
        companions: values of other methods of the recipe, by name, whose noise may be shared: each gives a seed's
            cell, which ``level`` reads; empty for none. One that failed is left out, and the note says so.
        level: what is pooled: the result of one companion's cell -> the number.
    """

    subjects: tuple[Subject, ...]
    value: Callable[..., float]
    resolution: Callable[..., float] | None = None
    companions: Mapping[str, Subject] = field(default_factory=dict)
    level: Callable[[Result], float] | None = None

    def cells(self, profile: Profile) -> Iterable[Cell]:
        """The cells of every seed of the profile; of the first, where no seed changes the networks."""
        subjects = (*self.subjects, *self.compared(profile).values())
        seeds = profile.seeds[:1] if self._of_fixed_networks(profile) else profile.seeds
        return [part for seed in seeds for subject in subjects for part in subject(profile, seed).parts]

    def compared(self, profile: Profile) -> dict[str, Subject]:
        """The companions that a profile trains at all."""

        def trained(subject: Subject) -> bool:
            try:
                subject(profile, profile.seeds[0])
            except Unavailable:
                return False
            return True

        return {name: subject for name, subject in self.companions.items() if trained(subject)}

    def observe(self, access: Access) -> Observed:
        """One value per seed, labelled ``seed 0`` ...; a missing seed is missing evidence, never skipped.

        A seed in which a training diverged is no value and is counted apart: what is estimated is the mean over seeds
        that trained. Where a profile's sampling unit is the image, the quantity of one network on all images and on
        halves of them.
        """
        if self._of_fixed_networks(access.profile):
            return self._over_images(access)
        values: dict[str, float] = {}
        steps, diverged = [0.0], []
        for seed in access.profile.seeds:
            try:
                results = [access.result(subject(access.profile, seed)) for subject in self.subjects]
            except Diverged:
                diverged.append(f"seed {seed}")
                continue
            values[f"seed {seed}"] = float(self.value(*results))
            steps.append(self.resolution(*results) if self.resolution else 0.0)
        if diverged and len(values) < FEWEST_TRAINED:
            raise SuiteError(f"{', '.join(diverged)} diverged: fewer than {FEWEST_TRAINED} seeds trained")
        table, left_out = self._companions(access)
        return Observed(
            values=tuple(values.values()),
            sampling=Sampling.SEEDS,
            labels=tuple(values),
            diverged=tuple(diverged),
            resolution=max(steps),
            pooled=pool_blocks(table) if len(table) >= FEWEST_POOLED <= len(values) else None,
            note=f"noise is pooled without {', '.join(left_out)}: no result" if left_out else "",
        )

    def _of_fixed_networks(self, profile: Profile) -> bool:
        """Whether images are what is drawn at random: all networks have weights of their own, whatever the seed.

        Cells that measure such a network say into how many groups its images are dealt.
        """
        if profile.sampling == "images":
            return True
        cells = [subject(profile, profile.seeds[0]) for subject in self.subjects]
        return bool(cells) and all("groups" in cell.spec.get("measure", {}) for cell in cells)

    def _over_images(self, access: Access) -> Observed:
        """The quantity on all images and on balanced halves of them, from the first seed's cells.

        Raises:
            SuiteError: the cells do not hold the same images, or other groups of them.
        """
        seed = access.profile.seeds[0]
        results = [access.result(subject(access.profile, seed)) for subject in self.subjects]
        whole = float(self.value(*results))
        step = self.resolution(*results) if self.resolution else 0.0
        sizes = sorted({int(result.arrays["images"]) for result in results})
        if len(sizes) > 1:
            raise SuiteError(
                f"networks compared on the same images saw {' and '.join(map(str, sizes))}: compute them again"
            )
        names = [result.arrays["image_names"] for result in results if "image_names" in result.arrays]
        if any(not np.array_equal(names[0], other) for other in names[1:]):
            raise SuiteError("networks compared on the same images could read different ones: compute them again")
        groups = groups_in(results[0].arrays)
        if any(groups_in(result.arrays) != groups for result in results):
            raise SuiteError("networks compared on the same images have other groups of them: compute them again")
        skipped = max(int(result.arrays.get("images_skipped", 0)) for result in results)
        read = f"{sizes[0]:,} images" + (f" ({skipped:,} more could not be read)" if skipped else "")
        classes = max(int(result.arrays.get("image_classes", 0)) for result in results)
        of = f" of {classes:,} class{'' if classes == 1 else 'es'}, taken as fixed" if classes else ""
        if groups == 1 or group_count(sizes[0]) == 1:  # few were chosen, or few of them could be read
            note = f"one network, {read}{of}: too few for an interval, {FEWEST_IMAGES} are needed"
            return Observed((whole,), Sampling.HALVES, resolution=step, note=note)
        values = []
        for kept in half_samples(groups):
            half = [replace(result, arrays=SomeImages(result.arrays, kept)) for result in results]
            values.append(float(self.value(*half)))
        note = f"one network, {read}{of}; other trainings are not covered"
        return Observed(tuple(values), Sampling.HALVES, whole=whole, resolution=step, note=note)

    def _companions(self, access: Access) -> tuple[dict[str, dict[str, float]], list[str]]:
        """Level by seed of every companion, and those that have none: their fault must not become this reading's."""
        table: dict[str, dict[str, float]] = {}
        left_out: list[str] = []
        if self.level is None:
            return table, left_out
        for name, subject in self.compared(access.profile).items():
            try:
                row = {
                    str(seed): float(self.level(access.result(subject(access.profile, seed))))
                    for seed in access.profile.seeds
                }
            except SuiteError:  # failed or damaged
                left_out.append(name)
                continue
            if np.isfinite(list(row.values())).all():
                table[name] = row
            else:
                left_out.append(name)
        return table, left_out


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
