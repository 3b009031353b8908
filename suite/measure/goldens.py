"""Agreement of the measurements with numbers computed by the authors' released analysis code.

Each check takes the arrays of one file and gives, per quantity, the largest difference and how large it may be.
Differences of real numbers are relative to the largest golden one, those of counts are in counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from suite.measure.energy_pattern import energy_pattern
from suite.measure.entropy import global_range, token_entropy
from suite.measure.magnitude import magnitude
from suite.measure.rank import per_image_dims, upper_percentile
from suite.measure.shared_basis import shared_basis, shared_dims
from suite.measure.spectrum import channel_amplitude, channel_spectrum

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    Arrays = Mapping[str, NDArray[np.generic]]
    Check = tuple[str, float, float]

SINGLE = 16 * float(np.finfo(np.float32).eps)
"""2e-6, for goldens summed in float32: a few roundings more than the storage of the golden itself costs."""
DOUBLE = 64 * float(np.finfo(np.float64).eps)
"""1e-14, for goldens computed in float64: sums of some hundred terms in another order."""
EXACT = 0.0
"""For counts: every dimension and every threshold must be the same."""


def check_dynamics(arrays: Arrays) -> list[Check]:
    """Recompute the measurements of the Distillation Dynamics analysis.

    Args:
        arrays: ``features`` ``[L, B, C, H, W]`` and, per layer, ``spectrum`` ``[L, C]``, ``intensity``,
            ``entropy_global_range_100_bins`` and ``magnitude``, each ``[L]``.

    Returns:
        (quantity, largest difference, tolerance) of each.

    Raises:
        KeyError: an array is missing.

    References:
        Distillation Dynamics, arXiv 2511.06848, released analysis code.
    """
    layers = list(torch.as_tensor(arrays["features"]).flatten(3).mT)
    low, high = global_range(layers)
    ours = {
        "spectrum": _per_layer(channel_amplitude(layer) for layer in layers),
        "intensity": _per_layer(channel_spectrum(layer).intensity().mean() for layer in layers),
        "entropy_global_range_100_bins": _per_layer(token_entropy(layer, low, high).mean() for layer in layers),
        "magnitude": _per_layer(magnitude(layer).mean() for layer in layers),
    }
    # The entropies were summed in float64, so not one value may have fallen into another bin.
    tolerance = {"entropy_global_range_100_bins": DOUBLE}
    return [(name, _relative(value, arrays[name]), tolerance.get(name, SINGLE)) for name, value in ours.items()]


def check_encoding(arrays: Arrays) -> list[Check]:
    """Recompute the measurements of the Encoding Mismatch analysis.

    Args:
        arrays: ``features`` ``[M, N, D]``, ``energy_shares`` ``[S]``, ``svd_dims`` and ``shared_basis_dims``
            ``[M, S]``, their 99th percentiles ``svd_dims_p99`` and ``shared_basis_dims_p99`` ``[S]``,
            ``sep_curve_percent`` ``[D]``, ``sep_thresholds`` and ``sep_dims`` ``[P]``.

    Returns:
        (quantity, largest difference, tolerance) of each.

    Raises:
        KeyError: an array is missing.

    References:
        Encoding Mismatch, arXiv 2511.15572, released analysis code.
    """
    features = torch.as_tensor(arrays["features"])
    shares = arrays["energy_shares"].tolist()
    own = per_image_dims(features, shares)
    shared = shared_dims(features, shared_basis(features), shares)
    pattern = energy_pattern(features.double())
    thresholds = tuple(arrays["sep_thresholds"].tolist())
    return [
        ("svd_dims", _apart(own, arrays["svd_dims"]), EXACT),
        ("svd_dims_p99", _relative(upper_percentile(own).numpy(), arrays["svd_dims_p99"]), DOUBLE),
        ("shared_basis_dims", _apart(shared, arrays["shared_basis_dims"]), EXACT),
        ("shared_basis_dims_p99", _relative(upper_percentile(shared).numpy(), arrays["shared_basis_dims_p99"]), DOUBLE),
        ("sep_curve_percent", _relative(100 * pattern.curve.numpy(), arrays["sep_curve_percent"]), DOUBLE),
        ("sep_dims", _apart(pattern.dims(thresholds), arrays["sep_dims"]), EXACT),
    ]


def _per_layer(numbers: Iterable[Tensor]) -> NDArray[np.float64]:
    return torch.stack(list(numbers)).numpy().astype(np.float64)


def _relative(ours: NDArray[np.float64], golden: NDArray[np.generic]) -> float:
    """Largest difference, as a share of the largest golden number."""
    wanted = golden.astype(np.float64)
    return float(np.abs(ours - wanted).max() / np.abs(wanted).max())


def _apart(ours: Tensor, golden: NDArray[np.generic]) -> float:
    """Largest difference of two sets of counts."""
    return float(np.abs(ours.numpy() - golden.astype(np.int64)).max())
