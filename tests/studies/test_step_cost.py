"""What a step costs: operations of the parts that a method adds, counted, the same on every machine."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from study_cells import CAIT, DATA, GRID
from torch.utils.flop_counter import FlopCounterMode

from suite.evidence.cell import Cell
from suite.studies import step_cost as costs
from suite.studies.step_cost import IMAGES, step_cost

STUDENT = {"architecture": "plain", "config": GRID | {"embed_dim": 8, "depth": 2, "num_heads": 2}, "init": "narrow"}
TOKENS, NARROW, WIDE = 16, 8, 16


def cell(method: str, seed: int = 0, target: str = "features", **options) -> Cell:
    spec = {
        "data": DATA,
        "student": STUDENT | {"options": {}},
        "method": {"name": method, "options": options},
        "teacher": {"network": CAIT, "weights": "trained"},
        "target": target,
    }
    return Cell(study="train", spec=spec, seed=seed, code="as it is")


def test_a_projection_costs_its_products_and_its_parameters():
    bare, projected = step_cost(cell("soft_kd")), step_cost(cell("projector_kd"))
    product = 2 * IMAGES * TOKENS * NARROW * WIDE
    alike = step_cost(cell("feature_mse", weight=0.0))
    assert alike.flops == bare.flops
    assert projected.flops - bare.flops == 3 * product, "forward, and back to weights and to tokens"
    assert projected.parameters == NARROW * WIDE + WIDE
    assert bare.parameters == 0


def test_seed_target_and_images_change_nothing():
    assert step_cost(cell("projector_kd", seed=3, target="zeros")) == step_cost(cell("projector_kd"))


def test_a_cell_without_a_teacher_has_a_cost():
    alone = cell("none")
    alone = replace(alone, spec={**alone.spec, "teacher": {"network": {}, "weights": ""}})
    assert step_cost(alone).flops == step_cost(cell("soft_kd")).flops


@pytest.mark.parametrize(("n", "rows"), [(8, 3), (12, 5)])
def test_transforms_are_counted_both_ways(n, rows):
    values = torch.randn(rows, n, requires_grad=True)
    with FlopCounterMode(display=False, custom_mapping=costs.TRANSFORMS) as counted:
        torch.fft.irfft(torch.fft.rfft(values), n=n)
    assert counted.get_total_flops() == 2 * int(2.5 * rows * n * math.log2(n))
    with FlopCounterMode(display=False, custom_mapping=costs.TRANSFORMS) as counted:
        torch.fft.fft(values.detach().to(torch.complex64))
    assert counted.get_total_flops() == int(5 * rows * n * math.log2(n))
