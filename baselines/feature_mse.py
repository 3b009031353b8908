"""Plain squared error against the pooled teacher: what SpectralKD is without its re-weighting."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor

from baselines._feature import FeatureMethod, PairedOptions, Pairs
from baselines._pairs import pool_channels, require_poolable
from baselines.spectral_kd import generic_weight


@dataclass(frozen=True, kw_only=True)
class MSEOptions(PairedOptions):
    """Adds the choice of scale.

    Attributes:
        spectral_scale: True multiplies by the weight that SpectralKD gives all but two horizontal
            frequencies (.4375 on a 14x14 grid), so that only those two are treated differently.
    """

    spectral_scale: bool = False


class FeatureMSE(FeatureMethod):
    """MSE of the maps, the teacher pooled over adjacent channels, averaged over the pairs of layers."""

    name = "feature_mse"
    title = "feature MSE"
    paper = "Encoding Mismatch, arXiv 2511.15572"
    year = 2025
    aligns = "chosen layers, pooled channels"
    source = "arXiv 2511.15572, option --use-mse-loss of the authors' training code"
    licence = "Apache-2.0"
    differs = "an option of the code; here a control for SpectralKD's weighting of frequencies"
    published: ClassVar[Mapping[str, Any]] = {
        "alpha": 0.9,
        "temperature": 1.0,
        "label_smoothing": 0.1,
        "weight": 0.2,
    }
    options_type = MSEOptions
    options: MSEOptions

    def features(self) -> Pairs:
        """See `FeatureMethod.features`."""
        return Pairs(self.options, loss=self.loss, require_fit=require_poolable)

    def loss(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Error of one pair of maps [B, C_s, H, W] and [B, C_t, H, W]."""
        error = F.mse_loss(student, pool_channels(teacher, student.shape[1]))
        return generic_weight(student.shape[-1]) * error if self.options.spectral_scale else error
