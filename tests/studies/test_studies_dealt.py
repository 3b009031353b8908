"""Students of a block that several GPUs share are the students of the whole block, bit for bit on a CPU."""

import pytest
from study_cells import arrays, assert_equal, compute, student

from suite.run.queue import Job, dealt

BLOCK = (
    student("vitkd"),  # draws masks
    student("projector_kd", epochs=2),  # parameters of its own, and shorter
    student("soft_kd", weights="random"),  # another teacher
)


@pytest.fixture(scope="module")
def whole(new_store):
    store = new_store()
    compute(store, *BLOCK)
    return [arrays(store, cell) for cell in BLOCK]


@pytest.mark.parametrize("gpus", [2, 3])
def test_students_do_not_depend_on_how_they_are_dealt(whole, new_store, gpus):
    store = new_store()
    parts = dealt([Job(BLOCK)], gpus)
    assert len(parts) == gpus
    for part in reversed(parts):
        compute(store, *part.cells)
    for cell, expected in zip(BLOCK, whole, strict=True):
        assert_equal(arrays(store, cell), expected)
