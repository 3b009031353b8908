"""The size of an evaluation set is found from accuracies alone; errors obey the laws of differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import SuiteError
from suite.evidence.released import binomial_error, evaluation_images, off_grid, paired_error, run_noise

PERCENT = st.floats(1, 99)
IMAGES = st.integers(100, 100_000)


@given(st.integers(500, 60_000), st.integers(0, 2**32 - 1))
def test_the_size_of_the_evaluation_set_is_found(images, seed):
    correct = np.random.default_rng(seed).integers(0, images, 200)
    correct[:2] = images - 1, images - 2  # no smaller set has both
    rounded = (100 * correct / images).astype(np.float32)
    assert evaluation_images(rounded) == images


def test_accuracies_of_no_set_are_refused():
    with pytest.raises(SuiteError, match="whole shares of no evaluation set up to 100,000"):
        evaluation_images(np.random.default_rng(0).uniform(0, 100, 500))


def test_a_wrong_size_misses_by_up_to_half_an_image():
    percents = 100 * np.arange(30_000, 40_000, 7) / 50_020
    assert off_grid(percents, 50_020).max() < 1e-9
    assert off_grid(percents, 50_000).max() > 0.49


@given(PERCENT, PERCENT, IMAGES, st.floats(0, 1))
def test_pairing_never_widens_and_independence_adds_up(first, second, images, correlation):
    apart = paired_error(first, second, images, correlation=0)
    assert apart == pytest.approx(np.hypot(binomial_error(first, images), binomial_error(second, images)))
    assert paired_error(first, second, images, correlation=correlation) <= apart
    assert paired_error(first, second, images, correlation=correlation) == pytest.approx(
        paired_error(second, first, images, correlation=correlation)
    )


@given(PERCENT, IMAGES)
def test_two_runs_that_always_agree_differ_by_nothing(percent, images):
    # Two squares of binomial errors, each rounded, are taken from one another.
    slack = 1e-7 * binomial_error(percent, images)
    assert paired_error(percent, percent, images, correlation=1) <= slack


def test_the_stated_correlation_means_one_image_in_seven():
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=400_000), rng.normal(size=(2, 400_000))
    # Latent normals whose signs correlate at 0.6 at 77 %: a correlation of 0.845, found by simulation.
    right = np.sqrt(0.845) * shared + np.sqrt(0.155) * own < 0.7388
    assert np.corrcoef(right)[0, 1] == pytest.approx(0.6, abs=0.02)
    assert np.mean(right[0] != right[1]) == pytest.approx(0.14, abs=0.007)
    error = paired_error(77, 77, 50_000, correlation=float(np.corrcoef(right)[0, 1]))
    discordant = 100 * np.sqrt(np.mean(right[0] != right[1]) / 50_000)
    assert error == pytest.approx(discordant, rel=0.01)


@given(st.floats(0.01, 5), st.integers(0, 2**32 - 1))
def test_run_noise_is_the_spread_of_one_run(spread, seed):
    rng = np.random.default_rng(seed)
    curve = rng.uniform(10, 70, 4000)
    first, second = (curve + rng.normal(0, spread, curve.shape) for _ in range(2))
    assert run_noise(first, second) == pytest.approx(spread, rel=0.1)
