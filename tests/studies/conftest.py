"""Teachers trained once for all tests of studies, and stores that hold nothing else."""

import shutil

import pytest
from study_cells import compute, network

from suite.evidence.store import Store
from suite.run.execute import Outcome

TEACHERS = (network(0), network(1))


@pytest.fixture(scope="session")
def taught(tmp_path_factory):
    """A store with the teachers of two seeds; write nothing to it."""
    store = Store(tmp_path_factory.mktemp("taught"))
    for cell in TEACHERS:
        assert compute(store, cell) == {cell.key: Outcome.DONE}
    return store


@pytest.fixture(scope="session")
def new_store(taught, tmp_path_factory):
    """Makes a store that holds the teachers and nothing else."""

    def make() -> Store:
        store = Store(tmp_path_factory.mktemp("evidence"))
        for cell in TEACHERS:
            shutil.copytree(taught.folder(cell.key), store.folder(cell.key))
        return store

    return make


@pytest.fixture
def store(new_store):
    """One for this test alone."""
    return new_store()
