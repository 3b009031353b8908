"""Balanced halves: for a mean they give the textbook's standard error exactly, and too few images give no interval."""

import numpy as np
import pytest

from suite.judge.halves import FEWEST_IMAGES, GROUPS, estimate_from_halves, group_count, half_samples
from suite.judge.interval import NoSpread


@pytest.mark.parametrize("groups", GROUPS)
def test_every_two_groups_meet_in_equally_many_halves(groups):
    halves = half_samples(groups)
    together = halves.astype(int).T @ halves
    apart = together[~np.eye(groups, dtype=bool)]
    assert halves.shape == (2 * groups, groups)
    assert set(apart.tolist()) == {(groups - 1) // 2}
    assert (halves[0::2] ^ halves[1::2]).all(), "every second half is what the one before left"


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("resolution", [0.0, 1e-6])
def test_halves_of_a_mean_show_its_standard_error(groups, resolution):
    values = np.random.default_rng(groups).standard_normal(groups)
    found = estimate_from_halves(
        values.mean(), [values[half].mean() for half in half_samples(groups)], resolution=resolution
    )
    assert found.sd == pytest.approx(values.std(ddof=1), rel=1e-12)
    assert (found.value, found.df, found.n) == (pytest.approx(values.mean()), groups - 1, groups)
    assert "rounding" not in found.method


def test_agreeing_halves_have_the_error_of_their_scale_or_none():
    assert estimate_from_halves(2.0, [2.0] * 30, resolution=0.5).sd == pytest.approx(0.5 * np.sqrt(15 / 12))
    with pytest.raises(NoSpread, match="step of their scale"):
        estimate_from_halves(2.0, [2.0] * 30)


def test_few_images_are_one_group_and_odd_numbers_of_groups_have_no_halves():
    assert group_count(FEWEST_IMAGES) == max(GROUPS)
    assert group_count(FEWEST_IMAGES - 1) == 1
    with pytest.raises(ValueError, match="5 groups have no balanced halves: take"):
        half_samples(5)
