"""Probe `angles`: principal angles between images, and between the halves of one image."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from suite.measure._second_look import directions, spilled, threads
from suite.measure.nulls import generator_for
from suite.measure.probe import Form, Probe
from suite.measure.subspace import overlaps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Angles(Probe):
    """Mean squared cosine, ``[I]`` from 0 to 1, over as many directions as the median image needs for 90 %.

    Halves are drawn anew for every image, so that two images share token positions and two halves of one do not: where
    tokens at one position are alike, read `matched_angles` instead.
    """

    ARRAYS: ClassVar = {"angles_cross": Form.ROWS, "angles_split": Form.ROWS}
    DEEP = SECOND_LOOK = True
    LEAST_IMAGES = 2

    def finish(self) -> Mapping[str, Tensor]:
        """The overlaps."""
        layer = self.layer
        fetch, k = spilled(layer).fetch, layer.once(directions)
        generator = generator_for(layer.seed, "halves", layer.number)
        across, within = threads(layer).call(lambda: overlaps(fetch, layer.images, k, generator))
        return {"angles_cross": across, "angles_split": within}
