"""The second look at a layer: ranks in each image's own and in a shared basis, their matched null, principal angles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from suite.measure._features import groups_of
from suite.measure.nulls import MatchedGaussian
from suite.measure.rank import SHARES, cumulative_share, dims_for, participation_ratio, settled_energies
from suite.measure.shared_basis import Moments
from suite.measure.subspace import overlaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from suite.measure._layer import LayerTally
    from suite.measure._workers import Workers


def second_look(
    tally: LayerTally, *, generator: torch.Generator, workers: Workers, groups: int = 1
) -> dict[str, NDArray[np.generic]]:
    """Everything about a layer that one pass cannot give.

    Args:
        tally: the layer, with its features on disk.
        generator: on the CPU.
        workers: threads to use.
        groups: groups of images whose own means are wanted; image ``i`` is in group ``i % groups``.

    Returns:
        Arrays by name, without the number of the layer; with several groups also their means, as ``grouped.NAME``.
    """
    assert tally.deep is not None
    images = tally.deep.spill
    moments, dims, participation = own_basis(images, workers)
    about_zero, about_mean = workers.map(lambda centred: moments.basis(centred=centred), (False, True))

    def look(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        energy = about_zero.energy(values)
        return dims_for(energy), dims_for(about_mean.energy(values)), energy

    shared, centred = [], []
    energies = GroupMeans(groups, tally.channels, images.device)
    captured = GroupMeans(groups, tally.channels, images.device)
    for dims_shared, dims_centred, energy in workers.map(look, images):
        shared.append(dims_shared)
        centred.append(dims_centred)
        energies.add(energy)
        captured.add(cumulative_share(energy))
    null = MatchedGaussian(about_zero.spectrum, images=len(dims), tokens=tally.tokens, generator=generator)
    null_dims, null_shared_dims = gaussian_dims(null, workers)
    k = directions(dims, tokens=tally.tokens, channels=tally.channels)
    across, within = workers.call(lambda: overlaps(images.fetch, len(dims), k, generator))
    arrays = {
        "svd_dims": dims,
        "participation": participation,
        "shared_dims": torch.cat(shared),
        "shared_dims_centred": torch.cat(centred),
        "shared_spectrum": about_zero.spectrum,
        "captured": captured.mean(),
        "null_svd_dims": null_dims,
        "null_shared_dims": null_shared_dims,
        "sep_curve": tally.deep.pattern.pattern().curve,
        "sep_sorted": tally.deep.pattern_sorted.pattern().curve,
        "sep_curve_permuted": tally.deep.pattern_permuted.pattern().curve,
        "angles_cross": across,
        "angles_split": within,
    }
    if groups > 1:
        arrays |= {
            "grouped.shared_spectrum": energies.means() / tally.tokens,
            "grouped.captured": captured.means(),
            "grouped.sep_curve": tally.deep.pattern.curves(),
            "grouped.sep_sorted": tally.deep.pattern_sorted.curves(),
            "grouped.sep_curve_permuted": tally.deep.pattern_permuted.curves(),
        }
    return {name: values.cpu().numpy() for name, values in arrays.items()}


class GroupMeans:
    """Means over images, all of them and by group."""

    def __init__(self, groups: int, size: int, device: torch.device) -> None:
        """Start from nothing; ``size`` numbers are kept per group."""
        self._sums = torch.zeros(groups, size, dtype=torch.float64, device=device)
        self._counts = torch.zeros(groups, dtype=torch.int64, device=device)

    def add(self, values: Tensor) -> None:
        """Take in the next images, ``[b, size]``."""
        group = groups_of(int(self._counts.sum()), len(values), len(self._sums), values.device)
        self._sums.index_add_(0, group, values)
        self._counts += group.bincount(minlength=len(self._counts))

    def mean(self) -> Tensor:
        """Over all images: ``[size]``."""
        return self._sums.sum(dim=0) / self._counts.sum()

    def means(self) -> Tensor:
        """Of each group: ``[groups, size]``."""
        return self._sums / self._counts[:, None]


def own_basis(images: Iterable[Tensor], workers: Workers) -> tuple[Moments, Tensor, Tensor]:
    """What each image needs in its own best basis, and the moments that give the shared one.

    Args:
        images: pieces ``[b, N, C]``.
        workers: threads to use.

    Returns:
        (moments over all images, dimensions ``[I, S]``, participation ratio ``[I]``).
    """
    dims: list[Tensor] = []
    participation: list[Tensor] = []

    def look(values: Tensor) -> tuple[Moments, Tensor, Tensor]:
        energy = settled_energies(values)
        return Moments.of(values), dims_for(energy), participation_ratio(energy)

    def kept() -> Iterator[Moments]:
        for moments, count, ratio in workers.map(look, images):
            dims.append(count)
            participation.append(ratio)
            yield moments

    return Moments.total(kept()), torch.cat(dims), torch.cat(participation)


def gaussian_dims(null: MatchedGaussian, workers: Workers) -> tuple[Tensor, Tensor]:
    """Ranks of the matched null, its shared basis estimated from its own images as that of the features is.

    Args:
        null: the images.
        workers: threads to use.

    Returns:
        (per image, shared), each ``[I, S]``.
    """
    basis = workers.call(Moments.total(workers.map(Moments.of, null)).basis)

    def look(values: Tensor) -> tuple[Tensor, Tensor]:
        return dims_for(settled_energies(values)), dims_for(basis.energy(values))

    own, shared = zip(*workers.map(look, null), strict=True)
    return torch.cat(own), torch.cat(shared)


def directions(dims: Tensor, *, tokens: int, channels: int) -> int:
    """Directions whose angles are compared: what the median image needs for 90 % of its energy.

    Args:
        dims: ``[I, S]`` dimensions that each image needs in its own basis.
        tokens: ``N``.
        channels: ``C``.

    Returns:
        The median rounded up, at least 1, at most what half of the tokens can span.
    """
    most = min(tokens // 2, channels)
    median = float(np.median(dims[:, SHARES.index(0.90)].cpu().numpy()))
    return min(max(1, math.ceil(median)), most)
