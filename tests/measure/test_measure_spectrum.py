"""Channel spectra against numpy's FFT and against what any Fourier transform must obey."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_features import dtypes, gaussian, precision, relative_error, seeded, seeds, shapes

from suite.measure.magnitude import magnitude, scale
from suite.measure.nulls import one_hot, white
from suite.measure.spectrum import channel_amplitude, channel_spectrum, mirror, one_sided_amplitude, two_sided_sum


def two_sided(features):
    """The definition: amplitude of every token at every bin."""
    return np.abs(np.fft.fft(features.double().numpy(), axis=-1)) / features.shape[-1]


@given(seeds, shapes, dtypes)
def test_curves_and_readings_follow_the_definition(seed, shape, dtype):
    features = gaussian(seed, shape, dtype=dtype, offset=0.3)
    amplitude = two_sided(features)
    power = np.square(amplitude).mean(axis=1)
    spectrum = channel_spectrum(features)
    varying = power[:, 1 : shape[2] // 2 + 1]
    quarter = max(1, varying.shape[1] // 4)
    expected = {
        "curve": (channel_amplitude(features), amplitude.mean(axis=(0, 1))),
        "intensity": (spectrum.intensity(), amplitude.mean(axis=(1, 2))),
        "power": (mirror(spectrum.power, shape[2]), power),
        "dc": (spectrum.dc_share(), power[:, 0] / power.sum(axis=1)),
        "flatness": (spectrum.flatness(), np.exp(np.log(varying).mean(axis=1)) / varying.mean(axis=1)),
        "low pass": (spectrum.low_pass_share(), varying[:, :quarter].sum(axis=1) / varying.sum(axis=1)),
    }
    for name, (ours, reference) in expected.items():
        assert ours.dtype == torch.float64
        # An almost empty bin keeps fewer digits in float32, and flatness takes its logarithm.
        allowed = 20 * precision(dtype)
        assert relative_error(ours, reference) < allowed, name


@given(seeds, shapes)
def test_parseval(seed, shape):
    features = gaussian(seed, shape)
    energy = two_sided_sum(channel_spectrum(features).power, shape[2])
    assert relative_error(energy, features.square().mean(dim=(1, 2))) < 1e-12


@given(seeds, shapes)
def test_the_transform_is_linear(seed, shape):
    """|F(x + y)|^2 + |F(x - y)|^2 = 2 |F(x)|^2 + 2 |F(y)|^2 at every bin holds for linear maps only."""
    x, y = gaussian(seed, shape), gaussian(seed + 1, shape)
    power = {
        key: one_sided_amplitude(value).square() for key, value in {"+": x + y, "-": x - y, "x": x, "y": y}.items()
    }
    assert relative_error(power["+"] + power["-"], 2 * power["x"] + 2 * power["y"]) < 1e-12


@given(seeds, shapes)
def test_conjugate_symmetry(seed, shape):
    curve = channel_amplitude(gaussian(seed, shape))
    assert torch.equal(curve[1:], curve[1:].flip(0))


@given(seeds, shapes, st.integers(1, 40))
def test_cyclic_shifts_of_the_channels_change_nothing(seed, shape, shift):
    features = gaussian(seed, shape)
    one, two = channel_spectrum(features), channel_spectrum(features.roll(shift, dims=2))
    assert relative_error(two.amplitude, one.amplitude) < 1e-12
    assert relative_error(two.power, one.power) < 1e-12


@given(seeds, shapes)
def test_bin_zero_is_the_mean_and_no_permutation_moves_it(seed, shape):
    features = gaussian(seed, shape, offset=0.5)
    assert relative_error(channel_spectrum(features).amplitude[:, 0], features.mean(dim=2).abs().mean(dim=1)) < 1e-12
    permuted = features[..., torch.randperm(shape[2], generator=seeded(seed))]
    assert relative_error(channel_spectrum(permuted).dc_share(), channel_spectrum(features).dc_share()) < 1e-12


@given(seeds, shapes, st.floats(1e-3, 1e3))
def test_shares_and_flatness_are_free_of_scale_and_intensity_is_not(seed, shape, factor):
    features = gaussian(seed, shape)
    one, two = channel_spectrum(features), channel_spectrum(factor * features)
    for reading in ("dc_share", "flatness", "low_pass_share"):
        assert relative_error(getattr(two, reading)(), getattr(one, reading)()) < 1e-10
    assert relative_error(two.intensity(), factor * one.intensity()) < 1e-12


def test_the_readings_reach_their_ends():
    channels = 64
    position = torch.arange(channels, dtype=torch.float64)
    slow = torch.cos(2 * math.pi * position / channels).expand(1, 3, channels)
    spectrum = channel_spectrum(slow)
    assert spectrum.low_pass_share() == pytest.approx(1)
    assert spectrum.flatness() < 1e-10
    assert spectrum.dc_share() < 1e-20
    assert channel_spectrum(torch.ones(1, 3, channels)).dc_share() == pytest.approx(1)
    single = channel_spectrum(one_hot(2, 3, channels, generator=seeded(0)))
    assert single.flatness().numpy() == pytest.approx(1)
    assert single.low_pass_share().numpy() == pytest.approx(8 / 32)
    empty = channel_spectrum(torch.zeros(1, 3, channels))
    assert [float(reading()) for reading in (empty.dc_share, empty.flatness, empty.low_pass_share)] == [0, 0, 0]


def test_intensity_of_white_tokens_is_their_scale():
    """A Rayleigh amplitude has mean sqrt(pi / 4) of its root mean square, sd / sqrt(C)."""
    channels, deviation = 256, 3.0
    features = deviation * white(4, 200, channels, generator=seeded(0))
    expected = math.sqrt(math.pi / 4) * deviation / math.sqrt(channels)
    # Bins 0 and C / 2 are real, so half-normal: 2 of 256 means lie 10 % lower. The rest is sampling, sd / mean = .52.
    assert channel_spectrum(features).intensity().mean() == pytest.approx(
        expected, rel=5 * 0.52 / math.sqrt(800 * 128) + 1e-3
    )


@given(seeds, shapes, dtypes)
def test_magnitude_and_scale_follow_their_definitions(seed, shape, dtype):
    features = gaussian(seed, shape, dtype=dtype, offset=2.0)
    values = features.double().numpy()
    assert relative_error(magnitude(features), np.abs(values).mean(axis=(1, 2))) < precision(dtype)
    assert relative_error(scale(features), values.std(axis=(1, 2))) < 20 * precision(dtype)


def test_scale_survives_tiny_and_huge_float32():
    features = gaussian(0, (2, 5, 16), dtype=torch.float32)
    for factor in (2.0**-70, 2.0**70):
        assert relative_error(scale(features * factor), factor * scale(features)) < 1e-6


def test_the_number_of_images_does_not_change_an_image():
    features = white(70, 40, 128, generator=seeded(3))
    together = channel_spectrum(features).power
    for image in (0, 51, 69):
        assert torch.allclose(channel_spectrum(features[image : image + 1]).power[0], together[image], rtol=1e-6)


@pytest.mark.parametrize(
    ("features", "says"),
    [
        (torch.zeros(3, 4), "images, tokens, channels"),
        (torch.zeros(3, 4, 5, dtype=torch.int64), "int64"),
        (torch.zeros(0, 4, 5), "empty axis"),
        (torch.full((1, 2, 3), math.nan), "NaN or infinite"),
        (torch.full((1, 2, 3), math.inf), "NaN or infinite"),
        (torch.zeros(1, 2, 1), "at least 2 channels"),
    ],
)
def test_malformed_features_are_refused_in_one_line(features, says):
    with pytest.raises(ValueError, match=says) as caught:
        channel_spectrum(features)
    assert "\n" not in str(caught.value)
