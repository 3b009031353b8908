"""One network and many images: the interval comes from halves of the images, and it covers the truth."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from suite.claim import PerSeed
from suite.errors import SuiteError
from suite.evidence.cell import Result
from suite.judge import Observed, Region, Sampling, Verdict, judge
from suite.judge.estimate import estimate
from suite.judge.halves import GROUPS, group_count, half_samples

IMAGES = 400


def result(values, *, tokens=8, dims=None):
    """A network's arrays for images with these values: two layers per image, one summed over images."""
    values = np.asarray(values, float)
    groups = group_count(values.shape[-1])
    arrays = {
        "magnitude": np.stack([values, 1 + values**2]),
        "images": np.array(values.shape[-1]),
        "tokens": np.full(2, tokens),
        "amplitude.00": values.mean(keepdims=True),
    }
    if dims is not None:
        arrays["svd_dims.00"] = np.asarray(dims)[:, None]
    if groups > 1:
        arrays["grouped.amplitude.00"] = np.array([[values[group::groups].mean()] for group in range(groups)])
    return Result("key", Path(), arrays, [], {}, 0.0)


def observe(value, *results, resolution=None):
    subjects = tuple(lambda _profile, _seed, found=found: found for found in results)
    profile = SimpleNamespace(sampling="images", seeds=(0,))
    access = SimpleNamespace(profile=profile, result=lambda found: found)
    return PerSeed(subjects, value, resolution=resolution).observe(access)


def interval(observed):
    return estimate(observed).interval(0.95)


def mean(found):
    return found.arrays["magnitude"][0].mean()


@pytest.mark.parametrize("groups", GROUPS)
def test_halves_are_balanced(groups):
    """Every group is in as many halves as out, and every two groups meet equally often."""
    halves = half_samples(groups).astype(int)
    assert halves.shape == (2 * groups, groups)
    assert (halves[::2] + halves[1::2] == 1).all()
    together = halves.T @ halves
    assert (together.diagonal() == groups).all()
    assert len(np.unique(together[~np.eye(groups, dtype=bool)])) == 1


@pytest.mark.parametrize(("images", "groups"), [(0, 1), (32, 1), (239, 1), (240, 15), (50_000, 15)])
def test_as_many_groups_as_images_allow(images, groups):
    assert group_count(images) == groups


def test_a_mean_has_the_standard_error_of_the_mean_of_its_groups():
    """Exactly, for groups of equal size."""
    values = np.random.default_rng(0).normal(3, 2, 390)
    found = interval(observe(mean, result(values)))
    means = np.array([values[group::15].mean() for group in range(15)])
    assert found.estimate == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(2.1448 * means.std(ddof=1) / np.sqrt(15), rel=1e-4)


VALUES = {
    "mean": (lambda f: f.arrays["magnitude"][0].mean(), 0.0),
    "summed": (lambda f: f.arrays["amplitude.00"][0], 0.0),
    "log ratio": (lambda f: np.log2(f.arrays["magnitude"][1].mean() / 2), 0.0),  # E[1 + x^2] = 2
    "depth": (lambda f: np.diff(f.arrays["magnitude"].mean(axis=1))[0], 2.0),
}


@pytest.mark.parametrize("name", VALUES)
def test_intervals_cover(name):
    """Noise of the simulation: 0.008."""
    value, truth = VALUES[name]
    rng = np.random.default_rng(len(name))
    hits = [
        (found := interval(observe(value, result(rng.standard_normal(IMAGES))))).low <= truth <= found.high
        for _ in range(700)
    ]
    assert 0.92 <= np.mean(hits) <= 0.98


@pytest.mark.parametrize("percent", [50, 99])
def test_a_percentile_of_counts_is_covered(percent):
    """The published ranks are 99th percentiles of whole numbers. Noise of the simulation: 0.012."""
    rng = np.random.default_rng(1)
    population = np.round(rng.gamma(30, 2, 200_000))
    truth = np.percentile(population, percent)
    hits = []
    for _ in range(300):
        observed = observe(
            lambda f: np.percentile(f.arrays["svd_dims.00"], percent),
            result(rng.standard_normal(1_000), dims=rng.choice(population, 1_000)),
            resolution=lambda _: 1.0,
        )
        found = interval(observed)
        hits.append(found.low <= truth <= found.high)
    assert np.mean(hits) >= 0.91


def test_a_quantity_that_no_image_moves_keeps_the_step_it_lies_on():
    """The place of a minimum is a whole layer whatever is left out; it is known to a step, not exactly."""
    observed = observe(lambda _: 0.25, result(np.ones(IMAGES)), resolution=lambda _: 0.1)
    found = interval(observed)
    assert found.estimate == 0.25
    assert (found.high - found.low) / 2 == pytest.approx(0.1 / np.sqrt(12) * 2.1448, rel=1e-3)  # t of 14 degrees


def test_networks_are_compared_image_by_image():
    """What is common to both does not widen the interval of the difference."""
    rng = np.random.default_rng(2)
    common = 10 * rng.standard_normal(IMAGES)
    one, two = (result(common + 0.1 * rng.standard_normal(IMAGES) + shift) for shift in (0.0, 0.5))
    found = interval(observe(lambda a, b: mean(b) - mean(a), one, two))
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.06


def rare(found):
    return np.percentile(found.arrays["svd_dims.00"], 99)


@pytest.mark.parametrize("images", [12, 60, 120, 239])
def test_few_images_are_given_no_interval_that_a_rare_image_would_break(images):
    """One image in fifty needs twice the dimensions: most small samples lack it, and so do all their halves."""
    rng = np.random.default_rng(images)
    dims = np.where(rng.random(images) < 0.02, 130, 60)
    assert not interval(observe(rare, result(rng.standard_normal(images), dims=dims))).bounded


def lowest(found):
    """A quantity that noise makes smaller: how far the lowest of many layers lies below the ends."""
    means = found.arrays["layers"].mean(axis=1)
    return min(means[0], means[-1]) - means[1:-1].min()


@pytest.mark.parametrize("images", [250, 1_000])
def test_what_is_found_in_noise_is_not_reproduced_by_it(images):
    """24 layers, ends .13 above an even interior: below a bound of .1375. Noise of the simulation: 0.015."""
    rng = np.random.default_rng(images)
    false = []
    for _ in range(250):
        layers = rng.standard_normal((24, images))
        layers[[0, -1]] += 0.13
        found = result(rng.standard_normal(images))
        found.arrays["layers"] = layers
        false.append(interval(observe(lowest, found)).low >= 0.1375)
    assert np.mean(false) <= 0.09


def test_images_that_could_not_be_read_count_for_no_interval():
    """Groups are dealt before anything is read: 240 images were chosen, 30 could be read."""
    found = result(np.random.default_rng(0).standard_normal(30))
    found.arrays["grouped.amplitude.00"] = np.ones((15, 1))
    assert not interval(observe(mean, found)).bounded


def test_other_images_of_the_same_number_cannot_be_paired():
    one, two = result(np.ones(400)), result(np.ones(400))
    one.arrays["image_names"], two.arrays["image_names"] = (np.arange(400) + shift for shift in (0, 1))
    with pytest.raises(SuiteError, match="could read different ones"):
        observe(lambda a, b: mean(a) - mean(b), one, two)


def test_other_images_cannot_be_paired():
    with pytest.raises(SuiteError, match="saw 300 and 400"):
        observe(lambda a, b: mean(a) - mean(b), result(np.ones(400)), result(np.ones(300)))


def test_too_few_images_give_a_number_without_an_interval():
    observed = observe(mean, result([1.0, 2.0, 3.0]))
    assert observed.values == (2.0,)
    found = interval(observed)
    assert not found.bounded
    answer = judge(observed, Region.at_least(0.0), {"none": observed}, {"all": observed})
    assert answer.verdict is Verdict.INCONCLUSIVE


def test_verdicts_over_images():
    rng = np.random.default_rng(3)
    high, low = (observe(mean, result(rng.normal(centre, 1, IMAGES))) for centre in (1.0, 0.0))
    region = Region.at_least(0.5)
    assert high.sampling is Sampling.HALVES

    def verdict(claim, control):
        return judge(claim, region, {"control": control}, {"high": high}).verdict

    assert verdict(high, low) is Verdict.REPRODUCED
    assert verdict(low, low) is Verdict.CONTRADICTED
    assert verdict(high, high) is Verdict.UNINFORMATIVE


def test_a_nan_of_one_group_is_an_error_not_a_number():
    def value(found):
        return float("nan") if found.arrays["magnitude"][0][0] != 1.0 else 1.0

    values = np.ones(IMAGES)
    values[0] = 2.0  # leads every half that holds the first group
    answer = judge(observe(value, result(values)), Region.at_least(0.0), {}, {})
    assert answer.verdict is Verdict.ERROR


def test_halves_without_a_whole_or_a_partner_are_refused():
    with pytest.raises(ValueError, match="two for each group"):
        Observed(tuple(range(30)), Sampling.HALVES)
    with pytest.raises(ValueError, match="two for each group"):
        Observed(tuple(range(29)), Sampling.HALVES, whole=1.0)
    with pytest.raises(ValueError, match="whole belongs to halves only"):
        Observed((1.0, 2.0), Sampling.SEEDS, whole=1.0)
