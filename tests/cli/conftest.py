"""The fake studies of ``tests/run`` serve here, too."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "run"))


@pytest.fixture(autouse=True)
def _width_of_a_pipe(monkeypatch):
    """Workers of a parallel run inherit the width of the terminal that started them, which would break lines."""
    monkeypatch.delenv("COLUMNS", raising=False)
