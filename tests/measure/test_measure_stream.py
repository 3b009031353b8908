"""The stream gives what the functions give on everything at once, whatever the batches, and cleans up after itself."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_features import gaussian, relative_error

from suite.measure._second_look import directions_for
from suite.measure.energy_pattern import energy_pattern, sorted_energy_pattern
from suite.measure.entropy import global_range, standardised_entropy, token_entropy
from suite.measure.magnitude import magnitude, scale
from suite.measure.nulls import MatchedGaussian, generator_for, permutation, permute_channels
from suite.measure.probe import Form
from suite.measure.probes import chosen
from suite.measure.rank import energies, participation_ratio, per_image_dims
from suite.measure.shared_basis import captured, shared_basis, shared_dims
from suite.measure.spectrum import channel_amplitude, channel_spectrum
from suite.measure.stream import LayerStream, measured
from suite.measure.subspace import image_overlaps, matched_image_overlaps

IMAGES = 11
SHAPES = ((16, 24), (9, 40), (9, 13))
PER_IMAGE = (
    "magnitude",
    "scale",
    "intensity",
    "entropy_global",
    "entropy_layer",
    "entropy_standardised",
    "dc_share",
    "flatness",
    "flatness_permuted",
    "low_pass",
    "low_pass_permuted",
)
DEEP = ("svd_dims", "shared_dims", "shared_dims_centred", "null_svd_dims", "null_shared_dims")
DEEP_ROWS = (
    "participation",
    *("angles_cross", "angles_split", "matched_cross", "matched_split", "centred_cross", "centred_split"),
)
DEEP_CURVES = ("shared_spectrum", "captured", "sep_curve", "sep_sorted", "sep_curve_permuted")


def layers_of(seed=0, images=IMAGES, dtype=torch.float32):
    """Layers of different width and number of tokens, each image in a span of its own."""
    return [
        gaussian(seed + 10 * number, (images, *shape), dtype=torch.float64, offset=0.5 * number).to(dtype)
        for number, shape in enumerate(SHAPES)
    ]


def streamed(layers, folder, *, batches=(IMAGES,), seed=5, **options):
    with LayerStream(seed=seed, spill=folder, **options) as stream:
        for batch in zip(*(torch.split(layer, list(batches)) for layer in layers), strict=True):
            stream.update(batch)
        return stream.finish()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_equals_the_functions_on_everything_at_once(tmp_path, dtype):
    layers = layers_of(dtype=dtype)
    arrays = streamed(layers, tmp_path, deep=(1, 2))
    orders = [
        permutation(layer.shape[2], generator=generator_for(5, "channel order", number))
        for number, layer in enumerate(layers)
    ]
    low, high = global_range(layers)
    allowed = 1e-10 if dtype == torch.float64 else 1e-4
    for number, (layer, order) in enumerate(zip(layers, orders, strict=True)):
        spectrum, permuted = channel_spectrum(layer), channel_spectrum(permute_channels(layer, order))
        expected = {
            "magnitude": magnitude(layer),
            "scale": scale(layer),
            "intensity": spectrum.intensity(),
            "entropy_global": token_entropy(layer, low, high).mean(dim=1),
            "entropy_layer": token_entropy(layer, *global_range([layer])).mean(dim=1),
            "entropy_standardised": standardised_entropy(layer).mean(dim=1),
            "dc_share": spectrum.dc_share(),
            "flatness": spectrum.flatness(),
            "flatness_permuted": permuted.flatness(),
            "low_pass": spectrum.low_pass_share(),
            "low_pass_permuted": permuted.low_pass_share(),
        }
        assert set(expected) == set(PER_IMAGE)
        for name, values in expected.items():
            assert relative_error(arrays[name][number], values) < allowed, name
        assert relative_error(arrays[f"amplitude.{number:02d}"], channel_amplitude(layer)) < allowed
        reordered = channel_amplitude(permute_channels(layer, order))
        assert relative_error(arrays[f"amplitude_permuted.{number:02d}"], reordered) < allowed
        assert relative_error(arrays[f"pooled.{number:02d}"], layer.double().mean(dim=1)) < 1e-5
    for number in (1, 2):
        layer, order = layers[number], orders[number]
        basis, centred = shared_basis(layer), shared_basis(layer, centred=True)
        assert (arrays[f"svd_dims.{number:02d}"] == per_image_dims(layer).numpy()).all()
        assert relative_error(arrays[f"participation.{number:02d}"], participation_ratio(energies(layer))) < allowed
        assert (arrays[f"shared_dims.{number:02d}"] == shared_dims(layer, basis).numpy()).all()
        assert (arrays[f"shared_dims_centred.{number:02d}"] == shared_dims(layer, centred).numpy()).all()
        expected = {
            "shared_spectrum": basis.spectrum,
            "captured": captured(layer, basis).mean(dim=0),
            "sep_curve": energy_pattern(layer).curve,
            "sep_sorted": sorted_energy_pattern(layer).curve,
            "sep_curve_permuted": energy_pattern(permute_channels(layer, order)).curve,
        }
        for name, values in expected.items():
            assert relative_error(arrays[f"{name}.{number:02d}"], values) < allowed, name
        generator = generator_for(5, "null images", number)
        null = MatchedGaussian(basis.spectrum, images=IMAGES, tokens=layer.shape[1], generator=generator)
        images = torch.cat(list(null))
        assert (arrays[f"null_svd_dims.{number:02d}"] == per_image_dims(images).numpy()).all()
        assert (arrays[f"null_shared_dims.{number:02d}"] == shared_dims(images, shared_basis(images)).numpy()).all()
        k = min(math.ceil(np.median(arrays[f"svd_dims.{number:02d}"][:, 1])), layer.shape[1] // 2)
        overlaps = {
            "angles": image_overlaps(layer, k, generator=generator_for(5, "halves", number)),
            "matched": matched_image_overlaps(layer, k, generator=generator_for(5, "matched halves", number)),
            "centred": matched_image_overlaps(
                layer, k, generator=generator_for(5, "centred halves", number), centred=True
            ),
        }
        for name, (across, within) in overlaps.items():
            assert arrays[f"{name}_cross.{number:02d}"] == pytest.approx(across.numpy(), abs=allowed)
            assert arrays[f"{name}_split.{number:02d}"] == pytest.approx(within.numpy(), abs=allowed)


@pytest.mark.parametrize(
    ("dims", "shape", "expected"),
    [
        ([3, 5, 9], (40, 50), 5),
        ([3, 4], (40, 50), 4),  # the median, rounded up
        ([30, 35], (40, 50), 20),  # half the tokens
        ([30, 35], (80, 12), 12),  # all channels
        ([0, 0], (40, 50), 1),
    ],
)
def test_as_many_directions_as_the_median_image_needs_for_ninety_percent(dims, shape, expected):
    table = torch.tensor([[0, number, 99, 99] for number in dims])
    assert directions_for(table, tokens=shape[0], channels=shape[1]) == expected


def test_the_arrays_are_exactly_those_promised(tmp_path):
    arrays = streamed(layers_of(), tmp_path)
    layers = len(SHAPES)
    expected = dict.fromkeys(PER_IMAGE, ((layers, IMAGES), np.float64))
    expected |= {"clipped_share": ((layers,), np.float64)}
    expected |= {"tokens": ((layers,), np.int64), "channels": ((layers,), np.int64), "images": ((), np.int64)}
    for number, (_, channels) in enumerate(SHAPES):
        expected[f"amplitude.{number:02d}"] = expected[f"amplitude_permuted.{number:02d}"] = ((channels,), np.float64)
        expected[f"pooled.{number:02d}"] = ((IMAGES, channels), np.float32)
    channels = SHAPES[-1][1]
    expected |= {f"{name}.02": ((IMAGES, 4), np.int64) for name in DEEP}
    expected |= {f"{name}.02": ((channels,), np.float64) for name in DEEP_CURVES}
    expected |= {f"{name}.02": ((IMAGES,), np.float64) for name in DEEP_ROWS}
    assert {name: (values.shape, values.dtype) for name, values in arrays.items()} == expected
    assert arrays["tokens"].tolist() == [tokens for tokens, _ in SHAPES]
    assert arrays["channels"].tolist() == [channels for _, channels in SHAPES]
    assert all(np.isfinite(values).all() for values in arrays.values())
    assert (arrays["shared_dims.02"] >= arrays["svd_dims.02"]).all()
    assert (arrays["null_shared_dims.02"] >= arrays["null_svd_dims.02"]).all()


@given(st.lists(st.integers(1, IMAGES - 4), max_size=4).filter(lambda cuts: sum(cuts) < IMAGES - 4))
@settings(max_examples=12)
def test_results_do_not_depend_on_the_batches(tmp_path_factory, cuts):
    """The ranges come from the first three images in every case."""
    folder = tmp_path_factory.mktemp("stream")
    layers = layers_of()
    one = streamed(layers, folder, calibrate=3)
    two = streamed(layers, folder, batches=(3, *cuts, IMAGES - 3 - sum(cuts)), calibrate=3)
    assert one.keys() == two.keys()
    for name, values in one.items():
        assert relative_error(two[name], values) < 1e-6, name


def test_equal_seeds_give_identical_arrays_and_threads_do_not_matter(tmp_path):
    layers = layers_of()
    one, again, other = (streamed(layers, tmp_path, batches=(4, 7), seed=seed) for seed in (5, 5, 6))
    assert all(np.array_equal(values, again[name]) for name, values in one.items())
    assert not np.array_equal(one["flatness_permuted"], other["flatness_permuted"])
    assert not np.array_equal(one["angles_split.02"], other["angles_split.02"])
    threads = torch.get_num_threads()
    torch.set_num_threads(2 if threads == 1 else 1)
    try:
        parallel = streamed(layers, tmp_path, batches=(4, 7))
    finally:
        torch.set_num_threads(threads)
    for name, values in one.items():
        assert relative_error(parallel[name], values) < 1e-6, name


def test_ranges_come_from_the_first_images_and_the_rest_is_clipped(tmp_path):
    layers = layers_of()
    layers[1][4:] *= 3
    arrays = streamed(layers, tmp_path, batches=(5, 6), calibrate=4)
    low, high = global_range([layer[:4] for layer in layers])
    for number, layer in enumerate(layers):
        own_low, own_high = global_range([layer[:4]])
        outside = ((layer < own_low) | (layer > own_high)).double().mean()
        assert arrays["clipped_share"][number] == pytest.approx(float(outside))
        assert relative_error(arrays["entropy_global"][number], token_entropy(layer, low, high).mean(dim=1)) < 1e-6
        own = token_entropy(layer, own_low, own_high).mean(dim=1)
        assert relative_error(arrays["entropy_layer"][number], own) < 1e-6
    assert arrays["clipped_share"][1] > 0.02


def test_features_wait_on_disk_and_only_a_few_numbers_per_image_in_memory(tmp_path):
    tokens, channels, images = 64, 32, 6
    held = []
    with LayerStream(seed=0, spill=tmp_path) as stream:
        for batch in range(4):
            stream.update([gaussian(batch, (images, tokens, channels), dtype=torch.float32)])
            files = [path for path in tmp_path.rglob("*") if path.is_file()]
            assert [path.stat().st_size for path in files] == [(batch + 1) * images * tokens * channels * 4]
            held.append(sum(rows.bytes for rows in stream._rows()))
        per_image = len(PER_IMAGE) * 8 + channels * 4
        assert held == [per_image * images * (batch + 1) for batch in range(4)]
        stream.finish()
        assert not list(tmp_path.iterdir())


def test_no_deep_layer_means_no_file(tmp_path):
    with LayerStream(seed=0, spill=tmp_path, deep=()) as stream:
        stream.update([gaussian(0, (1, 4, 6))])
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
        arrays = stream.finish()
    assert "shared_dims.00" not in arrays


def test_features_wait_on_disk_only_where_a_probe_looks_twice(tmp_path):
    once = [probe for probe in chosen() if not probe.SECOND_LOOK]
    with LayerStream(once, seed=0, spill=tmp_path) as stream:
        stream.update([gaussian(0, (3, 4, 6))])
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
        assert "sep_curve.00" in stream.finish()


def test_a_probe_gives_the_same_whatever_its_company(tmp_path):
    """Each probe's arrays are evidence of their own: bit for bit those it gives alone."""
    layers = layers_of()
    batches = list(zip(*(torch.split(layer, [4, 7]) for layer in layers), strict=True))
    with LayerStream(seed=5, spill=tmp_path, groups=3) as stream:
        for batch in batches:
            stream.update(batch)
        together = stream.finish_each()
    assert together.keys() == {probe.__module__.rpartition(".")[2] for probe in chosen()}
    for probe in chosen():
        with LayerStream([probe], seed=5, spill=tmp_path, groups=3) as stream:
            for batch in batches:
                stream.update(batch)
            ((name, alone),) = stream.finish_each().items()
        assert alone.keys() == together[name].keys()
        assert all(np.array_equal(values, together[name][array]) for array, values in alone.items()), name
        promised = {array.removeprefix("grouped.").partition(".")[0] for array in alone}
        assert promised == {*probe.ARRAYS, "images", "tokens", "channels"}


def test_no_two_probes_give_arrays_of_one_name():
    promised = [name for probe in chosen() for name in probe.ARRAYS]
    assert len(set(promised)) == len(promised)


@pytest.mark.parametrize("probe", chosen(), ids=lambda probe: probe.__name__)
def test_only_a_calibrated_probe_depends_on_which_images_come_first(tmp_path, probe):
    layers = layers_of()
    for layer in layers:
        layer[6:] *= 1.5
    order = torch.arange(IMAGES).roll(5)
    if probe.SECOND_LOOK or any(form is Form.CURVE for form in probe.ARRAYS.values()):
        return  # pairs and sums over images depend on the order through draws or rounding
    one = measured(layers, [probe]) | {}
    with LayerStream([probe], seed=0, spill=tmp_path, calibrate=3) as stream:
        stream.update([layer[order] for layer in layers])
        other = stream.finish()
    same = all(
        np.allclose(other[name], one[name][:, order.numpy()], rtol=1e-6, atol=1e-9)
        for name, form in probe.ARRAYS.items()
        if form is Form.PER_IMAGE
    )
    assert same == (not probe.CALIBRATED)


def test_one_shot_is_an_update_and_a_finish(tmp_path):
    layers = layers_of()
    one, two = streamed(layers, tmp_path, groups=2), measured(layers, seed=5, groups=2)
    assert one.keys() == two.keys()
    assert all(np.array_equal(values, two[name]) for name, values in one.items())


def test_files_are_removed_when_the_caller_fails_or_leaves(tmp_path):
    def fail():
        with LayerStream(seed=0, spill=tmp_path) as stream:
            stream.update(layers_of())
            assert list(tmp_path.iterdir())
            raise RuntimeError("the model ran out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        fail()
    assert not list(tmp_path.iterdir())
    stream = LayerStream(seed=0, spill=tmp_path)
    stream.update(layers_of())
    stream.close()
    stream.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_broken_feature_is_named_and_ends_the_stream(tmp_path, bad):
    layers = layers_of()
    broken = layers_of()
    broken[1][7, 3, 5] = bad
    with LayerStream(seed=0, spill=tmp_path) as stream:
        stream.update(layers)
        with pytest.raises(ValueError, match=rf"layer 1, image {IMAGES + 7}: .* NaN or infinite"):
            stream.update(broken)
        assert not list(tmp_path.iterdir())
        with pytest.raises(ValueError, match="interrupted by an error"):
            stream.update(layers)
        with pytest.raises(ValueError, match="interrupted by an error"):
            stream.finish()


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        ([], "at least one layer"),
        ([torch.zeros(2, 3)], "layer 0: features must be"),
        ([torch.zeros(2, 3, 4), torch.zeros(2, 3, 4, dtype=torch.int32)], "layer 1: features must be"),
        ([torch.zeros(2, 3, 4), torch.zeros(3, 3, 4)], "layer 1 holds 3 images"),
        ([torch.zeros(2, 1, 4)], "layer 0 has 1 tokens"),
        ([torch.zeros(2, 4, 1)], "of 1 channels"),
    ],
)
def test_batches_that_do_not_fit_are_refused(tmp_path, batch, says):
    with LayerStream(seed=0, spill=tmp_path) as stream, pytest.raises(ValueError, match=says) as caught:
        stream.update(batch)
    assert "\n" not in str(caught.value)


def test_layers_may_not_change_between_batches(tmp_path):
    with LayerStream(seed=0, spill=tmp_path) as stream:
        stream.update([torch.rand(2, 3, 4)])
        with pytest.raises(ValueError, match="changed from"):
            stream.update([torch.rand(2, 3, 5)])


def test_streams_that_cannot_finish_say_why(tmp_path):
    with LayerStream(seed=0, spill=tmp_path) as stream, pytest.raises(ValueError, match="saw no images"):
        stream.finish()
    with LayerStream(seed=0, spill=tmp_path) as stream:
        stream.update([torch.rand(1, 3, 4)])
        with pytest.raises(ValueError, match="at least 2, or deep="):
            stream.finish()
    with pytest.raises(ValueError, match="closed"):
        stream.update([torch.rand(1, 3, 4)])


@pytest.mark.parametrize(
    ("options", "says"),
    [({"calibrate": 0}, "at least 1 image"), ({"spill": "missing"}, "does not exist")],
)
def test_senseless_set_ups_are_refused(tmp_path, options, says):
    settings = {"seed": 0, "spill": tmp_path} | options
    if "spill" in options:
        settings["spill"] = tmp_path / "missing"
    with pytest.raises(ValueError, match=says):
        LayerStream(**settings)


def test_deep_layers_must_exist(tmp_path):
    stream = LayerStream(seed=0, spill=tmp_path, deep=(3,))
    with pytest.raises(ValueError, match="between 0 and 2"):
        stream.update(layers_of())


def test_a_dead_layer_is_measured_as_such(tmp_path):
    layers = [torch.zeros(3, 6, 8), gaussian(0, (3, 6, 8))]
    arrays = streamed(layers, tmp_path, batches=(2, 1))
    for name in PER_IMAGE:
        assert not arrays[name][0].any() or name == "entropy_global", name
    assert not arrays["entropy_global"][0].any()
    with pytest.raises(ValueError, match=r"layer 0: .* not all zero"):
        streamed(layers, tmp_path, batches=(3,), deep=(0,))
    assert not list(tmp_path.iterdir())


def test_gradients_are_neither_needed_nor_kept(tmp_path):
    layers = [layer.requires_grad_() for layer in layers_of()]
    arrays = streamed(layers, tmp_path)
    assert np.isfinite(arrays["scale"]).all()
    with torch.inference_mode():
        inside = streamed([layer.detach().clone() for layer in layers], tmp_path)
    assert all(np.array_equal(values, inside[name]) for name, values in arrays.items())


def test_strided_views_are_measured_as_their_values(tmp_path):
    layers = layers_of()
    views = [layer.mT.contiguous().mT for layer in layers]
    assert not views[0].is_contiguous()
    one, two = streamed(layers, tmp_path), streamed(views, tmp_path)
    assert all(np.array_equal(values, two[name]) for name, values in one.items())
