"""Study super_resolution: regions apart, errors and branches as stated, the same numbers every time."""

from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from study_cells import Killed, assert_equal

from suite import profile
from suite.data import photographs
from suite.evidence.store import Store
from suite.run.execute import Outcome, execute
from suite.studies import super_resolution
from suite.studies.super_resolution_cells import enlarger


@pytest.fixture(scope="module")
def smoke():
    return profile.load("smoke")


def computed(smoke, module="multi_depth", **options):
    cell = enlarger(module, **options)(smoke, 0)
    with TemporaryDirectory() as folder:
        return super_resolution.run(SimpleNamespace(cell=cell, report=lambda *_: None, checkpoints=Path(folder)))


def test_regions_share_no_pixel_and_crops_do_not_overlap():
    train, test = photographs.TRAIN_COLUMNS, photographs.TEST_COLUMNS
    assert train.stop + 8 <= test.start
    assert photographs.STEP >= photographs.CROP
    found = photographs.load()
    assert found.train.shape == (2, 3, 212, 200)
    assert found.test.shape == (16, 3, 52, 52)
    assert torch.equal(photographs.rounded(found.train), found.train)
    flat = found.test.flatten(1)
    assert len({tuple(crop[:50].tolist()) for crop in flat}) == 16


def test_enlarging_what_was_shrunk_comes_near_and_sizes_are_exact():
    test = photographs.load().test
    for by in (2, 4):
        small = photographs.shrink(test, by)
        assert small.shape[-1] == 52 // by
        assert photographs.enlarge(small, by).shape == test.shape
    assert (photographs.enlarge(photographs.shrink(test, 2), 2) - test).abs().mean() < 0.03


def test_arrays_are_as_stated_and_the_same_every_time(smoke):
    arrays, history = computed(smoke)
    assert arrays["error"].shape == arrays["bicubic_error"].shape == (2, 16)
    assert arrays["centroid"].shape == arrays["centroid_noise"].shape == (2, 2)
    assert arrays["cka"].shape == (2,)
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert [entry["step"] for entry in history][-1] == 6
    again, _ = computed(smoke)
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)


def test_what_is_planted_is_there(smoke):
    arrays, _ = computed(smoke)
    assert (arrays["centroid_planted"][1] < arrays["centroid"][1]).all()
    np.testing.assert_array_equal(arrays["centroid_planted"][0], arrays["centroid"][0])
    assert np.abs(arrays["cka_planted"]).max() < 0.2
    assert arrays["bicubic_error_moved"].mean() == pytest.approx(0.81 * arrays["bicubic_error"].mean(), rel=0.05)
    assert (arrays["error_moved"] < arrays["error"]).all()
    wide, narrow = arrays["error_framed"]
    np.testing.assert_array_equal(wide, arrays["error"][0])
    assert (narrow > arrays["error"][1]).all()
    assert arrays["error_even"][0] == pytest.approx(arrays["error_even"][1], rel=0.1)


def test_without_branches_and_without_training(smoke):
    arrays, history = computed(smoke, "branch_free", trained=False)
    assert history == []
    assert arrays["centroid"].size == arrays["cka"].size == 0
    other, _ = computed(smoke, trained=False)
    assert int(other["multiply_adds"]) == int(arrays["multiply_adds"])


def test_patches_fit_their_targets():
    pictures = photographs.load().train
    small = photographs.shrink(pictures, 2)
    inputs, targets = super_resolution._patches(pictures, small, 2, 6, 8, torch.Generator().manual_seed(0))
    assert inputs.shape == (6, 3, 8, 8)
    assert targets.shape == (6, 3, 16, 16)
    inner = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(photographs.shrink(targets, 2)[inner], inputs[inner], atol=0.03, rtol=0)


def test_networks_of_other_make_or_untrained_are_other_cells(smoke):
    assert enlarger()(smoke, 0) != enlarger("equal_depth")(smoke, 0) != enlarger(trained=False)(smoke, 0)


@pytest.mark.parametrize("after", [1, 4, 6])
def test_a_training_that_is_killed_ends_with_the_same_numbers(smoke, tmp_path, monkeypatch, after):
    monkeypatch.setattr(super_resolution, "CHECKPOINT_SECONDS", 0.0)
    cell, store, said = enlarger()(smoke, 0), Store(tmp_path / "evidence"), []
    whole, history = computed(smoke)

    def stop(_key, _fraction, text):
        if text.startswith(f"step {after},"):
            raise Killed

    with pytest.raises(Killed):
        execute(store, [cell], device="cpu", report=stop)
    assert execute(store, [cell], device="cpu", report=lambda *given: said.append(given[2])) == {cell.key: Outcome.DONE}
    if after > 1:
        assert f"goes on after step {after - 1}" in said, "the step at which it was killed is done again"
        assert not any(text.startswith("step 1,") for text in said)
    result = store.read(cell)
    assert_equal(dict(result.arrays), {name: np.asarray(array) for name, array in whole.items()})
    assert list(result.metrics) == history


def test_a_checkpoint_that_was_changed_is_not_trusted(smoke, tmp_path, monkeypatch):
    monkeypatch.setattr(super_resolution, "CHECKPOINT_SECONDS", 0.0)
    cell, said = enlarger()(smoke, 0), []
    bench = SimpleNamespace(cell=cell, report=lambda _, text: said.append(text), checkpoints=tmp_path)
    whole, _ = super_resolution.run(bench)
    path = tmp_path / super_resolution.CHECKPOINT
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)
    said.clear()
    again, _ = super_resolution.run(bench)
    assert said[0].startswith("the training starts again: its checkpoint has other content")
    assert said[1].startswith("step 1,")
    for name, array in whole.items():
        np.testing.assert_array_equal(again[name], array)
