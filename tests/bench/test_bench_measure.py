"""Measurements against a bare forward pass, and against the plain way of computing them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bench_timing import added, always, take_turns
from sklearn.datasets import load_sample_image

from suite.measure import entropy, rank
from suite.measure.stream import LayerStream
from suite.models import build, layer_tokens

IMAGES, BATCH = 16, 8
CAIT_S24 = {"timm": "cait_s24_224", "overrides": {"init_values": 1.0}}  # smaller, and every layer is the same


@pytest.fixture(scope="module")
def crops():
    """Crops of two photographs, [I, 3, 224, 224]: natural images have the low ranks that noise has not."""
    generator = np.random.default_rng(0)
    photographs = [load_sample_image(name).astype(np.float32) / 127.5 - 1 for name in ("china.jpg", "flower.jpg")]
    cut = []
    for number in range(IMAGES):
        photograph = photographs[number % 2]
        row, column = (generator.integers(side - 224) for side in photograph.shape[:2])
        cut.append(photograph[row : row + 224, column : column + 224].transpose(2, 0, 1))
    return torch.from_numpy(np.stack(cut))


@pytest.fixture(scope="module")
def cait():
    return build(CAIT_S24, seed=0).eval()


@pytest.fixture(scope="module")
def features(cait, crops):
    """Tokens of every layer for one batch, 24 of [8, 196, 384]."""
    with torch.inference_mode():
        return layer_tokens(cait, crops[:BATCH])


def test_streaming_everything_costs_little_more_than_the_forward_pass(cait, crops, ledger, one_thread, tmp_path):
    """Every layer: magnitude, spectrum, three entropies, ranks; last layer: shared basis, nulls, angles, pattern."""

    def bare():
        with torch.inference_mode():
            for part in crops.split(BATCH):
                cait(part)

    def stream():
        with LayerStream(seed=0, spill=tmp_path) as accumulator, torch.inference_mode():
            for part in crops.split(BATCH):
                accumulator.update(layer_tokens(cait, part))
            return accumulator.finish()

    times = take_turns(5, ours=always(stream), reference=always(bare))
    ledger.show(stream)
    what = "stream all measurements, CaiT-S24 224 px / bare forward pass"
    assert ledger.compare(what, times["ours"], times["reference"], threads=one_thread, limit=1.25) <= 1.25


def histogram_loop(layers, low, high):
    """The plain way: numpy's histogram of one token after the other."""
    bits = []
    for layer in layers:
        for token in layer.flatten(0, 1).numpy():
            counts, _ = np.histogram(token, bins=entropy.BINS, range=(low, high))
            share = counts[counts > 0] / counts.sum()
            bits.append(-(share * np.log2(share)).sum())
    return np.array(bits).reshape(len(layers), *layers[0].shape[:2])


def test_entropy_is_much_faster_than_a_loop_over_histograms(features, ledger, one_thread):
    some = features[::6]
    ends = entropy.global_range(some)

    def ours():
        return np.stack([entropy.token_entropy(layer, *ends).numpy() for layer in some])

    def reference():
        return histogram_loop(some, *ends)

    np.testing.assert_allclose(ours(), reference(), rtol=0, atol=1e-12)  # equal counts; sums of 100 terms
    times = take_turns(7, ours=always(ours), reference=always(reference))
    ledger.show(ours)
    what = "entropy of 4 layers [8, 196, 384] / loop over numpy.histogram"
    assert ledger.compare(what, times["ours"], times["reference"], threads=one_thread, limit=1 / 15) <= 1 / 15


def svd_loop(layer):
    """The plain way: singular values of one image after the other."""
    dims = []
    for tokens in layer:
        share = torch.linalg.svdvals(tokens).double().square().cumsum(0)
        dims.append([int((share / share[-1] < wanted).sum()) + 1 for wanted in rank.SHARES])
    return torch.tensor(dims)


def test_ranks_are_faster_than_singular_values(features, ledger, one_thread):
    for name, layer in (("first", features[0]), ("last", features[-1])):

        def ours(layer=layer):
            return rank.per_image_dims(layer)

        def reference(layer=layer):
            return svd_loop(layer)

        assert torch.equal(ours(), reference())
        times = take_turns(7, ours=always(ours), reference=always(reference))
        what = f"ranks of the {name} layer [8, 196, 384] / torch.linalg.svdvals"
        assert ledger.compare(what, times["ours"], times["reference"], threads=one_thread, limit=1.0) < 1
    ledger.show(ours)


def test_what_the_stream_spends_its_time_on(cait, crops, features, ledger, one_thread, tmp_path):
    """No threshold: the parts of the first benchmark."""

    def open_stream():
        return LayerStream(seed=0, spill=tmp_path)

    def bare():
        with torch.inference_mode():
            cait(crops[:BATCH])

    def taps():
        with torch.inference_mode():
            layer_tokens(cait, crops[:BATCH])

    def update():
        stream = open_stream()
        return lambda: (stream.update(features), stream.close())

    def finish():
        stream = open_stream()
        stream.update(features)
        return stream.finish

    times = take_turns(4, bare=always(bare), taps=always(taps), update=update, finish=finish)
    ledger.show(taps)
    for name in ("taps", "update", "finish"):
        ledger.compare(f"of it: {name} / bare forward pass", times[name], times["bare"], threads=one_thread)
    whole = added(times["taps"], times["update"], times["finish"])
    ledger.compare("of it: together / bare forward pass", whole, times["bare"], threads=one_thread)
