"""Checks of a GPU against the CPU. Every one of them also runs on the CPU, so that only the device is untried here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for place in (HERE.parent, HERE.parent / "run"):  # the tiny profile; the launch of two processes
    sys.path.insert(0, str(place))

NO_GPU = "torch sees no CUDA device here: nox -s gpu, on a machine that has one"
FEW_GPUS = "two GPUs are needed, one a process"


def pytest_addoption(parser):
    parser.addoption("--gpu-evidence", metavar="DIR", help="where to write the dated file of what was measured")


def _gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def pytest_collection_modifyitems(items):
    chosen = [item for item in items if HERE in item.path.parents and item.get_closest_marker("gpus")]
    found = _gpus() if chosen else 0
    for item in chosen:
        wanted = item.get_closest_marker("gpus").args[0]
        if found < wanted:
            item.add_marker(pytest.mark.skip(reason=FEW_GPUS if found else NO_GPU))


ON = ("cpu", pytest.param("cuda", marks=pytest.mark.gpus(1)))


@pytest.fixture(params=ON)
def device(request) -> str:
    """Where the check computes; what it is held to is always computed on the CPU."""
    return request.param


@pytest.fixture
def evidence(request, tmp_path) -> Path:
    """Where the dated file goes."""
    folder = Path(request.config.getoption("--gpu-evidence") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
