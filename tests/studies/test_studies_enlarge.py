"""Study *enlarge* on files of the released names with random weights: PSNR as elsewhere, and a kill without a trace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from photographs import crop
from study_cells import Killed, assert_equal, compute

from claims import multi_depth_released
from suite import profile as profiles
from suite.assess import Evidence, assess
from suite.data.choice import _choose, _digest
from suite.data.photographs import enlarge, rounded, shrink
from suite.errors import Unavailable
from suite.evidence.store import Store
from suite.judge import Sampling, Verdict
from suite.measure.super_resolution import psnr
from suite.models.mdbn import MDBN, make
from suite.run.execute import Outcome, execute
from suite.scope import as_measured
from suite.studies import enlarge as study
from suite.studies.cells import enlarging

SIZES = (61, 72, 75, 60, 66)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Five images without classes, a small and a broken one, and the file of each scale."""
    root = tmp_path_factory.mktemp("given")
    (root / "images").mkdir()
    for number, side in enumerate(SIZES):
        crop(number, side).save(root / "images" / f"{number}.png")
    crop(7, 30).save(root / "images" / "small.png")
    (root / "images" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for scale in (2, 3, 4):
        torch.save(
            {"params": make(scale, features=64, blocks=6, module="multi_depth", seed=scale).state_dict()},
            root / f"MDBN_x{scale}.pth",
        )
    return root


@pytest.fixture
def profile(given, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _choose.cache_clear()
    _digest.cache_clear()
    weights = {f"mdbn_x{scale}": given / f"MDBN_x{scale}.pth" for scale in (2, 3, 4)}
    return profiles.load("released-mdbn", images=str(given / "images"), weights=weights)


@pytest.mark.parametrize("scale", [3, 4])
def test_psnr_is_that_of_the_measure_on_the_outputs(profile, given, tmp_path, scale):
    cell, store = enlarging(f"mdbn_x{scale}")(profile, 0), Store(tmp_path / "evidence")
    assert compute(store, cell) == {cell.key: Outcome.DONE}
    result = store.read(cell)
    assert list(result.arrays["image_names"]) == [f"{number}.png" for number in range(5)]
    assert list(result.arrays["skipped_names"]) == ["small.png", "torn.png"]
    assert "at least 48 a side" in result.metrics[0]["reason"]
    assert result.arrays["centroid"].shape == (2, 12, 5)
    model = MDBN(scale).eval()
    model.load_state_dict(torch.load(given / f"MDBN_x{scale}.pth", weights_only=True)["params"])
    for number, side in enumerate(SIZES):
        cut = side - side % 12
        pixels = np.asarray(crop(number, side))[:cut, :cut]
        truth = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            made = {
                "error": rounded(model(shrink(truth, scale))),
                "bicubic_error": enlarge(shrink(truth, scale), scale),
            }
        for name, image in made.items():
            bytes_of = (image[0].permute(1, 2, 0) * 255).round().byte().numpy()
            for row, border in enumerate((4, scale)):
                found = 10 * np.log10(255**2 / result.arrays[name][row, number])
                assert found == pytest.approx(psnr(bytes_of, pixels, border=border), abs=1e-6)
    assert str(given) not in (result.folder / "cell.json").read_text()


@pytest.mark.parametrize("after", [2, 6])
def test_a_pass_that_is_killed_ends_with_the_same_numbers(profile, tmp_path, monkeypatch, after):
    monkeypatch.setattr(study, "CHECKPOINT_SECONDS", 0.0)
    cell, said = enlarging("mdbn_x4")(profile, 0), []
    whole, store = Store(tmp_path / "whole"), Store(tmp_path / "evidence")
    compute(whole, cell)

    def stop(_key, _fraction, text):
        if text.startswith(f"{after} of "):
            raise Killed

    with pytest.raises(Killed):
        execute(store, [cell], device="cpu", report=stop)
    compute(store, cell, report=lambda _key, _fraction, text: said.append(text))
    assert f"goes on after {after} images" in said
    assert "1 of 7 images" not in said
    assert_equal(dict(store.read(cell).arrays), dict(whole.read(cell).arrays))
    assert list(store.read(cell).metrics) == list(whole.read(cell).metrics)


def test_a_file_of_another_scale_or_network_names_the_role(profile, given, tmp_path):
    swapped = replace(profile, weights={"mdbn_x4": given / "MDBN_x2.pth"})
    with pytest.raises(Unavailable, match=r"scale 2, not 4: pass it as --weights mdbn_x2=FILE with --profile rel"):
        enlarging("mdbn_x4")(swapped, 0)
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(Unavailable, match=r"does not hold .*MDBN x4 .* pass --weights mdbn_x4=FILE"):
        enlarging("mdbn_x4")(replace(profile, weights={"mdbn_x4": tmp_path / "other.pth"}), 0)
    with pytest.raises(Unavailable, match=r"no weights of mdbn_x4 were given \(Multi-Depth Branch Network's exp"):
        enlarging("mdbn_x4")(replace(profile, weights={}), 0)


def test_random_weights_are_judged_and_never_better_than_bicubic(profile, tmp_path):
    """At published scope, as the files are taken for the authors'; the digest is stated."""
    measured = as_measured(profile)
    assert measured.scope == "published"
    assert any(one.what == "file of mdbn_x4" for one in measured.deviations)
    store = Store(tmp_path / "evidence")
    role = "mdbn_x4"
    for cell in (enlarging(role)(measured, 0), enlarging(role, trained=False)(measured, 0)):
        compute(store, cell)
    found = {one.criterion.key: one for one in assess([multi_depth_released.CLAIM], Evidence(measured, store))}
    assert found["above_bicubic_x4"].verdict in (Verdict.INCONCLUSIVE, Verdict.CONTRADICTED)
    assert found["above_bicubic_x4"].observed.whole < -3
    assert found["above_bicubic_x4"].observed.sampling is Sampling.HALVES
    assert "dB without four pixels of border" in found["above_bicubic_x4"].observed.note
    assert found["deep_is_higher_x4"].verdict in (Verdict.UNINFORMATIVE, Verdict.INCONCLUSIVE, Verdict.CONTRADICTED)
    assert found["deep_is_higher_x2"].verdict is Verdict.NOT_RUN


def test_a_mean_over_images_has_the_error_of_the_mean():
    values = np.random.default_rng(0).normal(1.0, 0.5, 150)
    reading = multi_depth_released.OverImages(lambda *_: None, lambda _: values)

    class Access:
        profile = type("P", (), {"seeds": (0,)})()

        def result(self, _cell):
            arrays = {"images_skipped": 0, "weights_origin": "a file", "error": np.ones((2, 150))}
            return type("R", (), {"arrays": arrays})()

    observed = reading.observe(Access())
    assert observed.whole == pytest.approx(values.mean())
    assert np.std(observed.values) == pytest.approx(values.std() / np.sqrt(150), rel=0.5)
