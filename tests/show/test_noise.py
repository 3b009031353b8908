"""The noise floor: spreads, correlation, and the difference that could be seen."""

import numpy as np
import pytest
from scipy import stats

from suite.show.noise import detectable, noise_floor


def test_pairing_removes_what_seeds_share():
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 2.0, 12)
    values = {"base": shared + rng.normal(0, 0.1, 12), "method": shared + 1.0 + rng.normal(0, 0.1, 12)}
    base, method = noise_floor(values, "base")
    assert method.correlation > 0.95
    assert method.paired_sd < 0.3 < method.sd
    assert base.paired_sd == 0
    assert method.mean - base.mean == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("n", [3, 6, 12])
def test_what_is_called_detectable_is_found_four_times_in_five(n):
    rng = np.random.default_rng(n)
    effect = detectable(1.0, n)
    samples = rng.normal(effect, 1.0, (20_000, n))
    half = stats.t.ppf(0.975, n - 1) * samples.std(axis=1, ddof=1) / np.sqrt(n)
    found = np.mean(samples.mean(axis=1) - half > 0)
    assert found == pytest.approx(0.8, abs=0.02)


def test_seeds_must_match():
    with pytest.raises(ValueError, match="two or more seeds"):
        noise_floor({"a": [1.0, 2.0], "b": [1.0]}, "a")
    with pytest.raises(ValueError, match="two or more seeds"):
        noise_floor({"a": [1.0]}, "a")
