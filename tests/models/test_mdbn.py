"""MDBN equals the released network, branches and all; its twins are as large and cost as much."""

from pathlib import Path

import numpy as np
import pytest
import torch

from suite.models.goldens import check
from suite.models.mdbn import MDBN, MODULES, make, multiply_adds, parameters

GOLDEN = Path(__file__).parents[1] / "golden"
COUNTS = {2: 1_517_571, 3: 1_702_211, 4: 1_665_283}
MULTIPLY_ADDS = {2: 350.2, 3: 175.4, 4: 122.7}  # in 1e9, for 1280 x 720


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_outputs_of_the_released_network_are_ours(scale):
    with np.load(GOLDEN / f"mdbn_x{scale}.npz") as arrays:
        found = {quantity: (error, tolerance) for quantity, error, tolerance in check(dict(arrays))}
    assert set(found) == {"output", "deep", "shallow", "parameters", "parameters_published_size"}
    for quantity, (error, tolerance) in found.items():
        assert error <= tolerance <= 1e-10, quantity


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_size_and_cost_as_published(scale):
    model = MDBN(scale)
    assert parameters(model) == COUNTS[scale]
    assert multiply_adds(model, 720, 1280) / 1e9 == pytest.approx(MULTIPLY_ADDS[scale], abs=0.05)


def test_a_module_has_two_thirds_of_its_weights_in_the_deep_branch():
    module = MODULES["multi_depth"](64)
    assert parameters(module.uconv1) + parameters(module.uconv2) == 73_856
    assert parameters(module.dconv) == 36_928


@pytest.mark.parametrize("twin", ["equal_depth", "branch_free"])
def test_twins_are_as_large_and_cost_as_much(twin):
    own, other = (MDBN(2, features=16, blocks=2, module=module) for module in ("multi_depth", twin))
    assert parameters(other) == pytest.approx(parameters(own), rel=2e-3)
    assert multiply_adds(other, 64, 64) == multiply_adds(own, 64, 64)


def test_branches_of_every_module_are_seen_in_order_and_nothing_stays_hooked():
    model = make(2, features=8, blocks=3, module="equal_depth", seed=0)
    x = torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    first, second = model.branches(x)
    assert [tuple(branch.shape) for branch in (*first, *second)] == [(2, 8, 9, 7)] * 12
    start = model.conv_first(x)
    torch.testing.assert_close(first[0], model.body[0].baseblock1.first(start))
    assert not any(module._forward_hooks for module in model.modules())
    assert make(2, features=8, blocks=1, module="branch_free", seed=0).branches(x) == ([], [])


def test_a_seed_gives_the_same_weights_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, same, other = (make(2, features=4, blocks=1, module="multi_depth", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.conv_last.weight, same.conv_last.weight)
    assert not torch.equal(one.conv_last.weight, other.conv_last.weight)


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="scale 5"):
        MDBN(5)
    with pytest.raises(ValueError, match="multiple of 4"):
        MODULES["equal_depth"](6)
