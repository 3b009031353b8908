"""Token entropies against numpy's histogram, value for value, and what scale and order may and may not change."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_features import dtypes, gaussian, seeded, seeds, shapes

from suite.measure._histogram import bin_index
from suite.measure.entropy import SPAN, global_range, standardised_entropy, token_entropy
from suite.measure.nulls import white

ROUNDING = 1e-12
"""Bits: the histograms must be the same ones, so only the sum of p log p may differ."""


def reference(features, low, high, bins):
    """The definition, token by token: values beyond the range are brought to its ends."""
    tokens = np.clip(features.double().numpy().reshape(-1, features.shape[-1]), low, high)
    bits = [scipy.stats.entropy(np.histogram(token, bins, range=(low, high))[0], base=2) for token in tokens]
    return np.reshape(bits, features.shape[:2])


@given(seeds, shapes, dtypes, st.integers(1, 120), st.floats(0, 1e4))
def test_equals_numpy_histogram_over_the_range_of_the_data(seed, shape, dtype, bins, offset):
    features = gaussian(seed, shape, dtype=dtype, offset=offset)
    low, high = global_range([features])
    ours = token_entropy(features, low, high, bins=bins)
    assert np.abs(ours.numpy() - reference(features, low, high, bins)).max() < ROUNDING


@given(seeds, st.sampled_from([3, 7, 10, 64, 100]), st.sampled_from([1, 0.1, 0.25, 1 / 3]), dtypes)
def test_equals_numpy_histogram_for_values_on_the_edges(seed, bins, step, dtype):
    """Whole multiples of a bin width, most of them on an edge or one rounding beside it; some beyond the range."""
    multiples = torch.randint(-2, bins + 3, (2, 5, 40), generator=seeded(seed))
    features = (multiples * step - 1).to(dtype)
    low, high = -1.0, bins * step - 1
    ours = token_entropy(features, low, high, bins=bins)
    assert np.abs(ours.numpy() - reference(features, low, high, bins)).max() < ROUNDING


@pytest.mark.parametrize("low", [-1.0, 0.1, -0.3])
@pytest.mark.parametrize("high", [1.0, 2.3, 1.7])
@pytest.mark.parametrize("bins", [7, 10, 100])
def test_edges_and_their_neighbours_lie_in_the_bins_of_numpy(low, high, bins):
    edges = np.linspace(low, high, bins + 1)
    values = np.concatenate([edges, np.nextafter(edges, -9), np.nextafter(edges, 9), [low - 5, high + 5]])
    expected = [np.histogram(np.clip(value, low, high), bins, range=(low, high))[0].argmax() for value in values]
    assert bin_index(torch.tensor(values)[None, None], low, high, bins=bins).flatten().tolist() == expected


@pytest.mark.parametrize(
    ("dtype", "offset", "spacing"),
    [
        (torch.float32, 2.0**20, 2.0**-3),
        (torch.float32, -(2.0**20), 2.0**-3),
        (torch.float32, 0.0, 2.0**-145),  # a bin's reciprocal exceeds float32
        (torch.float64, 2.0**20, 2.0**-32),
        (torch.float64, 2.0**40, 2.0**-12),
    ],
)
def test_equals_numpy_histogram_where_the_type_hardly_resolves_the_bins(dtype, offset, spacing):
    """Some hundred neighbouring numbers of the type, partly beyond the range."""
    multiples = torch.randint(0, 300, (2, 4, 60), generator=seeded(0)).double()
    features = (offset + spacing * multiples).to(dtype)
    low, high = offset + 20 * spacing, offset + 250 * spacing
    ours = token_entropy(features, low, high)
    assert np.abs(ours.numpy() - reference(features, low, high, 100)).max() < ROUNDING


@given(seeds, shapes, st.floats(-3, 0), st.floats(0.01, 3))
def test_values_beyond_the_range_count_in_the_end_bins(seed, shape, low, width):
    features = gaussian(seed, shape, dtype=torch.float32)
    ours = token_entropy(features, low, low + width)
    assert np.abs(ours.numpy() - reference(features, low, low + width, 100)).max() < ROUNDING


@given(seeds, shapes, dtypes)
def test_standardised_tokens_equal_the_histogram_of_standardised_tokens(seed, shape, dtype):
    features = gaussian(seed, shape, dtype=dtype, offset=1.0)
    values = features.double()
    deviation = values.std(dim=2, correction=0, keepdim=True)
    normal = (values - values.mean(dim=2, keepdim=True)) / deviation.clamp(min=1e-300)
    ours = standardised_entropy(features).numpy()
    expected = reference(normal, -SPAN, SPAN, 100)
    # Mean and deviation are rounded, so a value exactly on an edge may fall on either side: few tokens, few values.
    moved = np.abs(ours - expected) > ROUNDING
    assert moved.sum() <= 1
    assert np.abs(ours - expected).max() < 2.5 * math.log2(shape[2] + 1) / shape[2]


@given(seeds, shapes, st.integers(1, 120))
def test_bounds(seed, shape, bins):
    features = gaussian(seed, shape)
    for bits in (
        token_entropy(features, *global_range([features]), bins=bins),
        standardised_entropy(features, bins=bins),
    ):
        assert (bits >= 0).all()
        assert (bits <= math.log2(min(shape[2], bins)) + ROUNDING).all()


@pytest.mark.parametrize(("channels", "bins"), [(100, 100), (300, 100), (16, 100), (64, 64)])
def test_the_bound_is_reached_by_evenly_filled_bins(channels, bins):
    filled = min(channels, bins)
    centres = (torch.arange(channels) % filled + 0.5) / bins
    assert token_entropy(centres[None, None], 0, 1, bins=bins) == pytest.approx(math.log2(filled))


@given(seeds, shapes)
def test_the_order_of_channels_does_not_matter(seed, shape):
    features = gaussian(seed, shape, dtype=torch.float32)
    permuted = features[..., torch.randperm(shape[2], generator=seeded(seed))]
    assert torch.equal(token_entropy(features, -1, 1), token_entropy(permuted, -1, 1))


@given(seeds, st.integers(-6, 6))
def test_scale_moves_the_global_entropy_only(seed, doublings):
    """Multiplying by a power of two is exact, so the scale-free variants may not change at all."""
    features = gaussian(seed, (2, 6, 96), dtype=torch.float32)
    scaled = features * 2.0**doublings
    assert torch.equal(
        token_entropy(features, *global_range([features])), token_entropy(scaled, *global_range([scaled]))
    )
    assert torch.equal(standardised_entropy(features), standardised_entropy(scaled))
    wide = token_entropy(features, -500, 500).mean(), token_entropy(scaled, -500, 500).mean()
    if doublings > 2:
        assert wide[1] > wide[0]
    if doublings < -2:
        assert wide[1] <= wide[0]


def test_global_entropy_is_the_logarithm_of_scale():
    """Twice the scale over one range is one bit more, up to how well few values fill many bins."""
    features = white(1, 4, 20000, generator=seeded(0))
    once, twice = (float(token_entropy(factor * features, -40, 40).mean()) for factor in (2, 4))
    assert twice - once == pytest.approx(1, abs=0.01)


def test_standardised_gaussian_has_the_entropy_of_a_gaussian():
    bins_per_deviation = 100 / (2 * SPAN)
    expected = math.log2(bins_per_deviation * math.sqrt(2 * math.pi * math.e))
    features = white(1, 4, 40000, generator=seeded(1))
    # The plug-in estimate is low by (bins - 1) / (2 C ln 2) = .002 bits.
    assert float(standardised_entropy(features).mean()) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("value", [0.0, 1.0, -3.7e4, 0.1])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_constant_tokens_have_no_entropy(value, dtype):
    features = torch.full((2, 3, 50), value, dtype=dtype)
    assert not token_entropy(features, *global_range([features])).any()
    assert not token_entropy(features, -5e4, 5e4).any()
    assert not standardised_entropy(features).any()


@pytest.mark.parametrize("factor", [2.0**-120, 2.0**-60, 2.0**60, 2.0**120])
def test_tiny_and_huge_float32(factor):
    features = gaussian(4, (2, 5, 64), dtype=torch.float32)
    assert torch.equal(standardised_entropy(features), standardised_entropy(features * factor))
    low, high = global_range([features * factor])
    assert torch.equal(
        token_entropy(features * factor, low, high), token_entropy(features, low / factor, high / factor)
    )


def test_global_range_spans_layers_of_any_shape():
    layers = [torch.tensor([[[0.0, 2.0]]]), torch.full((1, 3, 5), -7.0), torch.ones(1, 2, 3, dtype=torch.bfloat16)]
    assert global_range(layers) == (-7, 2)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: global_range([]), "at least one layer"),
        (lambda: token_entropy(torch.tensor([[[math.nan, 0]]]), 0, 1), "NaN or infinite"),
        (lambda: standardised_entropy(torch.tensor([[[math.inf, 0]]])), "NaN or infinite"),
        (lambda: token_entropy(torch.zeros(1, 1, 2), 1, 0), "ascending"),
        (lambda: token_entropy(torch.zeros(1, 1, 2), 0, math.inf), "finite"),
        (lambda: token_entropy(torch.zeros(1, 1, 2), 0, 1, bins=0), "at least 1 bin"),
        (lambda: standardised_entropy(torch.zeros(1, 1, 2), bins=0), "at least 1 bin"),
    ],
)
def test_senseless_requests_are_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
