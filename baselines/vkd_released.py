"""VkD as released: torch's orthogonal parametrisation, whose projection is zero after one decayed step."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal

from baselines._feature import FeatureMethod, Part
from baselines._modules import linear
from baselines.vkd import OrthogonalAlignment, VkDOptions


class ParametrisedAlignment(OrthogonalAlignment):
    """The same with a Linear that torch keeps orthogonal by a parametrisation of its own."""

    def projection(self, inputs: int, outputs: int, generator: torch.Generator) -> nn.Module:
        """See `OrthogonalAlignment.projection`."""
        seed = int(torch.randint(2**62, (), generator=generator))
        with torch.random.fork_rng(devices=[]):  # torch draws a matrix of its own, which the first weight replaces
            torch.default_generator.manual_seed(seed)
            made: nn.Module = orthogonal(linear(inputs, outputs, generator, bias=False))
        return made


class VkDReleased(FeatureMethod):
    """As `vkd`, with the parametrisation and the weight decay of the released training code.

    Where the widths differ, torch keeps signs of ±1 in the diagonal of the trained parameter and reads them as
    integers. The optimiser decays that parameter, as it does every matrix: after one step the signs are ±.99…, read
    as 0, and the projection is exactly zero from then on. The feature term is a constant, and no gradient passes.
    With equal widths torch uses the matrix exponential, and the projection lives.
    """

    name = "vkd_released"
    title = "VkD, as released"
    paper = "Miles et al., arXiv 2403.06213"
    year = 2024
    aligns = "pooled last layer until the first step, nothing after it"
    source = "github roymiles/VkD, engine.py, train.py (the parametrisation) and utils/optimizer.py (the decay)"
    licence = "none given (its vidt/: Apache-2.0)"
    differs = "where widths differ its projection is exactly 0 after the first decayed step: the student learns logits"
    published: ClassVar[Mapping[str, Any]] = {"weight": 1.0, "compare": "pooled", "temperature": 1.0}
    options_type = VkDOptions
    options: VkDOptions

    def features(self) -> Part:
        """See `FeatureMethod.features`."""
        return ParametrisedAlignment(self.options)
