"""Synthetic runs of known truth: a 95 % interval covers it in 95 % of all experiments.

Each band is wide against the noise of its simulation (stated beside it) and narrow against the faults it
guards against: at n = 3 a normal quantile covers 81 %, a sum of squares divided by n instead of n - 1 92 %.
"""

import numpy as np
import pytest

from suite.judge import Observed, Sampling, contrast, mean_interval, pool_blocks

SIZES = (3, 6, 12)
METHODS = 6


def covers(interval, truth):
    return interval.low <= truth <= interval.high


@pytest.mark.parametrize("n", SIZES)
def test_student_t_covers(n):
    samples = np.random.default_rng(n).normal(0.3, 2.0, (20_000, n))
    share = np.mean([covers(mean_interval(values), 0.3) for values in samples.tolist()])
    assert 0.94 <= share <= 0.96  # noise of the simulation: 0.0015


def runs(values):
    return Observed(values, Sampling.SEEDS, labels=tuple(map(str, range(len(values)))))


@pytest.mark.parametrize("n", SIZES)
def test_paired_differences_cover_and_shed_the_noise_of_the_block(n):
    rng = np.random.default_rng(n)
    shares, widths = [], []
    for _ in range(4_000):
        block = rng.normal(0, 5, n)  # what a seed does to every method
        ours, theirs = (runs(block + rng.normal(mean, 0.3, n)) for mean in (1.5, 1.0))
        interval = contrast(ours, theirs).interval(0.95)
        shares.append(covers(interval, 0.5))
        widths.append(interval.high - interval.low)
    assert 0.94 <= np.mean(shares) <= 0.96  # noise 0.0035
    assert np.median(widths) < 2.5  # unpaired, the blocks' noise of 5 would make it wider than 5 at n = 12


def block_table(rng, n, spreads):
    values = rng.normal(0, 5, n) + rng.normal(0, spreads, (n, len(spreads))).T
    return {str(m): {str(b): float(v) for b, v in enumerate(row)} for m, row in enumerate(values)}


def differences(table, method):
    """Of one method to the first, by block."""
    return [value - table["0"][block] for block, value in table[method].items()]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(("noisy", "low"), [(1.0, 0.94), (2.0, 0.905)])
def test_differences_from_one_baseline_cover_with_the_noise_of_all(n, noisy, low):
    rng = np.random.default_rng(n)
    shares = []
    for _ in range(2_000):
        table = block_table(rng, n, [1.0, noisy] + [1.0] * (METHODS - 2))
        shares.append(covers(mean_interval(differences(table, "1"), pooled=pool_blocks(table)), 0))
    assert low <= np.mean(shares) <= 0.975  # noise 0.004


def test_a_shared_baseline_leaves_the_degrees_of_freedom_that_are_claimed():
    # A variance on f degrees of freedom scatters as 2 variance^2 / f. Pooling the differences as if they
    # were independent would claim 10 and have 5.
    rng = np.random.default_rng(0)
    tables = [block_table(rng, 3, [1.0] * METHODS) for _ in range(6_000)]
    pooled = np.array([pool_blocks(table).sd ** 2 for table in tables])
    naive = np.var([[differences(t, m) for m in "12345"] for t in tables], axis=-1, ddof=1).mean(axis=-1)
    claimed = pool_blocks(tables[0]).df
    assert claimed == (METHODS - 1) * 2
    assert pooled.mean() == pytest.approx(2, rel=0.03)
    assert 2 * pooled.mean() ** 2 / pooled.var() == pytest.approx(claimed, rel=0.1)
    assert 2 * naive.mean() ** 2 / naive.var() < 0.6 * claimed
