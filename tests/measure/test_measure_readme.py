"""The README's example of a probe is one: copied as it stands, it is found and measures."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import suite.measure
from suite.measure import probes
from suite.measure.stream import measured

README = Path(suite.measure.__file__).parent / "README.md"


@pytest.fixture
def example(tmp_path, monkeypatch):
    text = README.read_text()
    (name,) = re.findall(r"This is a whole one, `probes/(\w+)\.py`", text)
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setattr(probes, "__path__", [*probes.__path__, str(tmp_path)])
    return name


def test_the_example_is_found_and_measures(example):
    assert example in probes.names()
    layers = [torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(seed)).exp() for seed in (0, 1)]
    found = measured(layers, [probes.find(example)])[example]
    wanted = [[stats.skew(image.flatten().double().numpy()) for image in layer] for layer in layers]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    constant = measured([torch.ones(2, 3, 4)], [probes.find(example)])[example]
    assert constant.tolist() == [[0.0, 0.0]]
