"""The same faults with real networks: what is wrong is named by its cell, and everything else is computed."""

from __future__ import annotations

import re

import pytest
from fake_studies import ignore
from fake_studies.claims import claim, criterion

from suite import profile as profiles
from suite.claim import PerSeed
from suite.cli import main
from suite.evidence.store import Store
from suite.run.execute import Outcome, execute
from suite.studies.cells import representation, student


@pytest.fixture
def smallest(tmp_path, monkeypatch):
    """The smoke profile with one seed, one epoch and the given replacements, as a user would edit it."""
    monkeypatch.chdir(tmp_path)

    def write(*replacements):
        text = (profiles.FOLDER / "smoke.toml").read_text()
        for old, new in ((r"seeds = \d+", "seeds = 1"), (r"epochs = \d+", "epochs = 1"), *replacements):
            text, count = re.subn(old, new, text)
            assert count, old
        (tmp_path / "mine.toml").write_text(text)
        return profiles.load("mine.toml")

    return write


def measured(role):
    return criterion(
        role,
        PerSeed((representation(role, probes="magnitude"),), lambda result: float(result.arrays["magnitude"].mean())),
    )


def test_an_unknown_timm_model_fails_its_cells_and_no_others(smallest, tmp_path, monkeypatch, capsys):
    profile = smallest((r'timm = "cait_s24_224"', 'timm = "cait_s24_22"'))
    monkeypatch.setattr("suite.catalog.discover", lambda: [claim("two", measured("cait"), measured("resnet"))])
    status = main(["claims", "--profile", "mine.toml", "--device", "cpu", "--workers", "1", "--no-sync", "--json"])
    said = capsys.readouterr()
    assert status == 1
    assert "failed: train cait, seed 0 (python -m suite status --profile mine.toml --device cpu tells why)" in said.err
    assert "blocked: measure trained cait, seed 0: magnitude (it needs a cell that could not be had)" in said.err
    assert "5/5 cells, 2 failed" in said.err  # two trainings, two measurements and the control they share
    assert said.err.splitlines()[-1] == (
        "suite: some cells failed: 'python -m suite status --profile mine.toml --device cpu' tells why"
    )
    store = Store(tmp_path / "evidence")
    cell = representation("cait", probes="magnitude")(profile, 0)
    reason = store.state(cell.needs["network"].key).detail
    assert re.match(r"ValueError: timm has no model 'cait_s24_22'; near it: cait_s24_224", reason)
    assert store.state(representation("resnet", probes="magnitude")(profile, 0).key).word == "done"


def test_features_that_are_not_finite_are_a_failed_cell_never_a_number(smallest, tmp_path):
    profile = smallest((r"untrained = \{ init_values = 1.0 \}", "untrained = { init_values = 3e38 }"))
    store = Store(tmp_path / "evidence")
    cell = representation("cait", trained=False, probes="magnitude")(profile, 0)
    assert execute(store, [cell], device="cpu", report=ignore) == {cell.key: Outcome.FAILED}
    reason = store.state(cell.key).detail
    assert "layer" in reason
    assert "image" in reason
    assert re.search(r"\b(nan|inf|NaN|infinite)", reason)


def test_an_unknown_layer_fails_its_student_and_none_of_its_block(smallest, tmp_path):
    profile = smallest()
    store = Store(tmp_path / "evidence")
    layers = {"student_layers": [99], "teacher_layers": [-1]}
    cells = [
        student("soft_kd", weights="random")(profile, 0),
        student("spectral_kd", layers, weights="random")(profile, 0),
        student("none")(profile, 0),
    ]
    assert len({cell.group for cell in cells}) == 1
    outcomes = execute(store, cells, device="cpu", report=ignore)
    assert [outcomes[cell.key] for cell in cells] == [Outcome.DONE, Outcome.FAILED, Outcome.DONE]
    assert "99" in store.state(cells[1].key).detail
    assert "\n" not in store.state(cells[1].key).detail
