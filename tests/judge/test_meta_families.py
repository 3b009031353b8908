"""Synthetic families of eight claims: how often any of the eight is called what it is not."""

import numpy as np
import pytest

from suite.judge import Observed, Question, Region, Sampling, Verdict, judge, judge_family

REGION = Region.at_least(0)
FAR_CONTROL = Observed((-99.0,), Sampling.EXACT)
FAMILIES = 400  # noise of a rate of 2.5 %: 0.8 %
TRUTHS = {
    "all on the bound": [0.0] * 8,
    "half clearly true": [8.0] * 4 + [0.0] * 4,
    "one on the bound": [8.0] * 4 + [-8.0] * 3 + [0.0],
}


def family(rng, truths, n):
    return {
        str(i): Question(Observed(rng.normal(truth, 1, n), Sampling.SEEDS), REGION, {"control": FAR_CONTROL})
        for i, truth in enumerate(truths)
    }


@pytest.mark.parametrize("n", [3, 6, 12])
@pytest.mark.parametrize("truths", TRUTHS.values(), ids=TRUTHS)
def test_a_family_of_eight_rarely_says_anything_false(n, truths):
    rng, judge_rng = np.random.default_rng(n), np.random.default_rng(0)
    falsely = {Verdict.REPRODUCED: 0, Verdict.CONTRADICTED: 0}
    for _ in range(FAMILIES):
        words = [judgement.verdict for judgement in judge_family(family(rng, truths, n), rng=judge_rng).values()]
        pairs = list(zip(truths, words, strict=True))
        # A truth of 0 stands for both sides of the bound: there either word is counted as false.
        falsely[Verdict.REPRODUCED] += any(t <= 0 and word is Verdict.REPRODUCED for t, word in pairs)
        falsely[Verdict.CONTRADICTED] += any(t >= 0 and word is Verdict.CONTRADICTED for t, word in pairs)
    assert max(falsely.values()) / FAMILIES < 0.05


def test_without_the_family_rule_eight_questions_would_err_too_often():
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(300):
        questions = family(rng, TRUTHS["all on the bound"], 6).values()
        words = [judge(q.observed, q.region, q.controls, rng=rng).verdict for q in questions]
        wrong += Verdict.REPRODUCED in words
    assert wrong / 300 > 0.12  # 1 - 0.975^8 is 18 %
