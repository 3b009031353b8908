"""Entropy of many small histograms at once, with the counts of ``numpy.histogram``."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from suite.measure._kernels import where_below

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

End = float | Tensor
MARGIN = 0.25
"""Distance, in bins, that positions keep from the ends of the range: values there are many and never in doubt."""


def histogram_bits(values: Tensor, low: End, high: End, *, bins: int) -> Tensor:
    """Entropy of each token's histogram; the range may differ from token to token.

    Args:
        values: checked features ``[B, N, C]``, float32 or float64.
        low: lower end, a number or ``[B, N, 1]`` float64.
        high: upper end, likewise, above ``low``.
        bins: number of bins.

    Returns:
        ``[B, N]`` float64, bits.
    """
    images, tokens, channels = values.shape
    index = bin_index(values, low, high, bins=bins)
    first = torch.arange(0, images * tokens * bins, bins, dtype=torch.int32, device=values.device)
    index += first.view(images, tokens, 1)
    counts = _counts(index.view(-1), images * tokens * bins)
    # H = log2 C - 1/C sum_b n_b log2 n_b; the counts are small whole numbers, so n log2 n comes from a table.
    filled = _n_log2_n(channels, values.device).index_select(0, counts).view(images, tokens, bins).sum(dim=2)
    return (math.log2(channels) - filled / channels).clamp_(min=0)


def _counts(index: Tensor, size: int) -> Tensor:
    """How often each number occurs: `torch.bincount`, which on an accelerator would wait for the largest one."""
    if index.is_cpu:
        return torch.bincount(index, minlength=size)
    ones = torch.ones(1, dtype=torch.int32, device=index.device).expand(len(index))
    return torch.zeros(size, dtype=torch.int32, device=index.device).scatter_add_(0, index.long(), ones)


def bin_index(values: Tensor, low: End, high: End, *, bins: int) -> Tensor:
    """Bin of every value; what lies beyond the range falls into the end bins.

    The position is computed in the type of the values and then raised by more than its rounding. It is therefore never
    too low, and too high only for values just below an edge: those few are binned again as numpy does it. On an
    accelerator all are, in float64, as nobody should wait to learn which ones.

    Args:
        values: checked features ``[B, N, C]``, float32 or float64.
        low: lower end, a number or ``[B, N, 1]`` float64; on an accelerator also a float64 tensor of one number.
        high: upper end, likewise, above ``low``.
        bins: number of bins.

    Returns:
        ``[B, N, C]`` int32, from 0 to ``bins - 1``.
    """
    if not values.is_cpu:
        return _as_numpy_bins_on_device(values.double(), low, high, bins=bins)
    limits = torch.finfo(values.dtype)
    per_unit = bins / (high - low)
    if _largest(per_unit) > limits.max:
        return bin_index(values.double(), low, high, bins=bins)
    # Rounding of the lower end counts per_unit |low| eps, that of difference, product and edges bins eps each.
    raised = 4 * limits.eps * (_largest(per_unit * (_size(low) + _size(high))) + bins)
    position = (values - _like(low - raised / per_unit, values)).mul_(_like(per_unit, values))
    index = position.clamp_(MARGIN, bins - MARGIN).int()
    doubtful = where_below(position.frac_(), 2 * raised)
    if len(doubtful):
        settled = _as_numpy_bins(
            values.view(-1)[doubtful].cpu().numpy().astype(np.float64),
            *(_at(end, doubtful // values.shape[2]) for end in (low, high)),
            bins=bins,
        )
        index.view(-1)[doubtful] = torch.from_numpy(settled).to(values.device)
    return index


def _as_numpy_bins(values: Vector, low: float | Vector, high: float | Vector, *, bins: int) -> NDArray[np.int32]:
    """The bin whose edges, as numpy computes them, enclose each value; arrays ``[M]``."""
    step = (high - low) / bins
    index = np.clip((values - low) / (high - low) * bins, 0, bins - 1).astype(np.int32)
    below = (values < index * step + low) & (index > 0)
    above = (values >= (index + 1) * step + low) & (index < bins - 1)
    return index - below.astype(np.int32) + above.astype(np.int32)


def _as_numpy_bins_on_device(values: Tensor, low: End, high: End, *, bins: int) -> Tensor:
    """`_as_numpy_bins` of float64 values ``[B, N, C]`` on an accelerator."""
    step = (high - low) / bins
    index = ((values - low) / (high - low) * bins).clamp_(0, bins - 1).int()
    below = (values < index * step + low) & (index > 0)
    above = (values >= (index + 1) * step + low) & (index < bins - 1)
    return index - below.int() + above.int()


@cache
def _n_log2_n(largest: int, device: torch.device) -> Tensor:
    """The table of n log2 n for n = 0 .. largest, float64."""
    with torch.inference_mode(mode=False):
        number = torch.arange(largest + 1, dtype=torch.float64, device=device)
        return torch.xlogy(number, number) / math.log(2)


def _size(end: End) -> End:
    return end.abs() if isinstance(end, Tensor) else abs(end)


def _largest(number: End) -> float:
    return float(number.max()) if isinstance(number, Tensor) else number


def _like(number: End, values: Tensor) -> End:
    """A number as it is, a tensor in the type of the values."""
    return number.to(values.dtype) if isinstance(number, Tensor) else number


def _at(end: End, token: Tensor) -> float | Vector:
    """One end of the range for some tokens, counted over all images."""
    return end.view(-1)[token].cpu().numpy() if isinstance(end, Tensor) else end
