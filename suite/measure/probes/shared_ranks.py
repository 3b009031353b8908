"""Probe `shared_ranks`: how many dimensions of one basis for all images hold most of an image's energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from suite.measure._keep import Sums
from suite.measure._second_look import features_of, moments, threads
from suite.measure.probe import Curve, Form, Probe
from suite.measure.rank import cumulative_share, dims_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class SharedRanks(Probe):
    """Dimensions for 80/90/95/99 % of the energy, ``[I, 4]`` int64, about zero (as published) and about the mean token.

    ``shared_spectrum`` is a token's mean energy along each direction, ``captured`` the mean share of an image's energy
    that the first directions hold, both ``[C]``. The directions are those of all images, also for groups of them.

    References:
        Encoding Mismatch, arXiv 2511.15572 (dataset PCA ranks).
    """

    ARRAYS: ClassVar = {
        "shared_dims": Form.ROWS,
        "shared_dims_centred": Form.ROWS,
        "shared_spectrum": Form.CURVE,
        "captured": Form.CURVE,
    }
    DEEP = SECOND_LOOK = True
    LEAST_IMAGES = 2

    def finish(self) -> Mapping[str, Tensor | Curve]:
        """What each image needs of the bases, and what they capture."""
        layer, sums = self.layer, self.layer.once(moments)
        about_zero, about_mean = threads(layer).map(lambda centred: sums.basis(centred=centred), (False, True))

        def look(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            energy = about_zero.energy(values)
            return dims_for(energy), dims_for(about_mean.energy(values)), energy

        shared, centred = [], []
        energies, captured = (Sums(layer.channels, groups=layer.groups, device=layer.device) for _ in range(2))
        first = 0
        for dims, dims_centred, energy in threads(layer).map(look, features_of(layer)):
            shared.append(dims)
            centred.append(dims_centred)
            energies.add(first, energy)
            captured.add(first, cumulative_share(energy))
            first += len(energy)
        return {
            "shared_dims": torch.cat(shared),
            "shared_dims_centred": torch.cat(centred),
            "shared_spectrum": Curve(about_zero.spectrum, energies.means() / layer.tokens),
            "captured": Curve.of(captured),
        }
