"""Nulls are what they say: the right spectrum, one covariance, one channel, one direction, the same draws again."""

import numpy as np
import pytest
import torch
from made_features import gaussian, relative_error, seeded

from suite.measure.nulls import MatchedGaussian, generator_for, one_hot, permutation, permute_channels, white
from suite.measure.rank import per_image_dims
from suite.measure.shared_basis import shared_basis, shared_dims


def test_matched_gaussian_has_the_wanted_spectrum_in_every_image():
    spectrum = torch.tensor([9.0, 4.0, 1.0, 0.25, 0.0], dtype=torch.float64)
    images = torch.cat(list(MatchedGaussian(spectrum, images=50, tokens=400, generator=seeded(0)))).double()
    energy = images.square().mean(dim=1)
    # The mean square of n Gaussians has relative deviation sqrt(2 / n).
    assert relative_error(energy.mean(dim=0), spectrum) < 5 * (2 / 20000) ** 0.5
    assert np.abs(energy[:, 0].numpy() / 9 - 1).max() < 6 * (2 / 400) ** 0.5
    assert relative_error(shared_basis(images).spectrum, spectrum) < 0.05


def test_a_gap_between_shared_and_per_image_rank_needs_no_rotation():
    """The reason for the null: few tokens per image span fewer directions than all images together."""
    spectrum = torch.arange(1, 65, dtype=torch.float64) ** -0.5
    images = torch.cat(list(MatchedGaussian(spectrum, images=40, tokens=20, generator=seeded(1))))
    own, shared = per_image_dims(images), shared_dims(images, shared_basis(images))
    assert (shared[:, 1].double().mean() / own[:, 1].double().mean()) > 2


def test_every_pass_draws_the_same_images_and_every_null_its_own():
    spectrum = torch.ones(8, dtype=torch.float64)
    generator = seeded(2)
    one = MatchedGaussian(spectrum, images=300, tokens=200, generator=generator)
    two = MatchedGaussian(spectrum, images=300, tokens=200, generator=generator)
    first, again, other = (list(null) for null in (one, one, two))
    assert len(first) > 1
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert sum(len(piece) for piece in first) == 300


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_permuting_channels_moves_whole_channels(dtype):
    features = gaussian(0, (2, 3, 17), dtype=dtype)
    order = permutation(17, generator=seeded(3))
    permuted = permute_channels(features, order)
    assert torch.equal(permuted.to(dtype), features[..., order])
    assert sorted(order.tolist()) == list(range(17))


def test_generators_make_what_they_are_named_after():
    single = one_hot(3, 50, 9, generator=seeded(4))
    assert torch.equal(single.sum(dim=2), torch.ones(3, 50))
    assert set(single.unique().tolist()) == {0, 1}
    assert single.sum(dim=(0, 1)).min() > 0
    noise = white(4, 100, 50, generator=seeded(6))
    assert float(noise.mean()) == pytest.approx(0, abs=5 / 20000**0.5)
    assert float(noise.std()) == pytest.approx(1, abs=5 / 40000**0.5)


def test_every_seed_and_topic_has_draws_of_its_own():
    topics = [(seed, *topic) for seed in range(3) for topic in ((), ("null",), ("null", 0), ("null", 1), ("angles", 0))]
    draws = [torch.rand(4, generator=generator_for(*topic)).tolist() for topic in topics]
    assert len({tuple(draw) for draw in draws}) == len(topics)
    assert torch.equal(torch.rand(4, generator=generator_for(2, "a")), torch.rand(4, generator=generator_for(2, "a")))
