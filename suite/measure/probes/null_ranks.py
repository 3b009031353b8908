"""Probe `null_ranks`: the ranks of Gaussian images with the layer's shared spectrum, which do not rotate."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from suite.measure._second_look import moments, threads
from suite.measure.nulls import MatchedGaussian, generator_for
from suite.measure.probe import Form, Probe
from suite.measure.rank import dims_for, settled_energies
from suite.measure.shared_basis import Moments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class NullRanks(Probe):
    """Dimensions for 80/90/95/99 % of the energy of as many null images, ``[I, 4]`` int64: their own, and shared.

    The null's shared basis is estimated from its own images, as that of the features is from theirs.
    """

    ARRAYS: ClassVar = {"null_svd_dims": Form.ROWS, "null_shared_dims": Form.ROWS}
    DEEP = SECOND_LOOK = True
    LEAST_IMAGES = 2

    def finish(self) -> Mapping[str, Tensor]:
        """What each null image needs."""
        layer, workers = self.layer, threads(self.layer)
        spectrum = workers.call(layer.once(moments).basis).spectrum
        generator = generator_for(layer.seed, "null images", layer.number)
        null = MatchedGaussian(spectrum, images=layer.images, tokens=layer.tokens, generator=generator)
        basis = workers.call(Moments.total(workers.map(Moments.of, null)).basis)

        def look(values: Tensor) -> tuple[Tensor, Tensor]:
            return dims_for(settled_energies(values)), dims_for(basis.energy(values))

        own, shared = zip(*workers.map(look, null), strict=True)
        return {"null_svd_dims": torch.cat(own), "null_shared_dims": torch.cat(shared)}
