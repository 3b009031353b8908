"""Planted effects are there, at the dose asked for, and nothing else changes."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_features import gaussian, relative_error, seeded, seeds, shapes

from suite.measure.depth import branches, doublings
from suite.measure.magnitude import magnitude
from suite.measure.nulls import white
from suite.measure.planted import (
    autoregressive,
    compressed,
    effect,
    narrow_u,
    rank_limited,
    relabelled,
    scale_u,
    spiked,
    u_factors,
    with_energies,
)
from suite.measure.rank import energies, per_image_dims
from suite.measure.shared_basis import shared_basis, shared_dims
from suite.measure.spectrum import channel_spectrum
from suite.measure.subspace import matched_image_overlaps


def rms(features):
    return features.double().square().mean(dim=(1, 2)).sqrt().numpy()


def layers_of(seed, depth, images=3):
    return [gaussian(seed + layer, (images, 5, 8 + layer), offset=layer) for layer in range(depth)]


@given(seeds, st.integers(3, 14), st.floats(0.02, 2), st.floats(0, 1))
def test_a_planted_u_of_scale_is_a_u_of_that_depth(seed, depth, dose, turning):
    layers = layers_of(seed, depth)
    planted = scale_u(layers, dose, turning=turning)
    profile = np.stack([rms(layer) for layer in planted]).mean(axis=1)
    bottom = min(max(1, round(turning * (depth - 1))), depth - 2)
    assert profile.argmin() == bottom
    assert profile[0] / profile[bottom] == pytest.approx(1 + dose)
    assert profile[-1] / profile[bottom] == pytest.approx(1 + dose)
    assert rms(planted[0]) == pytest.approx(rms(layers[0]))
    if 2 <= bottom <= depth - 3:
        assert branches(doublings(profile)).depth == pytest.approx(math.log2(1 + dose))
    for one, two in zip(layers, planted, strict=True):  # only scale: each image is a multiple of itself
        ratio = (two / one).flatten(1)
        assert relative_error(ratio, ratio[:, :1].expand_as(ratio)) < 1e-9


@given(seeds, st.floats(0.1, 1))
def test_a_planted_u_of_live_channels_keeps_the_scale(seed, share):
    layers = [gaussian(seed + layer, (2, 6, 40)) for layer in range(7)]
    planted = narrow_u(layers, share)
    live = [int((layer != 0).any(dim=1).sum(dim=1).max()) for layer in planted]
    bottom = round(9 / 24 * 6)
    assert live[bottom] == max(1, round(share * 40))
    assert live[0] == live[-1] == 40
    assert live == [*sorted(live[: bottom + 1], reverse=True), *sorted(live[bottom + 1 :])]
    for one, two in zip(layers, planted, strict=True):
        assert rms(two) == pytest.approx(rms(one))


@given(seeds, shapes, st.integers(1, 40))
def test_rank_limited_images_need_no_more_dimensions_and_lose_the_least(seed, shape, dims):
    features = gaussian(seed, shape)
    limited = rank_limited(features, dims)
    for image, kept in zip(features, limited, strict=True):
        left, sizes, right = np.linalg.svd(image.numpy(), full_matrices=False)
        expected = (left[:, :dims] * sizes[:dims]) @ right[:dims]
        assert kept.numpy() == pytest.approx(expected, abs=1e-9 * sizes[0])
    assert (per_image_dims(limited)[:, -1] <= dims).all()


@given(seeds, shapes, st.lists(st.floats(0.01, 10), min_size=1, max_size=40))
def test_images_get_the_energies_asked_for(seed, shape, wanted):
    features = gaussian(seed, shape)
    wanted = sorted(wanted, reverse=True)
    planted = with_energies(features, wanted)
    count = min(shape[1], shape[2])
    expected = np.pad(wanted[:count], (0, max(0, count - len(wanted))))
    found = energies(planted).numpy()
    assert found / found.sum(axis=1, keepdims=True) == pytest.approx(
        np.broadcast_to(expected / expected.sum(), found.shape), abs=1e-7
    )
    assert rms(planted) == pytest.approx(rms(features))


def test_spiked_directions_are_an_images_own():
    """A common low-rank image with a share of energy in directions of its own: the shared basis must widen."""
    common = (white(60, 32, 4, generator=seeded(0)) @ white(1, 4, 48, generator=seeded(1))[0]).double()
    planted = spiked(common, 0.5, dims=4, generator=seeded(2))
    own, shared = (per_image_dims(planted), shared_dims(planted, shared_basis(planted)))
    assert (own[:, 2] <= 8).all()
    assert (shared[:, 2] > 20).all()
    across, within = matched_image_overlaps(planted, 8, generator=seeded(3))
    assert float((within - across).mean()) > 0.3


@given(seeds, st.floats(0.001, 1), st.integers(1, 12))
def test_a_spike_has_the_share_asked_for_and_does_not_depend_on_batches(seed, share, dims):
    features = gaussian(seed, (4, 200, 12))
    planted = spiked(features, share, dims=dims, generator=seeded(seed))
    rest = math.sqrt(1 - share) * features
    energy = (planted - rest).square().mean(dim=(1, 2)) / features.square().mean(dim=(1, 2))
    assert energy.numpy() == pytest.approx(share, abs=0.5 * share)
    generator = seeded(seed)
    parts = [spiked(part, share, dims=dims, generator=generator) for part in features.split(1)]
    assert torch.allclose(torch.cat(parts), planted)


@given(seeds, st.floats(-0.95, 0.95))
def test_autoregressive_channels_follow_the_recursion(seed, correlation):
    features = gaussian(seed, (2, 3, 17))
    planted = autoregressive(features, correlation)
    expected = features.clone()
    for channel in range(1, 17):
        step = math.sqrt(1 - correlation**2) * features[..., channel]
        expected[..., channel] = correlation * expected[..., channel - 1] + step
    assert torch.allclose(planted, expected)


def test_autoregressive_noise_is_low_pass_until_it_is_relabelled():
    noise = white(1, 2000, 64, generator=seeded(0))
    planted = autoregressive(noise, 0.7)
    shuffled = relabelled(planted, generator=seeded(1))
    low, mixed = (float(channel_spectrum(features).low_pass_share()) for features in (planted, shuffled))
    assert low > 0.5
    assert mixed == pytest.approx(0.25, abs=0.1)
    assert float(magnitude(planted)) == pytest.approx(float(magnitude(noise)), rel=0.02)
    assert torch.equal(planted.sort(dim=2).values, shuffled.sort(dim=2).values)


@given(seeds, st.integers(1, 12))
def test_compressed_tokens_span_so_many_dimensions_and_keep_their_scale(seed, dims):
    features = gaussian(seed, (3, 30, 12))
    squeezed = compressed(features, dims, generator=seeded(seed))
    assert torch.linalg.matrix_rank(squeezed.flatten(0, 1)) == dims
    assert rms(squeezed) == pytest.approx(rms(features))


def test_images_without_energy_stay_so():
    dead = torch.zeros(2, 4, 6)
    for planted in (
        *scale_u([dead] * 4, 0.5),
        *narrow_u([dead] * 4, 0.5),
        rank_limited(dead, 2),
        with_energies(dead, [1.0]),
        spiked(dead, 0.5, dims=2, generator=seeded(0)),
        autoregressive(dead, 0.5),
        compressed(dead, 2, generator=seeded(0)),
    ):
        assert torch.equal(planted, dead)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda _: u_factors(2, 0.1), "at least 3 layers"),
        (lambda _: u_factors(3, -1.0), "above -1"),
        (lambda x: rank_limited(x, 0), "at least 1 dimension"),
        (lambda x: with_energies(x, [0.0]), "not all 0"),
        (lambda x: with_energies(x, [-1.0, 2.0]), "at least 0"),
        (lambda x: spiked(x, 1.5, dims=1, generator=seeded(0)), r"\[0, 1\]"),
        (lambda x: spiked(x, 0.5, dims=9, generator=seeded(0)), "1 to 6 directions"),
        (lambda x: autoregressive(x, 1.0), "between -1 and 1"),
        (lambda x: compressed(x, 0, generator=seeded(0)), "1 to 6 directions"),
    ],
)
def test_senseless_requests_are_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call(torch.ones(2, 4, 6))


TEXTS = ("scale_u:0.2", "narrow_u:0.5", "rank_limited:2", "spiked:0.3:2", "autoregressive:0.5", "compressed:3", "white")


@pytest.mark.parametrize("text", [*TEXTS, "relabelled", "autoregressive:0.5+relabelled"])
@given(seed=seeds, cuts=st.integers(1, 5))
def test_a_named_effect_does_not_depend_on_the_batches(text, seed, cuts):
    layers = layers_of(seed, 5, images=6)
    whole = effect(text, seed=3)(layers, 0)
    parts = [effect(text, seed=3)([layer[i : i + cuts] for layer in layers], i) for i in range(0, 6, cuts)]
    for layer, before in enumerate(layers):
        joined = torch.cat([part[layer] for part in parts])
        assert joined.shape == before.shape
        assert relative_error(joined, whole[layer]) < 1e-9
        assert relative_error(whole[layer], before) > 1e-3 or layer in (0, 4)


def test_named_effects_are_the_functions_and_follow_one_another():
    layers = layers_of(0, 5)
    for one, two in zip(effect("scale_u:0.2", seed=0)(layers, 0), scale_u(layers, 0.2), strict=True):
        assert torch.equal(one, two)
    both = effect("rank_limited:1+autoregressive:0.5", seed=0)(layers, 0)
    assert torch.allclose(both[2], autoregressive(rank_limited(layers[2], 1), 0.5))
    one, two = (effect("white", seed=seed)(layers, 0)[0] for seed in (0, 1))
    assert not torch.allclose(one, two)
    assert rms(one) == pytest.approx(rms(layers[0]))


@pytest.mark.parametrize(
    "text", ["", "luck", "scale_u", "scale_u:x", "spiked:0.5", "relabelled:1", "white+", "scale_u:inf"]
)
def test_unknown_effects_are_named_with_those_there_are(text):
    with pytest.raises(ValueError, match="to plant: choose from scale_u:NUMBER, "):
        effect(text, seed=0)
