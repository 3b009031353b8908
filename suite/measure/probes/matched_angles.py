"""Probe `matched_angles`: `angles` with two images compared at the positions at which halves of one are."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from suite.measure._second_look import directions, spilled, threads
from suite.measure.nulls import generator_for
from suite.measure.probe import Form, Probe
from suite.measure.subspace import matched_overlaps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class MatchedAngles(Probe):
    """Mean squared cosine, ``[I]`` from 0 to 1; what tokens at one position share in all images is in both overlaps."""

    ARRAYS: ClassVar = {"matched_cross": Form.ROWS, "matched_split": Form.ROWS}
    DEEP = SECOND_LOOK = True
    LEAST_IMAGES = 2

    def finish(self) -> Mapping[str, Tensor]:
        """The overlaps."""
        layer = self.layer
        fetch, k = spilled(layer).fetch, layer.once(directions)
        generator = generator_for(layer.seed, "matched halves", layer.number)
        across, within = threads(layer).call(lambda: matched_overlaps(fetch, layer.images, k, generator))
        return {"matched_cross": across, "matched_split": within}
