"""Principal angles against scipy, and that the yardstick tells rotating subspaces from sampling noise."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_features import dtypes, gaussian, relative_error, rotation, seeded, seeds

from suite.measure.nulls import MatchedGaussian, white
from suite.measure.subspace import halves, image_overlaps, matched_image_overlaps, overlap, top_subspace

sizes = st.tuples(st.integers(1, 3), st.integers(4, 14), st.integers(4, 14))


@given(seeds, sizes, st.integers(1, 4), dtypes)
def test_overlap_is_the_mean_squared_cosine_of_scipys_angles(seed, shape, k, dtype):
    one, two = gaussian(seed, shape, dtype=dtype), gaussian(seed + 1, shape, dtype=dtype)
    found = overlap(top_subspace(one, k), top_subspace(two, k)).numpy()
    for image in range(shape[0]):
        spans = [np.linalg.svd(f[image].double().numpy())[2][:k].T for f in (one, two)]
        cosines = np.cos(scipy.linalg.subspace_angles(*spans))
        assert found[image] == pytest.approx(np.square(cosines).mean(), abs=1e-6)


@given(seeds, sizes, st.integers(1, 4))
def test_overlap_is_one_with_itself_bounded_and_free_of_rotation_and_scale(seed, shape, k):
    one, two = gaussian(seed, shape), gaussian(seed + 1, shape)
    between = overlap(top_subspace(one, k), top_subspace(two, k))
    assert (between >= 0).all()
    assert (between <= 1 + 1e-9).all()
    assert relative_error(overlap(top_subspace(one, k), top_subspace(one, k)), np.ones(shape[0])) < 1e-6
    turn = rotation(seed, shape[2])
    turned = overlap(top_subspace(3 * one @ turn, k), top_subspace(two @ turn, k))
    assert turned.numpy() == pytest.approx(between.numpy(), abs=1e-6)


def test_orthogonal_subspaces_do_not_overlap():
    one, two = torch.zeros(1, 6, 8), torch.zeros(1, 6, 8)
    one[..., :4], two[..., 4:] = white(1, 6, 4, generator=seeded(0)), white(1, 6, 4, generator=seeded(1))
    assert float(overlap(top_subspace(one, 3), top_subspace(two, 3))) == pytest.approx(0, abs=1e-12)


def test_directions_without_energy_are_absent():
    flat = white(1, 6, 1, generator=seeded(0)) * white(1, 1, 8, generator=seeded(1))
    found = top_subspace(flat, 3)
    assert found.rank.tolist() == [1]
    assert float(overlap(found, found)) == pytest.approx(1)
    assert not overlap(top_subspace(torch.zeros(1, 6, 8), 3), found).any()


@given(seeds, st.integers(2, 9))
def test_halves_are_disjoint_and_use_every_token_but_an_odd_one(seed, tokens):
    values = torch.arange(3 * tokens, dtype=torch.float64).view(3, tokens, 1)
    one, two = halves(values, seeded(seed))
    assert one.shape == two.shape == (3, tokens // 2, 1)
    for image in range(3):
        used = {*one[image].flatten().tolist(), *two[image].flatten().tolist()}
        assert len(used) == 2 * (tokens // 2)
        assert used <= set(values[image].flatten().tolist())


def test_images_in_subspaces_of_their_own_overlap_with_themselves_only():
    """Independent random k-dimensional spans in C channels share k / C on average."""
    images, tokens, channels, k = 40, 24, 60, 4
    spans = torch.randn(images, k, channels, generator=seeded(0))
    features = torch.randn(images, tokens, k, generator=seeded(1)) @ spans
    across, within = image_overlaps(features, k, generator=seeded(2))
    assert within.numpy() == pytest.approx(1)
    # The squared cosine of a random pair of directions has variance < 2 / C^2; k^2 of them make an overlap of k / C.
    spread = math.sqrt(2) / channels / math.sqrt(images)
    assert float(across.mean()) == pytest.approx(k / channels, abs=5 * spread)


def test_one_covariance_for_all_images_shows_no_rotation():
    spectrum = torch.arange(1, 49, dtype=torch.float64) ** -1.0
    features = torch.cat(list(MatchedGaussian(spectrum, images=60, tokens=32, generator=seeded(3))))
    across, within = image_overlaps(features, 6, generator=seeded(4))
    difference = (within - across).numpy()
    assert abs(difference.mean()) < 5 * difference.std() / math.sqrt(60)


def test_every_image_is_compared_once_with_another_one():
    """Images 0 and 1 live in one span and the rest in another: any pair that meets itself would show."""
    features = torch.zeros(9, 8, 20)
    for image in range(9):
        features[image, :, 2 * image : 2 * image + 2] = white(1, 8, 2, generator=seeded(image))[0]
    across, within = image_overlaps(features, 2, generator=seeded(5))
    assert across.numpy() == pytest.approx(0, abs=1e-12)
    assert within.numpy() == pytest.approx(1)
    pair, _ = image_overlaps(torch.cat([features[:1], 2 * features[:1]]), 2, generator=seeded(5))
    assert pair.numpy() == pytest.approx(1)


def positioned(images, tokens, channels, share, *, seed=0):
    """Tokens of which a share of the energy is one mean per position, the rest white: nothing rotates."""
    means = white(1, tokens, channels, generator=seeded(seed)) * share**0.5
    return means + white(images, tokens, channels, generator=seeded(seed + 1)) * (1 - share) ** 0.5


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_position_means_are_no_rotation_where_positions_match(share):
    """Unmatched, halves of two images share positions and the halves of one do not: rotation comes out below 0."""
    features = positioned(80, 16, 24, share)
    across, within = image_overlaps(features, 4, generator=seeded(2))
    assert float((within - across).mean()) < -0.02
    for centred in (False, True):
        across, within = matched_image_overlaps(features, 4, generator=seeded(2), centred=centred)
        difference = (within - across).numpy()
        assert abs(difference.mean()) < 5 * difference.std() / math.sqrt(80)


def test_directions_of_ones_own_show_beside_position_means():
    means = positioned(60, 16, 24, 0.6)
    spans = white(60, 3, 24, generator=seeded(7))
    features = means + white(60, 16, 3, generator=seeded(8)) @ spans
    across, within = matched_image_overlaps(features, 3, generator=seeded(9), centred=True)
    assert float((within - across).mean()) > 0.3


@given(seeds, st.integers(2, 20))
def test_matched_halves_meet_every_image_once_at_the_other_halfs_positions(seed, images):
    """Token p of image i is a direction of its own: only tokens of one position can overlap."""
    tokens = 6
    features = torch.eye(tokens).expand(images, tokens, tokens).contiguous()
    across, within = matched_image_overlaps(features, 3, generator=seeded(seed))
    assert within.numpy() == pytest.approx(0, abs=1e-12)
    assert across.numpy() == pytest.approx(0, abs=1e-12)
    alike = torch.eye(images)[:, None, :].expand(images, tokens, images).contiguous()
    across, within = matched_image_overlaps(alike, 1, generator=seeded(seed))
    assert within.numpy() == pytest.approx(1)
    assert across.numpy() == pytest.approx(0, abs=1e-12)


def test_equal_seeds_give_equal_overlaps():
    features = white(11, 12, 16, generator=seeded(0))
    one, two, other = (image_overlaps(features, 3, generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert not torch.equal(one[1], other[1])


@pytest.mark.parametrize(
    ("images", "k", "says"), [(1, 2, "at least 2 images"), (3, 0, "between 1 and 4"), (3, 5, "between 1 and 4")]
)
@pytest.mark.parametrize("measure", [image_overlaps, matched_image_overlaps])
def test_senseless_requests_are_refused(measure, images, k, says):
    with pytest.raises(ValueError, match=says):
        measure(white(images, 8, 16, generator=seeded(0)), k, generator=seeded(0))
