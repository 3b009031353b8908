"""The numbers that claims read, on results of known truth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

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
from suite.judge import mean_interval
from suite.measure.entropy_slope import entropy_slope
from suite.measure.nulls import MatchedGaussian, generator_for
from suite.measure.rank import per_image_dims
from suite.measure.shared_basis import shared_basis, shared_dims


def result(**arrays):
    named = {name.replace("__", "."): np.asarray(values) for name, values in arrays.items()}
    return Result(key="made", folder=Path(), arrays=named, metrics=[], environment={}, seconds=0.0)


def profile_of(*levels, images=4):
    """A per-layer, per-image array whose mean over images is the given profile."""
    noise = np.linspace(-0.01, 0.01, images)
    return np.asarray(levels, dtype=float)[:, None] + noise


def network(*, seed=0, layers=24, tokens=16, channels=48, **arrays):
    """What a saved network says of its size, with some arrays."""
    sizes = {"tokens": [tokens] * layers, "channels": [channels] * layers}
    return replace(result(**sizes, **arrays), seed=seed)


def test_a_u_needs_both_branches():
    bits = u_shape._bits("entropy_global")
    assert bits(result(entropy_global=profile_of(5.0, 4.0, 3.0, 4.0, 4.5))) == pytest.approx(1.5, abs=0.2)
    assert bits(result(entropy_global=profile_of(3.0, 3.5, 4.0, 4.5))) < 0
    zigzag = result(entropy_global=profile_of(3.0, 5.0, 2.9, 5.0, 3.0, 5.0, 2.9, 5.0, 3.1))
    assert bits(zigzag) < u_shape.SMALLEST_U, "a minimum below both ends is no U"


def test_u_ratio_is_in_doublings():
    cait = result(magnitude=profile_of(4.0, 2.0, 1.0, 2.0, 4.0))
    assert u_shape._ratio(u_shape._saved("magnitude"))(cait) == pytest.approx(2.0, abs=0.01)


def test_entropy_is_put_in_doublings_at_the_width_measured():
    deep = profile_of(3.0, 2.5, 2.0, 2.5, 3.0)
    narrow, wide = (network(layers=5, channels=width, entropy_global=deep) for width in (48, 384))
    value = u_shape._in_doublings(u_shape._saved("entropy_global"))
    assert value(narrow) == pytest.approx(1.0 / 0.54, rel=0.02)
    assert value(wide) == pytest.approx(1.0 / 0.92, rel=0.02)


def control(claim, criterion, key):
    """One control's values of six blocks of a made-up network, and where they lie."""
    found = next(one for one in claim.criteria if one.key == criterion)
    evidence = next(one for one in found.controls if one.key == key).evidence

    def where(make):
        networks = [[make(seed)] * len(evidence.subjects) for seed in range(6)]
        values = [evidence.value(*one) for one in networks]
        step = max(evidence.resolution(*one) for one in networks) if evidence.resolution else 0.0
        interval = mean_interval(values, resolution=step)
        assert step or len(set(values)) > 1, "another draw in every block"
        if found.region.contains(interval.low, interval.high):
            return "inside"
        return "outside" if found.region.disjoint(interval.low, interval.high) else "undecided"

    return where


def saved(seed):
    scale = profile_of(*np.linspace(1, 3, 24))
    drawn = np.random.default_rng(seed).uniform(0.9, 1.1, (24, 1))
    return network(seed=seed, scale=scale, magnitude=scale * drawn, intensity=scale * drawn, entropy_global=scale)


@pytest.mark.parametrize(
    ("criterion", "key", "place"),
    [
        ("entropy", "planted", "inside"),
        ("entropy_own_range", "planted", "inside"),
        ("entropy_standardised", "planted", "outside"),  # it registers sparse channels, not compression
        ("turning_point", "planted", "inside"),
        ("magnitude", "planted", "inside"),
        ("intensity", "planted", "inside"),
        ("independent_views", "planted", "inside"),
        ("independent_views", "gaussian_twin", "outside"),
        ("spectrum_phases", "planted", "inside"),
        ("spectrum_phases", "planted_relabelled", "outside"),  # the order of channels is arbitrary
        ("resnet_low_pass", "rectified_noise", "inside"),
        ("resnet_low_pass_beyond_dc", "smooth_relabelled", "outside"),  # likewise
    ],
)
def test_what_is_planted_is_found_or_shows_the_measure_blind(criterion, key, place):
    assert control(u_shape.CLAIM, criterion, key)(saved) == place


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
    assert cait_swin_similarity._matched(cait, cait) == pytest.approx(1.0), "another CaiT is matched layer by layer"


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
    assert low_rank_energy._printed_network(made) > 0.5, "16 tokens hide even the printed network's low rank"


def gaussian(seed):
    """A network whose images share one covariance."""
    spectrum = torch.exp(-torch.arange(48, dtype=torch.float64) / 12)
    pieces = MatchedGaussian(spectrum / spectrum.sum(), images=128, tokens=16, generator=generator_for(seed, "made"))
    images = torch.cat(list(pieces))
    own, shared = per_image_dims(images).numpy(), shared_dims(images, shared_basis(images)).numpy()
    return network(
        seed=seed,
        svd_dims__23=own,
        null_svd_dims__23=own,
        shared_dims__23=shared,
        null_shared_dims__23=shared,
        shared_spectrum__23=(spectrum / spectrum.sum()).numpy(),
    )


@pytest.mark.parametrize(
    ("criterion", "key", "place"),
    [
        ("per_image_rank", "printed_network", "outside"),  # the printed network itself, through 16 tokens
        ("shared_basis_rank", "white_noise", "inside"),
        ("gap_above_null", "planted_rotation", "inside"),
        ("rotation", "planted_rotation", "inside"),
        ("rotation", "matched_null", "outside"),
        ("spectral_energy_pattern", "white_noise", "inside"),  # the law is an identity: noise obeys it, too
        ("sorted_energy_pattern", "white_noise", "inside"),
        ("sorted_energy_pattern", "smooth_noise", "outside"),
    ],
)
def test_ranks_and_patterns_have_controls_that_can_come_out_otherwise(criterion, key, place):
    assert control(low_rank_energy.CLAIM, criterion, key)(gaussian) == place


def test_gap_is_held_against_its_null():
    assert low_rank_energy._gap_above_null(ranks(own=4, shared=24)) == pytest.approx(np.log2(6 / 2))
    assert low_rank_energy._gap_above_null(ranks(own=10, shared=20)) == pytest.approx(0.0)


def test_pattern_of_noise_lies_on_the_diagonal():
    flat = np.linspace(1 / 48, 1, 48)
    assert low_rank_energy._off_diagonal(flat) == pytest.approx(0.0, abs=1e-12)
    assert low_rank_energy._off_diagonal(np.ones(48)) > 0.8


def taught(accuracy, *, trajectory=(10.0, 20.0, 30.0), width=24, **profiles):
    arrays = {
        "accuracy_last": accuracy,
        "correct": np.ones(200, dtype=bool),
        "steps": [20, 60, 100],
        "trajectory": trajectory,
        "width": width,
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


def test_a_lead_that_shrinks_grows_by_less_than_nothing():
    growth = _arms.growth_of_gain(0.2, None, None).value
    ahead, behind = taught(81.0, trajectory=(15.0, 40, 81)), taught(80.0, trajectory=(10.0, 38, 80))
    assert growth(ahead, behind) == pytest.approx(1.0 - 5.0)
    assert growth(behind, ahead) == pytest.approx(5.0 - 1.0)


def test_a_student_that_learns_ever_more_slowly_loses_a_lead_in_time():
    gained = late_layer_transfer._time_gained
    assert gained(taught(0, trajectory=(10.0, 60.0, 70.0))) == pytest.approx(10.0 - 50.0)
    assert gained(taught(0, trajectory=(10.0, 20.0, 60.0))) == pytest.approx(40.0 - 10.0)


def test_suppression_is_read_from_the_last_evaluation():
    network = taught(0, width=24, entropy_global=[[9, 9, 9], [2.0, 1.0, 3.0]])
    doubling = entropy_slope(24)  # bits that the entropy gains when the scale doubles
    assert late_layer_transfer._last_layer(network) == pytest.approx(3.0 / doubling)
    assert late_layer_transfer._expansion(network) == pytest.approx(2.0 / doubling)


def test_slope_is_per_doubling_of_width():
    pairs = [
        student
        for width in (8, 16, 64)
        for student in (taught(70 + np.log2(width), width=width), taught(70.0, width=width))
    ]
    assert width_alignment._slope(*pairs) == pytest.approx(1.0)


def test_a_profile_of_the_teachers_shape_is_at_distance_zero_whatever_its_scale():
    teacher = result(magnitude=profile_of(*(2.0 ** np.array([3, 1, 0, 2]))))
    same = taught(0, magnitude=[[0] * 4, 2.0 ** (5 + 0.5 * np.array([3, 1, 0, 2]))])
    other = taught(0, magnitude=[[0] * 4, 2.0 ** np.array([0.0, 1, 2, 3])])
    assert spectral_alignment._distance("magnitude", same, teacher) == pytest.approx(0.0, abs=0.02)
    assert spectral_alignment._distance("magnitude", other, teacher) > 0.5


def test_the_identity_fails_without_the_doubled_columns():
    assert spectral_alignment._largest_error("published") == 0.0
    assert spectral_alignment._largest_error("closed") < 1e-12
    assert spectral_alignment._largest_error("half_mse") > 0.01


@pytest.mark.parametrize(("architecture", "width", "count"), [("plain", None, 5_717_416), ("lift", 384, 5_983_528)])
def test_parameters_at_paper_size(architecture, width, count):
    assert width_alignment._count(architecture, width) == count


def test_numbers_that_claims_state_are_those_of_the_code():
    """Claims state them so that they are listed without torch."""
    from baselines.spectral_kd import generic_weight
    from claims._arms import MSE_AS_SPECTRAL, WEIGHT
    from claims._released_tables import PERCENTS
    from suite.measure.rank import SHARES

    assert WEIGHT * generic_weight(4) == MSE_AS_SPECTRAL
    assert tuple(round(100 * share) for share in SHARES) == PERCENTS
