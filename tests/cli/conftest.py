"""The fake studies of ``tests/run``, the hub of ``tests/models`` and the cells of ``tests/studies`` serve here, too."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("run", "models", "studies")]


@pytest.fixture(autouse=True)
def _width_of_a_pipe(monkeypatch):
    """Workers of a parallel run inherit the width of the terminal that started them, which would break lines."""
    monkeypatch.delenv("COLUMNS", raising=False)
