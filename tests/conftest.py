"""Shared by every test: one reproducible hypothesis profile and where the goldens lie."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,  # speed is judged by the benchmarks, never by a test
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """The folder of numbers computed with the authors' released code."""
    return GOLDEN
