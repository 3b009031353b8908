"""Speed, measured on request: ratios within one run, printed as one table at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bench_timing import Ledger, Row

FOLDER = Path(__file__).parent
ROWS = pytest.StashKey[list[Row]]()
ON_REQUEST = "speed is measured on request: python -m pytest tests/bench --benchmark-only --run-bench"


def pytest_addoption(parser):
    parser.addoption("--run-bench", action="store_true", help="measure speed and hold it to its thresholds; minutes")


def pytest_configure(config):
    config.stash[ROWS] = []


def pytest_collection_modifyitems(config, items):
    if config.getoption("--run-bench", default=False):
        return
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=ON_REQUEST))


@pytest.fixture
def one_thread():
    """Torch computes with one thread: what a worker of the program has."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield 1
    torch.set_num_threads(before)


@pytest.fixture
def ledger(benchmark, request):
    """Where a benchmark writes its ratios: into the table and into what pytest-benchmark stores."""
    return Ledger(benchmark, request.config.stash[ROWS])


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    terminalreporter.section("speed: least of several turns, in milliseconds; ratio = ours / reference")
    width = max(len(row.what) for row in rows)
    terminalreporter.write_line(
        f"{'':{width}} {'ours':>10} {'reference':>10} {'ratio':>8} {'at most':>8} {'CPU ratio':>10} {'threads':>8}"
    )
    for row in rows:
        terminalreporter.write_line(row.line(width))
