"""Groups of images, and a stream that goes on where an earlier process stopped."""

import numpy as np
import pytest
import torch
from made_features import gaussian, relative_error

from suite.measure.stream import FOLDER, LayerStream

IMAGES, SHAPES = 11, ((16, 24), (9, 13))
SUMMED = ("amplitude", "amplitude_permuted")
DEEP_SUMMED = ("shared_spectrum", "captured", "sep_curve", "sep_sorted", "sep_curve_permuted")


def layers_of(images=IMAGES):
    return [gaussian(10 * number, (images, *shape)) for number, shape in enumerate(SHAPES)]


def batches_of(layers, sizes):
    return list(zip(*(torch.split(layer, list(sizes)) for layer in layers), strict=True))


def streamed(layers, folder, *, sizes=None, **options):
    with LayerStream(seed=5, spill=folder, calibrate=3, **options) as stream:
        for batch in batches_of(layers, sizes or (len(layers[0]),)):
            stream.update(batch)
        return stream.finish()


@pytest.mark.parametrize("groups", [2, 4, IMAGES])
def test_groups_add_up_to_the_whole(tmp_path, groups):
    arrays = streamed(layers_of(), tmp_path, groups=groups, sizes=(4, 5, 2))
    counts = np.bincount(np.arange(IMAGES) % groups)
    for name in (*(f"{name}.00" for name in SUMMED), *(f"{name}.01" for name in (*SUMMED, *DEEP_SUMMED))):
        parts = arrays[f"grouped.{name}"]
        assert parts.shape == (groups, *arrays[name].shape)
        assert relative_error(counts @ parts / IMAGES, arrays[name]) < 1e-9, name


def test_a_group_is_what_its_images_alone_give(tmp_path):
    """Image i is in group i % 3; what needs no basis of all images can be measured on the group alone."""
    layers = layers_of()
    arrays = streamed(layers, tmp_path, groups=3)
    for group in range(3):
        alone = streamed([layer[group::3] for layer in layers], tmp_path)
        for name in ("amplitude.00", "amplitude.01", "sep_curve.01", "sep_sorted.01"):
            assert relative_error(arrays[f"grouped.{name}"][group], alone[name]) < 1e-9, name


def test_groups_change_nothing_else(tmp_path):
    layers = layers_of()
    one, three = streamed(layers, tmp_path), streamed(layers, tmp_path, groups=3)
    assert {name for name in three if not name.startswith("grouped.")} == set(one)
    for name, values in one.items():
        assert relative_error(three[name], values) < 1e-12, name


def test_an_all_zero_token_counts_for_nothing_in_its_group(tmp_path):
    layers = layers_of()
    layers[1][3:6, 4:] = 0
    arrays = streamed(layers, tmp_path, groups=2)
    for group in range(2):
        alone = streamed([layer[group::2] for layer in layers], tmp_path)
        assert relative_error(arrays["grouped.sep_sorted.01"][group], alone["sep_sorted.01"]) < 1e-9


def interrupted(layers, folder, *, after, sizes, **options):
    """What a process leaves that measured everything, but last saved its state after some batches."""
    stream = LayerStream(seed=5, spill=folder, calibrate=3, resumable=True, **options)
    for number, batch in enumerate(batches_of(layers, sizes)):
        stream.update(batch)
        if number < after:
            stream.save(folder / "saved.pt")
    stream.close()


def restored(layers, folder, *, sizes, **options):
    with LayerStream(seed=5, spill=folder, calibrate=3, resumable=True, **options) as stream:
        stream.restore(folder / "saved.pt")
        begun = stream.images
        for batch in batches_of([layer[begun:] for layer in layers], sizes) if sizes else ():
            stream.update(batch)
        return begun, stream.finish()


@pytest.mark.parametrize("after", [1, 2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_resumed_stream_ends_with_identical_arrays(tmp_path, after, dtype):
    layers = [layer.to(dtype) for layer in layers_of()]
    sizes = (4, 3, 4)
    whole = streamed(layers, tmp_path, sizes=sizes, groups=3, deep=(0, 1))
    interrupted(layers, tmp_path, after=after, sizes=sizes, groups=3, deep=(0, 1))
    begun, arrays = restored(layers, tmp_path, sizes=sizes[after:], groups=3, deep=(0, 1))
    assert begun == sum(sizes[:after])
    assert arrays.keys() == whole.keys()
    assert all(np.array_equal(values, whole[name]) for name, values in arrays.items())
    assert not (tmp_path / FOLDER).exists()


def test_an_error_leaves_the_files_too(tmp_path):
    layers = layers_of()
    stream = LayerStream(seed=5, spill=tmp_path, calibrate=3, resumable=True)
    for batch in batches_of(layers, (4, 3, 4)):
        stream.update(batch)
    stream.save(tmp_path / "saved.pt")
    with pytest.raises(ValueError, match="NaN"):
        stream.update([torch.full_like(layer, float("nan")) for layer in layers])
    assert (tmp_path / FOLDER / "layer-01").is_file()
    _, arrays = restored(layers, tmp_path, sizes=())
    assert np.array_equal(arrays["magnitude"], streamed(layers, tmp_path, sizes=(4, 3, 4))["magnitude"])


def test_a_new_resumable_stream_replaces_what_an_earlier_one_left(tmp_path):
    layers = layers_of()
    interrupted(layers, tmp_path, after=0, sizes=(4, 3, 4))
    again = streamed(layers, tmp_path, resumable=True, sizes=(4, 3, 4))
    assert np.array_equal(again["magnitude"], streamed(layers, tmp_path, sizes=(4, 3, 4))["magnitude"])


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_spilled_features_that_are_gone_or_cut_are_named(tmp_path, damage):
    layers = layers_of()
    interrupted(layers, tmp_path, after=3, sizes=(4, 3, 4))
    spilled = tmp_path / FOLDER / "layer-01"
    if damage == "gone":
        spilled.unlink()
    else:
        spilled.write_bytes(spilled.read_bytes()[:-8])
    with pytest.raises(ValueError, match="layer-01 are gone or cut short"):
        restored(layers, tmp_path, sizes=())


def test_other_settings_cannot_go_on(tmp_path):
    layers = layers_of()
    interrupted(layers, tmp_path, after=2, sizes=(4, 3, 4), groups=2)
    with pytest.raises(ValueError, match="other settings"):
        restored(layers, tmp_path, sizes=(4,), groups=3)


def test_only_a_resumable_stream_is_saved_and_only_a_new_one_restored(tmp_path):
    layers = layers_of()
    with LayerStream(seed=0, spill=tmp_path) as stream:
        stream.update(layers)
        with pytest.raises(ValueError, match="resumable=True"):
            stream.save(tmp_path / "saved.pt")
    interrupted(layers, tmp_path, after=3, sizes=(4, 3, 4))
    with LayerStream(seed=0, spill=tmp_path, calibrate=3) as stream:
        stream.update(layers)
        with pytest.raises(ValueError, match="has begun"):
            stream.restore(tmp_path / "saved.pt")


def test_there_is_at_least_one_group(tmp_path):
    with pytest.raises(ValueError, match="at least 1 group"):
        LayerStream(seed=0, spill=tmp_path, groups=0)
