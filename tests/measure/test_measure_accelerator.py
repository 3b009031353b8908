"""On an accelerator the host waits a few times a batch, however many layers and probes there are."""

from collections import Counter

import numpy as np
import pytest
import torch
from made_features import gaussian
from pretend_accelerator import PLACE, PretendAccelerator

from suite.measure import _workers
from suite.measure._features import CACHE_ELEMENTS, DEVICE_ELEMENTS, at_once
from suite.measure.nulls import MatchedGaussian, generator_for
from suite.measure.probes import chosen
from suite.measure.stream import LayerStream

BATCHES = 3


@pytest.fixture
def accelerator(monkeypatch):
    """The stand-in; its tensors cannot live in torch's inference mode."""

    def without_gradient(task, item):
        with torch.no_grad():
            return task(item)

    plain = torch.tensor

    def made(values, *arguments, device=None, **named):  # torch.tensor does not pass through dispatch
        found = plain(values, *arguments, **named)
        return found if device is None or torch.device(device) != PLACE else found.to(PLACE)

    monkeypatch.setattr(_workers, "_without_gradient", without_gradient)
    monkeypatch.setattr(torch, "tensor", made)
    with torch.no_grad():
        yield PretendAccelerator()


def batches_of(layers):
    """Layers of unequal scale; the second batch goes beyond the ranges that the first one sets."""
    shapes = [(9, 12 + layer) for layer in range(layers)]
    return [
        [gaussian(batch + 7 * number, (4, *shape)).float() * (1 + batch) for number, shape in enumerate(shapes)]
        for batch in range(BATCHES)
    ]


def streamed(batches, folder, send=lambda values: values, probes=None, after=None):
    with LayerStream(probes, seed=3, spill=folder, groups=3) as stream:
        for batch in batches:
            stream.update([send(layer) for layer in batch])
            if after is not None:
                after()
        return stream.finish()


def test_everything_can_be_measured_there_with_the_same_results(accelerator, tmp_path):
    batches = batches_of(3)
    here = streamed(batches, tmp_path)
    with accelerator:
        there = streamed(batches, tmp_path, accelerator.send)
    assert there.keys() == here.keys()
    for name, values in here.items():
        assert isinstance(there[name], np.ndarray), name
        assert there[name].dtype == values.dtype, name
        np.testing.assert_allclose(there[name], values, rtol=2e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("layers", [2, 6])
def test_the_host_waits_as_often_whatever_the_layers_and_probes(accelerator, tmp_path, layers):
    """Once to learn whether all values are finite, once to fetch the results, once for the layer that goes to disk."""
    seen = []
    with accelerator:
        streamed(batches_of(layers), tmp_path, accelerator.send, after=lambda: seen.append(len(accelerator.waits)))
    each = np.diff([0, *seen])
    assert each.tolist() == [3] * BATCHES, Counter(accelerator.waits[: seen[-1]])


@pytest.mark.parametrize("probe", chosen(), ids=lambda probe: probe.__name__)
def test_no_probe_makes_the_host_wait_while_it_measures(accelerator, tmp_path, probe):
    seen = []
    with accelerator:
        streamed(batches_of(4), tmp_path, accelerator.send, [probe], after=lambda: seen.append(len(accelerator.waits)))
    each = np.diff([0, *seen])
    assert max(each) <= 2, Counter(accelerator.waits[: seen[-1]])


def test_pieces_are_as_large_as_the_device_likes():
    shape = (196, 384)
    assert at_once(*shape, torch.device("cpu")) == CACHE_ELEMENTS // (196 * 384)
    assert at_once(*shape, torch.device("cuda")) == DEVICE_ELEMENTS // (196 * 384) > 100
    assert at_once(4000, 4000, torch.device("cuda")) == 2
    assert at_once(4000, 4000, torch.device("cpu")) == 1


def test_the_null_is_the_same_however_many_images_make_a_piece(accelerator):
    spectrum = torch.arange(1, 385, dtype=torch.float64)
    here = torch.cat(list(MatchedGaussian(spectrum, images=9, tokens=196, generator=generator_for(0))))
    with accelerator:
        there = list(MatchedGaussian(accelerator.send(spectrum), images=9, tokens=196, generator=generator_for(0)))
        assert [len(part) for part in there] == [9]
        np.testing.assert_allclose(there[0].cpu().numpy(), here.numpy(), rtol=1e-6)
