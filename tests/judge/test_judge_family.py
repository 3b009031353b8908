"""P-values of decisions, Holm's adjustment, and the number of runs that would settle a question."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from suite.judge import Interval, Observed, Region, Sampling, chance, foresee, holm, mean_interval, settle
from suite.judge.estimate import estimate
from suite.judge.family import p_disjoint, p_inside

P_VALUES = st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8)


@given(P_VALUES)
def test_holm_never_falls_below_the_raw_value_and_keeps_the_ranking(p_values):
    adjusted = holm(p_values)
    assert list(adjusted) == list(p_values)
    for name, p in p_values.items():
        assert p <= adjusted[name] <= min(1, len(p_values) * p)
    for one in p_values:
        for two in p_values:
            if p_values[one] <= p_values[two]:
                assert adjusted[one] <= adjusted[two]


@given(P_VALUES, st.sampled_from((0.01, 0.05, 0.2)))
def test_holm_decides_as_the_step_down_procedure_does(p_values, alpha):
    decided = set()
    for rank, name in enumerate(sorted(p_values, key=p_values.get)):
        if p_values[name] * (len(p_values) - rank) > alpha:
            break
        decided.add(name)
    assert {name for name, p in holm(p_values).items() if p <= alpha} == decided


@given(P_VALUES, st.data())
def test_holm_rises_with_every_raw_value(p_values, data):
    if p_values:
        name = data.draw(st.sampled_from(sorted(p_values)))
        worse = p_values | {name: data.draw(st.floats(p_values[name], 1))}
        before, after = holm(p_values), holm(worse)
        assert all(after[key] >= before[key] for key in p_values)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_holm_refuses_what_is_no_p_value(p):
    with pytest.raises(ValueError, match="p-value"):
        holm({"a": p})


REGIONS = (Region.at_least(0.1), Region.at_most(0.1), Region.between(-0.2, 0.4), Region.equal(0.1, 0))


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6), st.sampled_from(REGIONS), st.floats(0.5, 0.999))
def test_a_p_value_is_the_smallest_alpha_that_decides(values, region, level):
    assume(len(set(values)) > 1)
    estimated = estimate(Observed([value / 50 for value in values], Sampling.SEEDS))
    interval, alpha = estimated.interval(level), 1 - level
    inside, disjoint = p_inside(estimated, region), p_disjoint(estimated, region)
    assert max(inside, disjoint) == 1
    if abs(inside - alpha) > 1e-9 and interval.sd > 0:
        assert (inside < alpha) is region.contains(interval.low, interval.high)
    if abs(disjoint - alpha) > 1e-9 and interval.sd > 0:
        assert (disjoint < alpha) is region.disjoint(interval.low, interval.high)


def known(value, sd, n, df=None):
    return Interval(value, -math.inf, math.inf, n, 0.95, sd, df if df is not None else n - 1, "by hand")


CASES = [
    (known(1.0, 1.0, 3), Region.at_least(0)),
    (known(-0.4, 1.0, 3), Region.at_least(0)),
    (known(0.1, 1.0, 3), Region.around(0, 0.5)),
    (known(0.9, 1.0, 4), Region.around(0, 0.5)),
    (known(0.7, 1.0, 3, df=12), Region.at_most(1)),
    (known(0.05, 0.4, 400), Region.at_least(0)),
]


@pytest.mark.parametrize(("interval", "region"), CASES)
def test_settling_finds_the_smallest_number_that_suffices(interval, region):
    total = settle(interval, region)
    chances = [chance(n, interval, region) for n in range(max(2, interval.n), total + 1)]
    assert chances[-1] >= 0.8
    assert all(c < 0.8 for c in chances[:-1])
    likely = [c for c in chances if c > 0.1]  # near 0 it may dip: two runs' spread is sometimes tiny by luck
    assert likely == sorted(likely)


def test_settling_asks_for_more_where_more_is_demanded():
    interval, region = CASES[0]
    assert settle(interval, region, level=0.99) > settle(interval, region)
    assert settle(interval, region, power=0.95) > settle(interval, region)
    assert settle(interval, region, cap=5) is None
    assert settle(interval, region, cap=3) is None


def test_a_pool_settles_earlier_than_own_noise():
    own, shared = known(0.7, 1.0, 3), known(0.7, 1.0, 3, df=12)
    assert settle(shared, Region.at_most(1.5)) < settle(own, Region.at_most(1.5))


@pytest.mark.parametrize(
    "interval",
    [known(0.0, 1.0, 3), known(1e-4, 1.0, 3), known(0.0, 0.0, 3), known(0.0, math.inf, 3)],
)
def test_an_estimate_on_the_bound_is_settled_by_nothing(interval):
    assert settle(interval, Region.at_least(0)) is None


def test_without_a_known_spread_nothing_is_foreseen():
    single = Interval(1, -math.inf, math.inf, 1, 0.95, None, None, "one run")
    assert settle(single, Region.at_least(0)) is None
    with pytest.raises(ValueError, match="spread"):
        chance(3, single, Region.at_least(0))


def test_the_chance_is_that_of_the_noncentral_t():
    stats = pytest.importorskip("scipy.stats")
    for n in (2, 3, 5, 20):
        critical = stats.t.ppf(0.975, n - 1)
        exact = stats.nct.sf(critical, n - 1, 1.0 * math.sqrt(n))
        assert chance(n, known(1.0, 1.0, 3), Region.at_least(0)) == pytest.approx(exact, abs=0.002)
        assert chance(n, known(-1.0, 1.0, 3), Region.at_least(0)) == pytest.approx(exact, abs=0.002)
    assert chance(4, known(1.0, 0.5, 1, df=math.inf), Region.at_least(0)) == pytest.approx(
        stats.norm.sf(1.96 - 4), abs=1e-5
    )
    assert chance(3, known(1.0, 0.0, 3), Region.at_least(0)) == 1
    assert mean_interval([1, 2]).df == 1


def test_rounding_that_all_units_share_is_outlasted_by_no_number_of_them():
    blurred = Interval(0.3, -math.inf, math.inf, 6, 0.95, 0.1, 5, "by hand", rounding=0.2)
    assert settle(blurred, Region.at_least(0)) is None
    assert settle(Interval(0.3, -math.inf, math.inf, 6, 0.95, 0.1, 5, "by hand"), Region.at_least(0)) is not None


@pytest.mark.parametrize(("interval", "region"), CASES)
def test_an_outlook_holds_its_likely_number_within_its_range(interval, region):
    outlook = foresee(interval, region)
    assert outlook.likely == settle(interval, region) - interval.n
    assert 0 < outlook.low <= outlook.likely
    assert outlook.high is None or outlook.high >= outlook.likely
    narrower = foresee(interval, region, spread=0.2)
    assert outlook.low <= narrower.low


def test_outlooks_together_are_those_of_the_neediest():
    easy, hard = foresee(*CASES[4]), foresee(*CASES[1])
    both = easy.together(hard)
    assert both == hard.together(easy)
    assert (both.likely, both.low) == (max(easy.likely, hard.likely), max(easy.low, hard.low))
    assert both.high is None or both.high >= both.likely


def test_nothing_is_foreseen_on_a_bound_or_without_spread():
    assert foresee(known(0.0, 1.0, 3), Region.at_least(0)) is None
    assert foresee(Interval(1, -math.inf, math.inf, 1, 0.95, None, None, "one run"), Region.at_least(0)) is None
