"""Ranks against numpy's SVD and scikit-learn's PCA, their invariances, and the order that Eckart and Young prove."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_features import dtypes, gaussian, rank_one, relative_error, rotation, seeded, seeds, shapes
from sklearn.decomposition import PCA

from suite.measure.nulls import white
from suite.measure.rank import (
    SHARES,
    dims_for,
    energies,
    participation_ratio,
    per_image_dims,
    settled_energies,
    upper_percentile,
)
from suite.measure.shared_basis import captured, shared_basis, shared_dims


def published_dims(features, shares=SHARES):
    """First index at which the cumulative energy of the SVD reaches each share, plus one."""
    squares = np.square(np.linalg.svd(features.double().numpy(), compute_uv=False))
    cumulative = squares.cumsum(axis=1) / squares.sum(axis=1, keepdims=True)
    return np.array([np.searchsorted(image, shares) + 1 for image in cumulative])


@given(seeds, shapes, dtypes)
def test_energies_are_squared_singular_values(seed, shape, dtype):
    features = gaussian(seed, shape, dtype=dtype)
    squares = np.square(np.linalg.svd(features.double().numpy(), compute_uv=False))
    assert relative_error(energies(features), squares) < 1e-12


@pytest.mark.parametrize("shape", [(3, 30, 60), (3, 60, 30), (2, 64, 80)])
@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("mean", [0.0, 5.0])
def test_dims_equal_those_of_the_svd(shape, decay, mean):
    scales = torch.arange(1, shape[2] + 1).float() ** -decay
    features = white(*shape, generator=seeded(7)) * scales + mean
    assert (per_image_dims(features).numpy() == published_dims(features)).all()


def test_dims_are_right_even_where_float32_cannot_tell():
    """Shares are set a hair beside the image's own cumulative energy: float32 alone would miscount."""
    for seed in range(12):
        features = gaussian(seed, (1, 40, 64), dtype=torch.float32)
        reached = (energies(features).cumsum(dim=1) / energies(features).sum())[0]
        for dims in (3, 9, 20):
            share = float(reached[dims - 1])
            wanted = (share * (1 - 1e-10), share * (1 + 1e-10))
            assert per_image_dims(features, wanted).tolist() == [[dims, dims + 1]]


def test_float32_is_not_trusted_when_torch_may_shorten_it():
    features = gaussian(1, (2, 30, 40), dtype=torch.float32)
    torch.set_float32_matmul_precision("medium")
    try:
        assert torch.equal(settled_energies(features), energies(features))
    finally:
        torch.set_float32_matmul_precision("highest")
    assert not torch.equal(settled_energies(features), energies(features))


@given(seeds, shapes)
def test_dims_ignore_rotation_token_order_and_scale(seed, shape):
    features = gaussian(seed, shape)
    expected = energies(features)
    order = torch.randperm(shape[1], generator=seeded(seed))
    assert relative_error(energies(features @ rotation(seed, shape[2])), expected) < 1e-12
    assert relative_error(energies(features[:, order]), expected) < 1e-12
    assert relative_error(energies(features * 8), 64 * expected) < 1e-12
    assert (per_image_dims(features * 1e-9) == per_image_dims(features)).all()
    assert (per_image_dims(features[:, order]) == per_image_dims(features)).all()


@given(seeds, shapes)
def test_dims_are_capped_ordered_and_at_least_one(seed, shape):
    dims = per_image_dims(gaussian(seed, shape))
    assert (dims >= 1).all()
    assert (dims <= min(shape[1:])).all()
    assert (dims.diff(dim=1) >= 0).all()


@given(seeds, shapes, st.booleans())
def test_a_shared_basis_never_needs_fewer_dims_than_an_image(seed, shape, offset):
    features = gaussian(seed, shape, offset=float(offset))
    own, shared = per_image_dims(features), shared_dims(features, shared_basis(features))
    assert (shared >= own).all()
    everything = torch.nn.functional.pad(energies(features), (0, shape[2] - min(shape[1:])))
    best = everything.cumsum(dim=1) / everything.sum(dim=1, keepdim=True)
    assert (captured(features, shared_basis(features)) <= best + 1e-12).all()


@given(seeds, st.integers(2, 9), st.integers(2, 20))
def test_the_shared_basis_of_one_image_is_its_own(seed, tokens, channels):
    features = gaussian(seed, (1, tokens, channels))
    basis = shared_basis(features)
    own = energies(features)[0]
    assert relative_error(basis.energy(features)[0, : len(own)], own) < 1e-9
    assert relative_error(basis.spectrum[: len(own)] * tokens, own) < 1e-9


@given(seeds, shapes)
def test_the_centred_basis_is_that_of_pca(seed, shape):
    features = gaussian(seed, shape, offset=3.0)
    tokens = features.flatten(0, 1).numpy()
    pca = PCA(svd_solver="full").fit(tokens)
    basis = shared_basis(features, centred=True)
    kept = len(pca.explained_variance_)
    # scikit-learn divides by one less than the number of tokens.
    spectrum = pca.explained_variance_ * (len(tokens) - 1) / len(tokens)
    assert relative_error(basis.spectrum[:kept], spectrum) < 1e-9
    along = np.square(pca.transform(tokens)).reshape(*shape[:2], -1).sum(axis=1)
    gaps = np.abs(np.diff(spectrum, append=0)) / spectrum[0]
    separated = np.minimum(gaps, np.append(np.inf, gaps[:-1])) > 1e-3  # directions that are defined at all
    assert np.abs((basis.energy(features)[:, :kept].numpy() - along)[:, separated]).max() < 1e-6 * along.max()


@given(seeds, shapes, dtypes)
def test_the_uncentred_basis_diagonalises_the_second_moment(seed, shape, dtype):
    features = gaussian(seed, shape, dtype=dtype, offset=1.0)
    tokens = features.flatten(0, 1).double()
    basis = shared_basis(features)
    moment = tokens.T @ tokens / len(tokens)
    assert relative_error(basis.directions.T @ moment @ basis.directions, basis.spectrum.diag()) < 1e-12
    assert (basis.spectrum.diff() <= 0).all()
    assert not basis.origin.any()
    assert relative_error(basis.energy(features.double()).sum(dim=0) / len(tokens), basis.spectrum) < 1e-10


@given(seeds, shapes)
def test_captured_energy_grows_to_one(seed, shape):
    features = gaussian(seed, shape)
    share = captured(features, shared_basis(features))
    assert (share.diff(dim=1) >= 0).all()
    assert relative_error(share[:, -1], np.ones(shape[0])) < 1e-12


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any), st.sampled_from([0.25, 0.5, 0.8, 0.99]))
def test_dims_are_the_smallest_number_that_reaches_the_share(energy, share):
    """Whole numbers, so the comparison is exact."""
    found = int(dims_for(torch.tensor([energy], dtype=torch.float64), (share,)))
    numerator, denominator = (25, 100) if share == 0.25 else (round(share * 100), 100)
    reached = [sum(energy[:d]) * denominator >= numerator * sum(energy) for d in range(1, len(energy) + 1)]
    # A share met exactly may be missed by the rounding of the quotient, in the published code as well.
    exact = [sum(energy[:d]) * denominator == numerator * sum(energy) for d in range(1, len(energy) + 1)]
    if not any(exact):
        assert found == reached.index(True) + 1


def test_a_share_that_is_met_exactly_is_reached():
    energy = torch.tensor([4.0, 2.0, 1.0, 1.0], dtype=torch.float64)
    assert dims_for(energy, (0.5, 0.75, 0.875)).tolist() == [1, 2, 3]


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=20).filter(any))
def test_participation_ratio(energy):
    values = np.array(energy)
    ratio = float(participation_ratio(torch.tensor(values)))
    assert 1 - 1e-12 <= ratio <= len(values) * (1 + 1e-12)
    relative = values / values.max()
    assert ratio == pytest.approx(relative.sum() ** 2 / np.square(relative).sum())


def test_participation_ratio_reaches_its_ends():
    assert participation_ratio(torch.ones(7, dtype=torch.float64)) == pytest.approx(7)
    assert participation_ratio(torch.tensor([0.0, 5.0, 0.0])) == pytest.approx(1)
    assert participation_ratio(torch.tensor([1e-200, 1e-200], dtype=torch.float64)) == pytest.approx(2)
    assert participation_ratio(torch.zeros(3)) == 0


def test_one_direction_and_none():
    assert (per_image_dims(rank_one(3, 10, 20, generator=seeded(0))) == 1).all()
    assert (per_image_dims(torch.zeros(2, 4, 5)) == 0).all()
    assert (captured(torch.zeros(2, 4, 5), shared_basis(torch.ones(1, 4, 5))) == 0).all()


@pytest.mark.parametrize("factor", [1e-25, 1e-14, 1e14, 1e25])
def test_tiny_and_huge_float32_features(factor):
    features = gaussian(5, (3, 20, 30), dtype=torch.float32)
    assert (per_image_dims(features * factor) == per_image_dims(features)).all()


def test_percentile_over_images_is_numpys():
    dims = torch.randint(1, 200, (37, 4), generator=seeded(2))
    assert upper_percentile(dims).numpy() == pytest.approx(np.percentile(dims.numpy(), 99, axis=0))
    assert upper_percentile(dims, 50).numpy() == pytest.approx(np.median(dims.numpy(), axis=0))


@pytest.mark.parametrize("shares", [(0.0,), (1.0,), (0.5, 1.5)])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        per_image_dims(torch.ones(1, 2, 2), shares)
