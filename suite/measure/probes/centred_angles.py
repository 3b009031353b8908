"""Probe `centred_angles`: `matched_angles` once the mean over images at every token position is taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from suite.measure._second_look import directions, features_of, spilled, threads
from suite.measure.nulls import generator_for
from suite.measure.probe import Form, Probe
from suite.measure.subspace import matched_overlaps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from suite.measure._layer import Layer


class CentredAngles(Probe):
    """Mean squared cosine, ``[I]`` from 0 to 1: position means are common to all images and are no rotation."""

    ARRAYS: ClassVar = {"centred_cross": Form.ROWS, "centred_split": Form.ROWS}
    DEEP = SECOND_LOOK = True
    LEAST_IMAGES = 2

    def finish(self) -> Mapping[str, Tensor]:
        """The overlaps."""
        layer = self.layer
        fetch, k, origin = spilled(layer).fetch, layer.once(directions), position_means(layer)
        generator = generator_for(layer.seed, "centred halves", layer.number)
        across, within = threads(layer).call(lambda: matched_overlaps(fetch, layer.images, k, generator, origin=origin))
        return {"centred_cross": across, "centred_split": within}


def position_means(layer: Layer) -> Tensor:
    """Mean over images at every token position: ``[N, C]`` float64."""
    total = torch.zeros(layer.tokens, layer.channels, dtype=torch.float64, device=layer.device)
    for values in features_of(layer):
        total += values.sum(dim=0, dtype=torch.float64)
    return total / layer.images
