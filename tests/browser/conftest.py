"""A real browser, on request: Debian's Chromium without a screen, driven through ChromeDriver."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ON_REQUEST = "a browser is used on request: nox -s browser, or python -m pytest tests/browser --run-browser"
MISSING = "no {what}: install Debian's packages chromium and chromium-driver, or set ${variable} to its path"
PROGRAMS = {"CHROME": ("chromium", "chromium-browser", "google-chrome"), "CHROMEDRIVER": ("chromedriver",)}

sys.path.insert(0, str(FOLDER.parent / "page"))  # the made-up claims of the page's own tests


def pytest_addoption(parser):
    parser.addoption("--run-browser", action="store_true", help="drive a browser; a minute or two")
    parser.addoption("--screenshots", metavar="DIR", help="where to save what the browser shows")


def program(variable: str) -> str:
    """The path of the browser or of its driver."""
    found = os.environ.get(variable) or next(filter(None, map(shutil.which, PROGRAMS[variable])), None)
    if found is None:
        raise pytest.UsageError(MISSING.format(what=PROGRAMS[variable][0], variable=variable))
    return found


def pytest_collection_modifyitems(config, items):
    chosen = [item for item in items if FOLDER in item.path.parents]
    if config.getoption("--run-browser", default=False):
        for variable in PROGRAMS if chosen else ():
            program(variable)
        return
    for item in chosen:
        item.add_marker(pytest.mark.skip(reason=ON_REQUEST))


@pytest.fixture(scope="session")
def screenshots(request, tmp_path_factory) -> Path:
    folder = Path(request.config.getoption("--screenshots") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory, screenshots):
    """One browser for all tests; each opens its own address."""
    from chromium import Browser

    opened = Browser(program("CHROME"), program("CHROMEDRIVER"), tmp_path_factory.mktemp("profile"), screenshots)
    yield opened
    opened.quit()
