"""Small feature maps for tests, always from a seed."""

import numpy as np
import torch
from hypothesis import strategies as st

seeds = st.integers(0, 2**32 - 1)
shapes = st.tuples(st.integers(1, 4), st.integers(2, 12), st.integers(2, 33))
dtypes = st.sampled_from([torch.bfloat16, torch.float32, torch.float64])


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def gaussian(seed, shape, *, dtype=torch.float64, offset=0.0):
    """Correlated channels of unequal scale, so that no direction is like another."""
    generator = seeded(seed)
    channels = shape[-1]
    mixing = torch.randn(channels, channels, generator=generator, dtype=torch.float64)
    values = torch.randn(*shape, generator=generator, dtype=torch.float64) @ mixing
    return (values / channels**0.5 + offset).to(dtype)


def rank_one(images, tokens, channels, *, generator):
    """Multiples of one random Gaussian direction: a single dimension for all tokens of all images."""
    direction = torch.randn(channels, generator=generator)
    return torch.randn(images, tokens, 1, generator=generator) * direction


def rotation(seed, size):
    matrix = torch.randn(size, size, generator=seeded(seed), dtype=torch.float64)
    return torch.linalg.qr(matrix)[0]


def relative_error(ours, reference):
    ours, reference = np.asarray(ours, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    return np.abs(ours - reference).max() / max(np.abs(reference).max(), np.finfo(np.float64).tiny)


def precision(dtype):
    """Relative error that a few hundred roundings may leave: bfloat16 is computed in float32."""
    return 1e-12 if dtype == torch.float64 else 4e-6
