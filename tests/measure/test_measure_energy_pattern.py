"""The spectral energy pattern against its definition, its exact identity, and the controls that pass it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_features import dtypes, gaussian, precision, rank_one, relative_error, seeded, seeds, shapes

from suite.measure.energy_pattern import (
    PERCENTS,
    bins_needed,
    breadth,
    energy_pattern,
    sorted_energy_pattern,
    white_sorted_pattern,
)
from suite.measure.nulls import one_hot, permutation, permute_channels, white
from suite.measure.spectrum import channel_spectrum

WANTED = np.array(PERCENTS) / 100


def token_power(features):
    """Normalised two-sided power of every token with energy, straight from the definition."""
    power = np.square(np.abs(np.fft.fft(features.double().numpy(), axis=-1))).reshape(-1, features.shape[-1])
    return power / power.sum(axis=1, keepdims=True)


def smooth_tokens(images, tokens, channels, *, seed):
    """Zero-mean random walks along the channels: all power in the lowest bins."""
    walk = torch.randn(images, tokens, channels, generator=seeded(seed)).double().cumsum(dim=2)
    return walk - walk.mean(dim=2, keepdim=True)


@given(seeds, shapes, dtypes)
def test_curves_are_means_of_the_tokens_cumulative_power(seed, shape, dtype):
    features = gaussian(seed, shape, dtype=dtype, offset=0.2)
    power = token_power(features)
    in_order = power.cumsum(axis=1).mean(axis=0)
    strongest_first = (-np.sort(-power, axis=1)).cumsum(axis=1).mean(axis=0)
    assert relative_error(energy_pattern(features).curve, in_order) < precision(dtype)
    assert relative_error(sorted_energy_pattern(features).curve, strongest_first) < precision(dtype)
    assert energy_pattern(features).tokens == shape[0] * shape[1]


@given(seeds, shapes, st.floats(0, 3))
def test_the_two_sided_curve_is_pinned_by_symmetry(seed, shape, offset):
    """S[k] + S[C-1-k] = 1 + E0 for every real token, whatever it holds."""
    features = gaussian(seed, shape, offset=offset)
    curve = energy_pattern(features).curve
    tokens = features.flatten(0, 1)[:, None]
    mean_share = channel_spectrum(tokens).dc_share().mean()
    pinned = curve + curve.flip(0)
    assert relative_error(pinned, torch.full_like(pinned, float(1 + mean_share))) < 1e-12


@given(seeds, shapes)
def test_thresholds_are_the_first_bins_that_reach_them(seed, shape):
    pattern = energy_pattern(gaussian(seed, shape))
    expected = np.minimum(np.searchsorted(pattern.curve.numpy(), WANTED) + 1, shape[2])
    assert pattern.dims().tolist() == expected.tolist()
    assert pattern.fractions().numpy() == pytest.approx(expected / shape[2])


@given(seeds, shapes, st.integers(1, 30))
def test_each_token_counts_the_same_whatever_its_scale(seed, shape, shift):
    features = gaussian(seed, shape)
    scale = 10 ** (20 * torch.rand(*shape[:2], 1, generator=seeded(seed), dtype=torch.float64) - 10)
    assert relative_error(energy_pattern(features * scale).curve, energy_pattern(features).curve) < 1e-12
    assert relative_error(sorted_energy_pattern(features * scale).curve, sorted_energy_pattern(features).curve) < 1e-12
    shifted = features.roll(shift, dims=2)
    assert relative_error(sorted_energy_pattern(shifted).curve, sorted_energy_pattern(features).curve) < 1e-12


def test_float32_tokens_of_extreme_scale_keep_their_pattern():
    features = gaussian(0, (1, 6, 32), dtype=torch.float32)
    for factor in (1e-30, 1e30):
        assert relative_error(energy_pattern(features * factor).curve, energy_pattern(features).curve) < 1e-6
    mixed = features * torch.tensor([1e-30, 1, 1e30]).repeat(2)[:, None]
    assert relative_error(energy_pattern(mixed).curve, energy_pattern(features).curve) < 1e-6


def diagonal_tolerance(channels, tokens):
    """Five standard errors of a white token's curve, and one bin for the grid.

    One side of a white token is C / 2 exponential powers; half their cumulative share at p <= 1/2 has the variance
    of a Dirichlet sum, q (1 - q) / (C / 2) / 4 with q = 2 p, at most 1 / (8 C).
    """
    return 5 * math.sqrt(1 / (8 * channels * tokens)) + 1 / channels


@pytest.mark.parametrize("channels", [96, 384, 385])
def test_white_tokens_lie_on_the_diagonal(channels):
    features = white(2, 40, channels, generator=seeded(channels))
    assert np.abs(energy_pattern(features).fractions().numpy() - WANTED).max() < diagonal_tolerance(channels, 80)


@pytest.mark.parametrize("channels", [96, 384, 385])
def test_a_single_live_channel_lies_on_the_diagonal_too(channels):
    """Its spectrum is exactly flat: only the grid of bins is left, in order and sorted alike."""
    features = one_hot(2, 9, channels, generator=seeded(channels))
    for pattern in (energy_pattern(features), sorted_energy_pattern(features)):
        assert np.abs(pattern.fractions().numpy() - WANTED).max() <= (1 + 1e-12) / channels


@pytest.mark.parametrize("make", [rank_one, "shuffled"])
def test_one_direction_and_shuffled_channels_lie_on_the_diagonal_too(make):
    """All tokens share one draw here, so the tolerance is that of a single token."""
    channels = 4096
    if make == "shuffled":
        smooth = smooth_tokens(1, 1, channels, seed=1)
        features = permute_channels(smooth, permutation(channels, generator=seeded(2)))
    else:
        features = make(2, 5, channels, generator=seeded(3))
        features -= features.mean(dim=2, keepdim=True)  # the direction's own mean would shift the curve by half of E0
    assert np.abs(energy_pattern(features).fractions().numpy() - WANTED).max() < diagonal_tolerance(channels, 1)


def test_smooth_channel_order_leaves_the_diagonal():
    """The measurement can fail, but only if channels have an order."""
    assert energy_pattern(smooth_tokens(2, 20, 384, seed=0)).fractions()[1] > 0.9


def test_a_cosine_needs_two_bins_when_sorted():
    position = torch.arange(64, dtype=torch.float64)
    cosine = torch.cos(2 * math.pi * 5 * position / 64)[None, None]
    assert sorted_energy_pattern(cosine).curve[:2].tolist() == pytest.approx([0.5, 1])
    assert sorted_energy_pattern(cosine).dims((60, 99)).tolist() == [2, 2]


def test_all_zero_tokens_are_counted_and_left_out():
    features = white(2, 5, 16, generator=seeded(0))
    gaps = torch.cat([features, torch.zeros(2, 3, 16)], dim=1)
    pattern = energy_pattern(gaps)
    assert (pattern.tokens, pattern.empty) == (10, 6)
    assert torch.equal(pattern.curve, energy_pattern(features).curve)
    with pytest.raises(ValueError, match="not all zero"):
        energy_pattern(torch.zeros(1, 3, 16))


def test_a_single_channel_has_no_pattern():
    with pytest.raises(ValueError, match="at least 2 channels"):
        sorted_energy_pattern(torch.ones(1, 3, 1))


@given(st.integers(3, 400), seeds)
def test_white_noise_is_as_broad_as_itself_and_one_direction_is_narrow(channels, seed):
    one, two = (white_sorted_pattern(channels, generator=seeded(seed + n), tokens=2000).curve for n in range(2))
    assert breadth(one, two) == pytest.approx(1, abs=0.1)
    assert breadth(one, one) == pytest.approx(1)
    spike = torch.ones(channels)  # all power in the first bin
    assert (breadth(spike, one) <= 1).all()
    if channels >= 16:
        assert (breadth(spike, one) < 0.7).all()


def test_white_noise_needs_what_exponential_powers_need():
    """Of M pairs of bins with exponential power the strongest k hold k / M (1 + 1 / (k + 1) + ... + 1 / M)."""
    channels = 2048
    curve = white_sorted_pattern(channels, generator=seeded(0), tokens=500).curve.numpy()
    pairs = channels // 2
    k = np.arange(1, pairs + 1)
    harmonic = np.cumsum(1 / k)
    expected = k / pairs * (1 + harmonic[-1] - harmonic)
    assert curve[1::2] == pytest.approx(expected, abs=2e-3)


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=30))
def test_bins_are_read_between_whole_ones(power):
    curve = np.cumsum(sorted(power, reverse=True)) / sum(power)
    needed = bins_needed(curve)
    whole = (np.searchsorted(curve, WANTED - 1e-12) + 1) / len(curve)
    assert (needed <= whole + 1e-9).all()
    assert (needed >= whole - 1 / len(curve) - 1e-9).all()
    flat = np.linspace(0, 1, len(curve) + 1)[1:]
    assert bins_needed(flat) == pytest.approx(WANTED)


def test_only_equal_widths_compare():
    with pytest.raises(ValueError, match="same width"):
        breadth(np.ones(4), np.ones(5))
