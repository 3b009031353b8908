"""Shared by the tests of released files: a writer of small releases of known truth."""

import pytest
from made_releases import write_release


@pytest.fixture
def release(tmp_path):
    """Writes a release of known truth and gives its folder."""
    return lambda truth: write_release(tmp_path / "release", truth)
