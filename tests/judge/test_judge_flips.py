"""The numbers that would flip a verdict: what is said of them, and that it is so."""

import math

import pytest

from suite.judge import Observed, Region, Sampling, judge

REGION = Region.at_least(0.14)


def seeds(*values):
    return Observed(values, Sampling.SEEDS)


def exact(value):
    return Observed((value,), Sampling.EXACT)


INSIDE, OUTSIDE = seeds(0.20, 0.21, 0.22), seeds(0.01, 0.02, 0.03)  # [0.1852, 0.2348] and [-0.0048, 0.0448]


def ask(observed, controls, region):
    return judge(observed, region, controls, {"p": Observed((region.boundaries[0],), Sampling.EXACT)}, unit="bits")


CASES = [
    (
        INSIDE,
        {"c": OUTSIDE, "d": exact(0.1)},
        REGION,
        "This would change if the lower bound rose above 0.1852 bits or fell to 0.1 bits (control 'd').",
    ),
    (
        INSIDE,
        {"c": None},
        Region.at_most(0.3),
        "This would change if the upper bound fell below 0.2348 bits.",
    ),
    (
        INSIDE,
        {"c": exact(0.5), "d": exact(0.6)},
        Region.between(0.1, 0.3),
        (
            "This would change if the lower bound rose above 0.1852 bits or the upper bound fell below "
            "0.2348 bits or rose to 0.5 bits (control 'c')."
        ),
    ),
    (
        OUTSIDE,
        {},
        REGION,
        "A lower bound of 0.04484 bits or less would leave it open, of -0.004841 bits or less make it hold.",
    ),
    (
        INSIDE,
        {},
        Region.at_most(0.1),
        "An upper bound of 0.1852 bits or more would leave it open, of 0.2348 bits or more make it hold.",
    ),
    (
        INSIDE,
        {},
        Region.at_least(0.2),
        ("It would hold with a lower bound of 0.1852 bits or less, and fail with a lower bound above 0.2348 bits."),
    ),
    (
        INSIDE,
        {},
        Region.around(0.21, 0.01),
        (
            "It would hold with a lower bound of 0.1852 bits or less and an upper bound of 0.2348 bits or "
            "more, and fail with a lower bound above 0.2348 bits or an upper bound below 0.1852 "
            "bits."
        ),
    ),
    (
        seeds(0.1),
        {},
        REGION,
        "It would hold with a lower bound of 0.1 bits or less.",
    ),
    (
        seeds(0.1),
        {},
        Region.at_most(0),
        "It would hold with an upper bound of 0.1 bits or more.",
    ),
    (
        seeds(0.2),
        {},
        REGION,
        "This would change if the lower bound rose above 0.2 bits.",
    ),
    (
        Observed((0.5,), Sampling.HALVES),
        {},
        REGION,
        "",
    ),
    (
        None,
        {},
        REGION,
        "",
    ),
    (
        seeds(math.nan),
        {},
        REGION,
        "",
    ),
]


@pytest.mark.parametrize(("observed", "controls", "region", "text"), CASES)
def test_what_would_flip_the_verdict(observed, controls, region, text):
    assert ask(observed, controls, region).flips == text


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        (0.1851, "reproduced"),
        (0.1853, "inconclusive"),
        (0.2347, "inconclusive"),
        (0.2349, "contradicted"),
        (0.0449, "reproduced"),
        (0.0448, "inconclusive"),
    ],
)
def test_the_numbers_that_flip_do_flip(bound, verdict):
    assert ask(INSIDE, {"c": OUTSIDE}, Region.at_least(bound)).verdict == verdict


@pytest.mark.parametrize("proxy", [False, True])
def test_a_blind_measurement_says_what_it_would_be_if_it_saw(proxy):
    def judged(positive):
        return judge(OUTSIDE, REGION, {}, {"p": positive}, unit="bits", proxy=proxy)

    blind, seeing = judged(exact(0.1)), judged(exact(0.2))
    assert (blind.verdict, seeing.verdict) == ("uninformative", "not seen here" if proxy else "contradicted")
    assert blind.flips.startswith(f"If 'p' lay inside ≥ 0.14 bits, the verdict would be {seeing.verdict}. ")


def test_a_measurement_that_could_not_fail_says_what_it_would_be_if_it_could():
    def judged(negative):
        return judge(INSIDE, REGION, {"c": negative}, {"p": exact(0.14)}, unit="bits")

    sure, able = judged(seeds(0.2, 0.21, 0.23)), judged(seeds(0.01, 0.02, 0.04))
    assert (sure.verdict, able.verdict) == ("uninformative", "reproduced")
    assert sure.flips.startswith("If 'c' lay outside ≥ 0.14 bits, the verdict would be reproduced. ")


def test_a_measurement_that_is_blind_and_could_not_fail_names_both():
    judged = judge(INSIDE, REGION, {"c": seeds(0.2, 0.21, 0.23)}, {"p": exact(0.1)}, unit="bits")
    assert judged.flips.startswith(
        "If 'p' lay inside ≥ 0.14 bits and 'c' lay outside ≥ 0.14 bits, the verdict would be reproduced. "
    )
