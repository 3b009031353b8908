"""Arrays of some groups of images are those that a stream over these images gives."""

import numpy as np
import pytest
import torch
from made_features import gaussian, relative_error

from suite.measure.some_images import SomeImages, groups_in
from suite.measure.stream import LayerStream

IMAGES, GROUPS = 14, 3
SHAPES = ((16, 24), (9, 14))  # as many channels as images: a name, not a size, says which axis is which


def layers_of():
    return [gaussian(10 * number, (IMAGES, *shape)) for number, shape in enumerate(SHAPES)]


def streamed(layers, folder, **options):
    with LayerStream(seed=5, spill=folder, **options) as stream:
        stream.update(layers)
        return stream.finish()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return streamed(layers_of(), tmp_path_factory.mktemp("whole"), groups=GROUPS)


# The shared basis, the histograms' ranges and the null's images are those of all images, whichever are left out.
SEPARABLE = (
    *("magnitude", "scale", "intensity", "entropy_standardised", "dc_share", "flatness", "low_pass"),
    *("tokens", "channels", "amplitude.00", "amplitude.01", "amplitude_permuted.01", "pooled.00", "pooled.01"),
    *("svd_dims.01", "participation.01", "sep_curve.01", "sep_sorted.01", "sep_curve_permuted.01"),
)


KEPT = [(True, False, True), (False, True, True), (False, False, True)]


def images_of(kept):
    return torch.tensor(kept)[torch.arange(IMAGES) % GROUPS]


@pytest.mark.parametrize("kept", KEPT)
def test_it_is_as_if_the_other_images_had_not_been_there(whole, tmp_path, kept):
    alone = streamed([layer[images_of(kept)] for layer in layers_of()], tmp_path)
    without = SomeImages(whole, np.array(kept))
    assert set(without) == set(alone)
    assert len(without) == len(alone)
    for name in alone:
        assert without[name].shape == alone[name].shape, name
    for name in SEPARABLE:
        assert relative_error(without[name], alone[name]) < 1e-9, name


def test_the_shared_basis_stays_that_of_all_images(whole):
    """Its energies, averaged over what is left, are still those of the features along its directions."""
    layer = layers_of()[1].double()
    _, directions = torch.linalg.eigh(layer.flatten(0, 1).T @ layer.flatten(0, 1))
    for kept in KEPT:
        along = (layer[images_of(kept)].flatten(0, 1) @ directions.flip(1)).square().mean(dim=0)
        assert relative_error(SomeImages(whole, np.array(kept))["shared_spectrum.01"], along) < 1e-9


def test_arrays_without_groups_have_one(tmp_path):
    assert groups_in(streamed(layers_of(), tmp_path)) == 1
