"""The number that tells whether a student mirrors its teacher, on profiles of known shape."""

from pathlib import Path

import numpy as np
import pytest

from claims import student_mirror
from suite.evidence.cell import Result


def result(profile):
    arrays = {"entropy_standardised": np.tile(np.asarray(profile, float)[:, None], 5)}
    arrays["magnitude"] = 2 ** arrays["entropy_standardised"]
    return Result("key", Path(), arrays, [], {}, 0.0)


RISE, FALL, VALLEY = np.linspace(0, 1, 12), np.linspace(1, 0, 12), np.abs(np.linspace(-1, 1, 12))


@pytest.mark.parametrize("name", student_mirror.VIEWS)
def test_a_student_like_its_teacher_has_made_up_all_and_one_trained_alone_nothing(name):
    teacher = result(np.linspace(5, 9, 24))  # of another depth, level and spread: its shape is a rise
    share = student_mirror.made_up
    assert share(name, result(FALL), result(RISE), teacher) == pytest.approx(1.0)
    assert share(name, result(FALL), result(FALL), teacher) == 0.0
    assert share(name, result(VALLEY), result(FALL), teacher) < 0 < share(name, result(FALL), result(VALLEY), teacher)


@pytest.mark.parametrize("name", student_mirror.VIEWS)
def test_half_way_is_seen(name):
    assert 0.3 < student_mirror.half_way(name, result(VALLEY), result(np.linspace(5, 9, 24))) < 0.7
