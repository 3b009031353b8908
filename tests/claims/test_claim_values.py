"""The numbers that claims read, on results of known truth."""

from pathlib import Path

import numpy as np
import pytest

from claims import (
    _arms,
    cait_swin_similarity,
    late_layer_transfer,
    low_rank_energy,
    spectral_alignment,
    u_shape,
    width_alignment,
)
from suite.evidence.cell import Result


def result(**arrays):
    named = {name.replace("__", "."): np.asarray(values) for name, values in arrays.items()}
    return Result(key="made", folder=Path(), arrays=named, metrics=[], environment={}, seconds=0.0)


def profile_of(*levels, images=4):
    """A per-layer, per-image array whose mean over images is the given profile."""
    noise = np.linspace(-0.01, 0.01, images)
    return np.asarray(levels, dtype=float)[:, None] + noise


def test_u_depth_is_the_lower_end_above_the_bottom():
    cait = result(entropy_global=profile_of(5.0, 3.0, 4.0, 4.5))
    assert u_shape._bits("entropy_global")(cait) == pytest.approx(1.5)
    rising = result(entropy_global=profile_of(3.0, 3.5, 4.0, 4.5))
    assert u_shape._bits("entropy_global")(rising) < u_shape.SMALLEST_U


def test_u_ratio_is_in_log2():
    cait = result(magnitude=profile_of(4.0, 1.0, 2.0))
    assert u_shape._ratio("magnitude")(cait) == pytest.approx(1.0, abs=1e-3)


def test_entropy_of_gaussian_twin_follows_scale():
    twin = result(scale=profile_of(1.0, 0.5, 2.0, 4.0), channels=[48] * 4, tokens=[16] * 4)
    assert u_shape._gaussian_twin(twin) == pytest.approx(1.0)


def spectra(prefix, curves):
    return {f"{prefix}__{number:02d}": curve for number, curve in enumerate(curves)}


def low_pass(channels, cut):
    frequency = np.minimum(np.arange(channels), channels - np.arange(channels))
    return 1 / (1 + (frequency / (cut * channels)) ** 2) + 0.01


def test_matched_layers_are_at_equal_depth():
    cait = result(channels=[8] * 24)
    assert cait_swin_similarity._matched_layers(cait) == [1, 3, 21, 23]


def test_likeness_is_high_for_equal_spectra_and_above_random_only_by_depth():
    rng = np.random.default_rng(0)
    shapes = [np.abs(np.fft.fft(rng.normal(size=48))) + 0.1 for _ in range(4)]
    layers = [shapes[0]] * 2 + [shapes[1]] * 2 + [shapes[2]] * 18 + [shapes[3]] * 2
    cait = result(channels=[48] * 24, **spectra("amplitude", layers))
    swin = result(channels=[48] * 4, **spectra("amplitude", shapes))
    assert cait_swin_similarity._matched(cait, swin) == pytest.approx(1.0)
    assert cait_swin_similarity._above_random(cait, swin) > 0
    other = result(channels=[48] * 4, **spectra("amplitude", shapes[::-1]))
    assert cait_swin_similarity._above_random(cait, other) < 0


def ranks(own, shared, *, tokens=16, channels=48, null_own=10, null_shared=20):
    images = 8
    arrays = {
        "tokens": [tokens],
        "channels": [channels],
        "svd_dims__00": np.full((images, 4), own),
        "shared_dims__00": np.full((images, 4), shared),
        "null_svd_dims__00": np.full((images, 4), null_own),
        "null_shared_dims__00": np.full((images, 4), null_shared),
    }
    return result(**arrays)


def test_ranks_are_counted_against_what_is_possible():
    made = ranks(own=4, shared=24)
    assert low_rank_energy._per_image(made) == pytest.approx(4 / 16)
    assert low_rank_energy._shared(made) == pytest.approx(24 / 48)
    assert low_rank_energy._per_image_null(made) > 0.5, "white noise must not pass as low-rank"


def test_gap_is_held_against_its_null():
    assert low_rank_energy._gap_above_null(ranks(own=4, shared=24)) == pytest.approx(np.log2(6 / 2))
    assert low_rank_energy._gap_above_null(ranks(own=10, shared=20)) == pytest.approx(0.0)


def test_pattern_of_noise_lies_on_the_diagonal():
    flat = np.linspace(1 / 48, 1, 48)
    assert low_rank_energy._off_diagonal(flat) == pytest.approx(0.0, abs=1e-12)
    assert low_rank_energy._off_diagonal(np.ones(48)) > 0.8


def taught(accuracy, *, trajectory=(10.0, 20.0, 30.0), **profiles):
    arrays = {
        "accuracy_last": accuracy,
        "correct": np.ones(200, dtype=bool),
        "steps": [20, 60, 100],
        "trajectory": trajectory,
    }
    return result(**arrays, **{f"profile__{name}": values for name, values in profiles.items()})


def test_gains_are_paired_differences():
    assert _arms.gain(None, None).value(taught(80.0), taught(78.5)) == pytest.approx(1.5)
    double = _arms.gain_of_gains((None, None), (None, None)).value
    assert double(taught(80.0), taught(78.0), taught(75.0), taught(74.5)) == pytest.approx(1.5)
    assert _arms.step(taught(80.0)) == pytest.approx(0.5)


def test_an_early_gain_is_read_from_the_trajectory():
    early = _arms.gain_at(0.2, None, None).value
    assert early(taught(0, trajectory=(12.0, 0, 0)), taught(0, trajectory=(10.0, 5, 5))) == pytest.approx(2.0)


def test_suppression_is_read_from_the_last_evaluation():
    network = taught(0, entropy_global=[[9, 9, 9], [2.0, 1.0, 3.0]])
    assert late_layer_transfer._last_layer("entropy_global", network) == 3.0
    assert late_layer_transfer._expansion("entropy_global", network) == 2.0


def test_slope_is_per_doubling_of_width():
    gains = [1.0 * np.log2(width) for width in width_alignment.WIDTHS]
    pairs = [student for gain in gains for student in (taught(70 + gain), taught(70.0))]
    assert width_alignment._slope(*pairs) == pytest.approx(1.0)


def test_a_profile_of_the_teachers_shape_is_at_distance_zero_whatever_its_scale():
    teacher = result(magnitude=profile_of(*(2.0 ** np.array([3, 1, 0, 2]))))
    same = taught(0, magnitude=[[0] * 4, 2.0 ** (5 + 0.5 * np.array([3, 1, 0, 2]))])
    other = taught(0, magnitude=[[0] * 4, 2.0 ** np.array([0.0, 1, 2, 3])])
    assert spectral_alignment._distance("magnitude", same, teacher) == pytest.approx(0.0, abs=0.02)
    assert spectral_alignment._distance("magnitude", other, teacher) > 0.5


def test_the_identity_fails_without_the_doubled_columns():
    assert spectral_alignment._largest_error(spectral_alignment.spatial_alignment) < 1e-12
    assert spectral_alignment._largest_error(spectral_alignment._half_mse) > 0.01


@pytest.mark.parametrize(("architecture", "width", "count"), [("plain", None, 5_717_416), ("lift", 384, 5_983_528)])
def test_parameters_at_paper_size(architecture, width, count):
    assert width_alignment._count(architecture, width) == count
