"""Numbers computed by the authors' released analysis code, and that the comparison can fail."""

import numpy as np
import pytest

from suite.measure.goldens import check_dynamics, check_encoding

FILES = {"dynamics_measures": check_dynamics, "encoding_measures": check_encoding}
INPUTS = {"features", "energy_shares", "sep_thresholds"}


@pytest.fixture(params=FILES)
def golden(request, golden_dir):
    with np.load(golden_dir / f"{request.param}.npz") as file:
        return FILES[request.param], dict(file)


def test_every_quantity_of_the_file_is_recomputed_within_tolerance(golden):
    check, arrays = golden
    results = check(arrays)
    assert {quantity for quantity, _, _ in results} == set(arrays) - INPUTS
    for quantity, error, tolerance in results:
        assert error <= tolerance, f"{quantity}: {error} > {tolerance}"


def test_a_wrong_golden_is_noticed(golden):
    check, arrays = golden
    for name in set(arrays) - INPUTS:
        wrong = dict(arrays)
        wrong[name] = arrays[name] + (1 if arrays[name].dtype.kind == "i" else 1e-5 * arrays[name])
        failing = [quantity for quantity, error, tolerance in check(wrong) if error > tolerance]
        assert failing == [name]
