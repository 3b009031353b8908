"""Luma metrics equal the field's; the radial centroid tells low frequencies from high ones."""

from pathlib import Path

import numpy as np
import pytest
import torch

from suite.measure.super_resolution import luma, psnr, radial_centroid, ssim
from suite.models.goldens import check_metrics

GOLDEN = Path(__file__).parents[1] / "golden" / "sr_metrics.npz"


def test_metrics_are_those_of_the_field():
    with np.load(GOLDEN) as arrays:
        for quantity, error, tolerance in check_metrics(dict(arrays)):
            assert error <= tolerance, quantity


def picture(seed=0, size=40):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def test_an_image_equals_itself():
    assert psnr(picture(), picture(), border=2) == np.inf
    assert ssim(picture(), picture(), border=2) == pytest.approx(1)


def test_a_known_error_gives_its_decibels_and_borders_do_not_count():
    image = np.full((20, 20, 3), 100, dtype=np.uint8)
    other = image + np.uint8(10)
    step = (65.481 + 128.553 + 24.966) * 10 / 255
    assert psnr(image, other, border=0) == pytest.approx(20 * np.log10(255 / step), abs=1e-4)
    framed = image.copy()
    framed[:3] = 0
    assert psnr(image, framed, border=3) == np.inf


def test_luma_spans_its_range():
    assert luma(np.zeros((1, 1, 3), dtype=np.uint8)).item() == pytest.approx(16)
    assert luma(np.full((1, 1, 3), 255, dtype=np.uint8)).item() == pytest.approx(235)


def wave(cycles, size=32):
    line = torch.cos(2 * torch.pi * cycles * torch.arange(size) / size)
    return line.expand(1, 3, size, size)


@pytest.mark.parametrize("cycles", [1, 4, 16])
def test_a_wave_has_its_own_frequency(cycles):
    assert radial_centroid(wave(cycles)).item() == pytest.approx(cycles / 32)


def test_white_noise_lies_at_the_mean_radius_and_scale_and_mean_do_not_matter():
    noise = torch.randn(4, 8, 32, 32, generator=torch.Generator().manual_seed(0))
    centroid = radial_centroid(noise)
    assert centroid.mean().item() == pytest.approx(0.383, abs=0.01)  # mean distance in the square of side 1
    torch.testing.assert_close(radial_centroid(5 * noise + 3), centroid)
    blurred = torch.nn.functional.avg_pool2d(noise, 3, stride=1)
    assert (radial_centroid(blurred) < centroid - 0.1).all()
