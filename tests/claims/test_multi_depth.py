"""The numbers that the claim on branches of different depth reads, on results of known truth."""

from pathlib import Path

import numpy as np
import pytest

from claims import multi_depth
from suite.evidence.cell import Result


def result(**arrays):
    named = {name: np.asarray(values, dtype=float) for name, values in arrays.items()}
    return Result(key="made", folder=Path(), arrays=named, metrics=[], environment={}, seconds=0.0)


def test_the_deep_branch_counts_up():
    made = result(centroid=[[0.3, 0.2], [0.1, 0.2]])
    assert multi_depth._apart("centroid")(made) == pytest.approx(0.1)


def test_likeness_is_less_that_of_the_twin():
    own, twin = result(cka=[0.2, 0.4], cka_planted=[0.0, 0.0]), result(cka=[0.5, 0.7])
    assert multi_depth._less_alike()(own, twin) == pytest.approx(-0.3)
    assert multi_depth._less_alike("cka_planted")(own, twin) == pytest.approx(-0.6)


def test_decibels_are_of_the_pooled_error_at_the_wide_border():
    made = result(error=[[1.0, 3.0], [8.0, 8.0]], bicubic_error=[[4.0, 4.0], [8.0, 8.0]])
    assert multi_depth._psnr(made) == pytest.approx(10 * np.log10(255**2 / 2))
    assert multi_depth._above_bicubic()(made) == pytest.approx(10 * np.log10(2))
    assert multi_depth._border()(made) == pytest.approx(10 * np.log10(4))
    assert multi_depth._above(made, result(error=[[4.0, 4.0], [1.0, 1.0]])) == pytest.approx(10 * np.log10(2))


def test_a_tenth_of_the_way_to_the_truth_is_most_of_a_decibel():
    made = result(error=[[1.0], [1.0]], error_moved=[[0.81], [0.81]])
    assert multi_depth._moved(made) == pytest.approx(0.915, abs=0.001)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_size_and_cost_are_the_released_networks(scale):
    assert multi_depth._parameters(scale) == multi_depth.PARAMETERS[scale]
    assert multi_depth._multiply_adds(scale) == pytest.approx(multi_depth.MULTIPLY_ADDS[scale], abs=0.05)


def test_branches_are_two_to_one_but_for_the_twin():
    assert multi_depth._two_to_one("multi_depth") == 2
    assert multi_depth._two_to_one("equal_depth") == 1
