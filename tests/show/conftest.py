"""Shared by the tests of what is shown: one evidence store of made-up numbers."""

import pytest
import synthetic
from rich.console import Console

from suite.assess import assess


@pytest.fixture(scope="session")
def evidence(tmp_path_factory):
    """Made-up numbers for every role but "broken"; tests do not write to it."""
    return synthetic.evidence(tmp_path_factory.mktemp("evidence"))


@pytest.fixture(scope="session")
def judged(evidence):
    """A claim of which every usual verdict comes up once, judged."""
    return assess([synthetic.claim()], evidence)


@pytest.fixture
def show():
    """Call a printing function on a console of some width; what it printed, as plain text."""

    def printed(function, *arguments, width=100, **options):
        console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
        function(*arguments, console, **options)
        console.file.close()
        return console.export_text()

    return printed
