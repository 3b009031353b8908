"""Probe `ranks`: how many dimensions hold most of an image's energy, in the image's own best basis."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from suite.measure._second_look import own_basis
from suite.measure.probe import Form, Probe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Ranks(Probe):
    """Dimensions for 80/90/95/99 % of the energy, ``[I, 4]`` int64, and the participation ratio, ``[I]``.

    References:
        Encoding Mismatch, arXiv 2511.15572 (per-image SVD ranks).
    """

    ARRAYS: ClassVar = {"svd_dims": Form.ROWS, "participation": Form.ROWS}
    DEEP = SECOND_LOOK = True

    def finish(self) -> Mapping[str, Tensor]:
        """What each image needs."""
        found = self.layer.once(own_basis)
        return {"svd_dims": found.dims, "participation": found.participation}
