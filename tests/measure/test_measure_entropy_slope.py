"""The slope of a histogram's entropy, against simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_features import seeded

from suite.measure.entropy import token_entropy
from suite.measure.entropy_slope import entropy_slope, expected_entropy
from suite.measure.nulls import white


@pytest.mark.parametrize("channels", [2, 24, 48, 384])
@pytest.mark.parametrize("deviation", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("bins", [1, 7, 100])
def test_it_is_the_mean_entropy_of_gaussian_tokens(channels, deviation, bins):
    tokens = 4000
    bits = token_entropy(deviation * white(1, tokens, channels, generator=seeded(0)), -0.5, 0.5, bins=bins).numpy()
    error = bits.std() / math.sqrt(tokens)
    assert expected_entropy(channels, deviation, bins=bins) == pytest.approx(bits.mean(), abs=5 * error + 1e-9)


@given(st.integers(1, 600), st.floats(0.005, 0.5), st.integers(1, 150))
def test_it_is_bounded_by_what_can_be_filled(channels, deviation, bins):
    assert -1e-9 <= expected_entropy(channels, deviation, bins=bins) <= math.log2(min(channels, bins)) + 1e-9


def test_the_slope_nears_one_bit_as_the_width_grows():
    slopes = [entropy_slope(channels) for channels in (12, 24, 48, 96, 384, 1536)]
    assert (np.diff(slopes) > 0).all()
    assert 0.97 < slopes[-1] < 1
    assert entropy_slope(2000, bins=2) < 0.1


@pytest.mark.parametrize(
    ("channels", "deviation", "bins", "says"), [(0, 0.1, 9, "channels"), (4, 0.0, 9, "above 0"), (4, 0.1, 0, "1 bin")]
)
def test_senseless_requests_are_refused(channels, deviation, bins, says):
    with pytest.raises(ValueError, match=says):
        expected_entropy(channels, deviation, bins=bins)
