"""Seeds made of numbers, and a stretch of code that draws from nothing but one of them."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


def mixed_seed(*numbers: int) -> int:
    """One seed, in [0, 2**62), that depends on all numbers (each at least 0) and on their order."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(2))


@contextmanager
def drawing_from(seed: int, *, device: str = "cpu") -> Iterator[None]:
    """Let code that draws from the global generators of Python, numpy and torch draw from ``seed`` instead.

    timm's augmentations, mixup and stochastic depth draw from all three. They are put back at the end.

    Args:
        seed: of all of them.
        device: ``cuda`` to seed the current GPU's generator as well.
    """
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the generator that timm draws from
    gpu = [torch.cuda.current_device()] if device == "cuda" else []
    with torch.random.fork_rng(devices=gpu):
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        torch.default_generator.manual_seed(seed)
        if gpu:
            torch.cuda.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002
