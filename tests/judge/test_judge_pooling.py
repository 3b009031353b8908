"""Sharing noise between methods: the right number, and refusing where it is not shared."""

import math

import numpy as np
import pytest
from scipy import stats

from suite.judge import Pooled, pool_blocks


def groups(rng, spreads, n):
    return {f"m{i}": list(rng.normal(i, spread, n)) for i, spread in enumerate(spreads)}


def test_blocks_are_pooled_as_the_residual_of_a_two_way_table(rng):
    table = {m: {b: float(rng.normal()) for b in "abcd"} for m in ("base", "x", "y")}
    pooled = pool_blocks(table)
    values = np.array([list(row.values()) for row in table.values()])
    residual = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    assert pooled.df == 2 * 3
    assert pooled.sd == pytest.approx(math.sqrt(2 * (residual**2).sum() / 6))
    assert (pooled.groups, pooled.note) == (3, "")


def test_two_methods_pool_to_their_own_paired_difference(rng):
    table = {m: {b: float(rng.normal()) for b in "abc"} for m in ("base", "x")}
    difference = [table["x"][b] - table["base"][b] for b in "abc"]
    pooled = pool_blocks(table)
    assert (pooled.sd, pooled.df) == (pytest.approx(np.std(difference, ddof=1)), 2)
    assert (pooled.fair, pooled.p_value) == (True, 1.0)
    assert not pooled.serves(pooled.sd, 2)  # nothing is gained by sharing with oneself


def test_only_blocks_that_all_methods_have_are_pooled(rng):
    table = {m: {b: float(rng.normal()) for b in "abcd"} for m in ("base", "x", "y")}
    del table["x"]["b"]
    pooled = pool_blocks(table)
    assert pooled.df == 2 * 2
    assert pooled.note == "blocks not shared by all methods left out: b"


@pytest.mark.parametrize("n", [2, 3, 6, 12])
def test_shared_noise_is_called_fair_and_unlike_noise_is_not(n, rng):
    def fair(spreads):
        data = groups(rng, spreads, n)
        return pool_blocks({m: dict(zip("abcdefghijkl", v, strict=False)) for m, v in data.items()}).fair

    alike = np.mean([fair([1] * 5) for _ in range(300)])
    assert alike > 0.91  # a test at .05; three standard errors are 4 %
    wild = np.mean([fair([1, 1, 1, 1, 100]) for _ in range(60)])
    assert wild < {2: 0.75, 3: 0.25}.get(n, 0.02)  # the test's power against one method of hundredfold noise


def test_silent_groups():
    assert pool_blocks({"a": {"x": 0, "y": 0}, "b": {"x": 1, "y": 1}, "c": {"x": 2, "y": 2}}).sd == 0
    copy = pool_blocks({"a": {"x": 0, "y": 1, "z": 5}, "b": {"x": 0, "y": 1, "z": 5}, "c": {"x": 2, "y": 2, "z": 1}})
    assert not copy.fair


def test_a_pool_serves_the_quiet_and_refuses_the_noisy():
    shared = Pooled(1.0, 10, 0.5, fair=True, groups=5)
    assert shared.serves(0.0, 2)
    assert shared.serves(1.0, 2)
    assert shared.serves(None, 0)
    # F = 1.60 is the upper quartile on 2 and 8 degrees of freedom (1.657): own 1.2^2 against (10 - 2.88) / 8.
    assert stats.f.sf(1.44 / ((10 - 2.88) / 8), 2, 8) == pytest.approx(0.256, abs=0.001)
    assert shared.serves(1.2, 2)
    assert not shared.serves(1.25, 2)
    assert not shared.serves(3.0, 2)
    assert not shared.serves(math.inf, 2)
    assert not Pooled(1.0, 10, 0.01, fair=False, groups=5).serves(0.5, 2)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_no_magnitude_breaks_pooling(scale):
    data = {"a": [1.0, 2.0, 4.0], "b": [3.0, 1.0, 2.0], "c": [1.0, 1.5, 1.0]}
    plain = pool_blocks({name: dict(zip("xyz", values, strict=True)) for name, values in data.items()})
    rows = {name: dict(zip("xyz", [scale * v for v in values], strict=True)) for name, values in data.items()}
    scaled = pool_blocks(rows)
    assert scaled.sd == pytest.approx(scale * plain.sd)
    assert scaled.p_value == pytest.approx(plain.p_value)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: pool_blocks({"a": {"x": 1, "y": 2}}), "two methods"),
        (lambda: pool_blocks({"a": {"x": 1, "y": 2}, "b": {"x": 1, "z": 2}}), "two blocks"),
        (lambda: pool_blocks({"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": math.inf}}), "finite"),
        (lambda: Pooled(-1, 2, 0.5, fair=True, groups=2), "sd"),
        (lambda: Pooled(math.nan, 2, 0.5, fair=True, groups=2), "sd"),
        (lambda: Pooled(1, 0, 0.5, fair=True, groups=2), "df"),
    ],
)
def test_pooling_refuses_what_shows_no_noise(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()
