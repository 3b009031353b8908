"""A generator for the tests of the judge."""

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """The same stream in every test."""
    return np.random.default_rng(20)
