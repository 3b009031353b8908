"""The second look at a layer: ranks in a basis shared by all images, their matched null, and principal angles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from suite.measure.nulls import MatchedGaussian
from suite.measure.rank import SHARES, cumulative_share, dims_for, settled_energies
from suite.measure.shared_basis import Moments
from suite.measure.subspace import overlaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from suite.measure._layer import LayerTally
    from suite.measure._workers import Workers


def second_look(tally: LayerTally, *, generator: torch.Generator, workers: Workers) -> dict[str, NDArray[np.generic]]:
    """Everything about a layer that one pass cannot give.

    Args:
        tally: the layer, with its features on disk.
        generator: on the CPU.
        workers: threads to use.

    Returns:
        Arrays by name, without the number of the layer.
    """
    assert tally.deep is not None
    images, dims = tally.deep.spill, tally.dims()
    moments = Moments.total(workers.map(Moments.of, images))
    about_zero, about_mean = workers.map(lambda centred: moments.basis(centred=centred), (False, True))

    def look(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        energy = about_zero.energy(values)
        return dims_for(energy), dims_for(about_mean.energy(values)), cumulative_share(energy).sum(dim=0)

    shared, centred, captured = zip(*workers.map(look, images), strict=True)
    null = MatchedGaussian(about_zero.spectrum, images=len(dims), tokens=tally.tokens, generator=generator)
    null_dims, null_shared_dims = gaussian_dims(null, workers)
    across, within = workers.call(lambda: overlaps(images.fetch, len(dims), directions(tally), generator))
    arrays = {
        "shared_dims": torch.cat(shared),
        "shared_dims_centred": torch.cat(centred),
        "shared_spectrum": about_zero.spectrum,
        "captured": torch.stack(captured).sum(dim=0) / len(dims),
        "null_svd_dims": null_dims,
        "null_shared_dims": null_shared_dims,
        "sep_curve": tally.deep.pattern.pattern().curve,
        "sep_sorted": tally.deep.pattern_sorted.pattern().curve,
        "sep_curve_permuted": tally.deep.pattern_permuted.pattern().curve,
        "angles_cross": across,
        "angles_split": within,
    }
    return {name: values.cpu().numpy() for name, values in arrays.items()}


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


def directions(tally: LayerTally) -> int:
    """Directions whose angles are compared: what the median image needs for 90 % of its energy.

    Args:
        tally: the layer.

    Returns:
        The median rounded up, at least 1, at most what half of the tokens can span.
    """
    most = min(tally.tokens // 2, tally.channels)
    return min(max(1, math.ceil(np.median(tally.dims()[:, SHARES.index(0.90)]))), most)
