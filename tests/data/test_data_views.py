"""Random views: every image its own, from one generator, within the bounds."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from suite.data import random_views

NONE = {"rotate": 0, "scale": 0, "shear": 0, "shift": 0, "occlude": 0, "noise": 0}
SOME = {"rotate": 15, "scale": 0.12, "shear": 0.1, "shift": 0.12, "occlude": 2, "noise": 0.1}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random_images(count=6, size=8, channels=1, seed=0):
    return torch.rand(count, channels, size, size, generator=seeded(seed))


def blob(count, size=33):
    """A smooth bright spot in the middle of every image."""
    axis = torch.linspace(-1, 1, size)
    spot = torch.exp(-(axis[:, None].square() + axis[None].square()) / 0.02)
    return spot.expand(count, 1, size, size).contiguous()


def centre(views):
    """Where the mass lies, [B, 2] as shares of the side, 0 in the middle: right, down."""
    size = views.shape[-1]
    axis = (torch.arange(size) - (size - 1) / 2) / size
    mass = views.sum(dim=(1, 2, 3))
    return torch.stack([(views.sum(2)[:, 0] * axis).sum(1), (views.sum(3)[:, 0] * axis).sum(1)], dim=1) / mass[:, None]


@given(size=st.integers(2, 17), channels=st.integers(1, 3), seed=st.integers(0, 9))
def test_without_bounds_a_view_is_the_image(size, channels, seed):
    pixels = random_images(size=size, channels=channels)
    views = random_views(pixels, NONE, generator=seeded(seed))
    torch.testing.assert_close(views, pixels, rtol=0, atol=1e-5)  # positions of pixels are rounded in float32


@pytest.mark.parametrize("what", SOME)
def test_each_bound_does_something_and_to_every_image_of_its_own(what):
    pixels = random_images(1).expand(20, -1, -1, -1)
    views = random_views(pixels, NONE | {what: SOME[what]}, generator=seeded())
    assert views.shape == pixels.shape
    assert len(torch.unique(views.flatten(1), dim=0)) > 10  # patches may cover the same place
    assert ((views - pixels).abs().amax(dim=(1, 2, 3)) > 1e-3).all()


def test_an_image_does_not_depend_on_its_neighbours():
    """The draws are by position in the batch, the pixels are its own."""
    one, other = random_images(seed=1), random_images(seed=2)
    other[3] = one[3]
    views = [random_views(pixels, SOME, generator=seeded()) for pixels in (one, other)]
    assert torch.equal(views[0][3], views[1][3])
    assert not torch.equal(views[0][2], views[1][2])


def test_the_generator_is_the_only_source_and_is_advanced():
    pixels, generator = random_images(), seeded()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        before = torch.get_rng_state()
        first, second = (random_views(pixels, SOME, generator=generator) for _ in range(2))
        assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first, second)
    assert torch.equal(first, random_views(pixels, SOME, generator=seeded()))
    assert not torch.equal(first, random_views(pixels, SOME, generator=seeded(1)))


def test_the_image_itself_is_not_touched():
    pixels = random_images()
    random_views(pixels, SOME, generator=seeded())
    assert torch.equal(pixels, random_images())


@given(size=st.integers(3, 12), side=st.integers(0, 3), channels=st.integers(1, 3), seed=st.integers(0, 99))
def test_the_grey_patch_is_one_square_of_its_area(size, side, channels, seed):
    pixels = torch.ones(8, channels, size, size)
    views = random_views(pixels, NONE | {"occlude": side}, generator=seeded(seed))
    grey = (views - 0.5).abs() < 1e-4
    assert torch.equal(grey.any(1), grey.all(1))  # the same place in every channel
    assert (grey[:, 0].sum(dim=(1, 2)) == side**2).all()
    if side:
        for patch in grey[:, 0]:
            row, column = patch.nonzero()[0].tolist()
            assert patch[row : row + side, column : column + side].all()


def test_the_grey_patch_gets_everywhere():
    views = random_views(torch.ones(400, 1, 4, 4), NONE | {"occlude": 2}, generator=seeded())
    assert ((views[:, 0] - 0.5).abs() < 1e-4).any(0).all()


@given(seed=st.integers(0, 99), size=st.sampled_from([5, 8, 12]))
def test_geometry_and_patch_stay_within_the_range_of_the_image(seed, size):
    views = random_views(random_images(size=size), SOME | {"noise": 0}, generator=seeded(seed))
    assert views.min() >= 0
    assert views.max() <= 1 + 1e-6  # weights of four neighbours add up to 1 in float32


def test_what_comes_from_outside_the_image_is_black():
    views = random_views(torch.ones(50, 1, 8, 8), NONE | {"shift": 0.4}, generator=seeded())
    assert (views[:, 0].amin(dim=(1, 2)) == 0).float().mean() > 0.7  # moved by more than a pixel


def test_noise_has_the_deviation_asked_for():
    pixels = torch.full((200, 1, 16, 16), 0.5)
    noise = random_views(pixels, NONE | {"noise": 0.1}, generator=seeded())[..., 2:-2, 2:-2] - 0.5
    assert noise.std().item() == pytest.approx(0.1, rel=0.02)  # 4 standard errors of 29,000 draws
    assert abs(noise.mean().item()) < 0.003


def test_shift_is_a_share_of_the_side():
    moved = centre(random_views(blob(300), NONE | {"shift": 0.2}, generator=seeded()))
    assert moved.abs().max() <= 0.2 + 1e-3
    assert (moved.abs().amax(dim=0) > 0.19).all()  # both directions get near the bound
    assert (moved.mean(dim=0).abs() < 0.03).all()


def test_rotation_is_in_degrees():
    """A spot to the right of the middle moves on a circle, by no more than the bound."""
    spot = torch.roll(blob(300), 9, dims=3)
    x, y = centre(random_views(spot, NONE | {"rotate": 20}, generator=seeded())).T
    angle = torch.rad2deg(torch.atan2(y, x))
    assert 19 < angle.abs().max() < 20.5
    assert torch.hypot(x, y).std() < 0.002


def test_scale_is_a_factor_about_1():
    spot = torch.roll(blob(300), 9, dims=3)
    distance = centre(random_views(spot, NONE | {"scale": 0.2}, generator=seeded())).norm(dim=1) * 33 / 9
    assert distance.min() == pytest.approx(1 / 1.2, abs=0.01)
    assert distance.max() == pytest.approx(1 / 0.8, abs=0.01)
