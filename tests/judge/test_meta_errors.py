"""Synthetic studies of known truth: how often the judge says what is false.

"Reproduced" is false where the truth lies outside the region or the control's inside it; "contradicted"
where the truth lies inside. Truths are put on the boundary, where errors are most frequent, and beside it.
"""

import numpy as np
import pytest

from suite.judge import Observed, Region, Sampling, Verdict, judge

SIZES = (3, 6, 12)
STUDIES = 1_500  # noise of a rate of 2.5 %: 0.4 %
MOST = 0.05

FAR_CONTROL = Observed((-99.0,), Sampling.EXACT)


def seeds(rng, truth, n, studies=STUDIES):
    return [Observed(values, Sampling.SEEDS) for values in rng.normal(truth, 1.0, (studies, n)).tolist()]


def rate(verdicts, word):
    return np.mean([verdict is word for verdict in verdicts])


def verdicts(observations, region, controls=None):
    rng = np.random.default_rng(0)
    controls = controls or [FAR_CONTROL] * len(observations)
    return [
        judge(observed, region, {"control": control}, rng=rng).verdict
        for observed, control in zip(observations, controls, strict=True)
    ]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("region", [Region.at_least(0), Region.between(-30, 0)])
def test_a_truth_on_the_bound_is_rarely_called_either_way(n, region):
    words = verdicts(seeds(np.random.default_rng(n), 0.0, n), region)
    assert rate(words, Verdict.REPRODUCED) < MOST
    assert rate(words, Verdict.CONTRADICTED) < MOST
    # Each is near 2.5 %: the test would notice a rule that never decides.
    assert rate(words, Verdict.REPRODUCED) > 0.01
    assert rate(words, Verdict.CONTRADICTED) > 0.01


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("truth", [-0.3, 0.3, 3.3])
def test_a_truth_beside_the_bound_is_rarely_called_wrongly(n, truth):
    words = verdicts(seeds(np.random.default_rng(n), truth, n), Region.between(0, 3))
    wrong = Verdict.CONTRADICTED if 0 <= truth <= 3 else Verdict.REPRODUCED
    assert rate(words, wrong) < MOST


@pytest.mark.parametrize("n", SIZES)
def test_even_a_narrow_region_is_rarely_contradicted_when_true(n):
    # Both sides may err here, so the rate is at its worst: just below 5 %.
    words = verdicts(seeds(np.random.default_rng(n), 0.0, n), Region.around(0, 0.1))
    assert rate(words, Verdict.CONTRADICTED) < MOST


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("control_truth", [0.0, 0.5])
def test_a_claim_whose_control_also_holds_is_rarely_reproduced(n, control_truth):
    rng = np.random.default_rng(n)
    words = verdicts(seeds(rng, 5.0, n), Region.at_least(0), seeds(rng, control_truth, n))
    assert rate(words, Verdict.REPRODUCED) < MOST
    assert rate(words, Verdict.CONTRADICTED) < MOST


@pytest.mark.parametrize("n", SIZES)
def test_a_true_claim_with_a_failing_control_is_found(n):
    rng = np.random.default_rng(n)
    words = verdicts(seeds(rng, 5.0, n, 500), Region.at_least(0), seeds(rng, -5.0, n, 500))
    assert rate(words, Verdict.REPRODUCED) > (0.85 if n == 3 else 0.99)
    words = verdicts(seeds(rng, -5.0, n, 500), Region.at_least(0))
    assert rate(words, Verdict.CONTRADICTED) > (0.9 if n == 3 else 0.99)
