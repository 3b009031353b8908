"""A training that diverged is replayed from what was kept of it: the same step, the same numbers."""

from __future__ import annotations

import json
import math
import re

import pytest
import torch
from study_cells import PER_EPOCH, compute, student

from suite import cli
from suite.errors import SuiteError
from suite.evidence.seal import read_seal
from suite.run import keepsake, planned
from suite.run.execute import Outcome
from suite.studies.replay import lines, replay
from suite.train import loop
from suite.train.student import Student

# Weights grow until the numbers that float32 holds are left, after an epoch and more.
FAST = {"lr": 1e6, "weight_decay": 0.0, "clip": 0.0, "warmup": 0.9, "epochs": 6}


@pytest.fixture
def often(monkeypatch):
    """Checkpoints after every epoch, however short it is."""
    monkeypatch.setattr(loop._Checkpoints, "due", lambda _self, *, between_epochs: between_epochs)


def diverges(kind="soft_kd", **changes):
    return student(kind, **{**FAST, **changes})


def test_the_step_is_found_again_with_its_numbers(store, often):
    cell, well = diverges(), student("none")
    assert compute(store, cell, well) == {cell.key: Outcome.FAILED, well.key: Outcome.DONE}
    kept = keepsake.read(store.folder(cell.key))
    assert kept.step >= PER_EPOCH, "there is a checkpoint before"
    assert kept.digest
    assert kept.reason == store.state(cell.key).detail
    assert "replay/student.pt" in read_seal(store.folder(cell.key), cell.key)["files"]
    said = []
    found = replay(store, cell, device="cpu", say=said.append)
    assert found.same
    assert found.fault == kept.reason
    assert 0 < found.resumed == PER_EPOCH * (kept.step // PER_EPOCH) <= kept.step
    assert [len(one.images) for one in found.slices] == [12]
    assert not all(map(math.isfinite, found.slices[0].terms.values())) or found.gradients
    assert any("goes on after" in text for text in said)
    text = "\n".join(lines(found))
    assert f"weights before step {kept.step}: sha256 {found.weights[:16]}" in text
    assert "so it is the step: the same numbers" in text
    assert found.weights == replay(store, cell, device="cpu", say=said.append).weights


def test_what_was_kept_is_enough_wherever_it_went_on_from(store, often):
    """Without its checkpoint the training begins anew, and comes to the same weights before the step."""
    cell = diverges()
    compute(store, cell)
    whole = replay(store, cell, device="cpu", say=print)
    note = store.folder(cell.key) / keepsake.FOLDER / keepsake.NOTE
    note.write_text(json.dumps(json.loads(note.read_text()) | {"digest": ""}))
    anew = replay(store, cell, device="cpu", say=print)
    assert anew.resumed == 0 < whole.resumed
    assert (anew.weights, anew.fault, anew.slices) == (whole.weights, whole.fault, whole.slices)


def test_the_layer_and_the_parameters_are_named(store, monkeypatch):
    """A weight that is no number: the first module whose output is none is the one that holds it."""
    begin = Student.begin

    def spoil(self):
        begin(self)
        if self.done == 1:
            with torch.no_grad():
                self.network.backbone.blocks[1].mlp.fc1.weight[0, 0] = float("nan")

    monkeypatch.setattr(Student, "begin", spoil)
    cell = student("none")
    assert compute(store, cell) == {cell.key: Outcome.FAILED}
    found = replay(store, cell, device="cpu", say=print)
    assert (found.kept.step, found.kept.digest, found.resumed) == (1, "", 0)
    assert found.slices[0].layer == "backbone.blocks.1.mlp.fc1"
    assert len(found.gradients) > 3
    assert found.same
    text = "\n".join(lines(found))
    assert "goes on from:   its beginning" in text
    assert "not finite from backbone.blocks.1.mlp.fc1 on" in text
    assert re.search(r"gradients: .* and \d+ more", text)
    monkeypatch.setattr(Student, "begin", begin)  # a fault of the machine, say: it does not come back
    found = replay(store, cell, device="cpu", say=print)
    assert not found.same
    assert not found.fault
    assert "nothing is wrong with it" in "\n".join(lines(found))


def test_an_output_that_is_no_number_after_a_step_is_found_again(store, monkeypatch):
    finish = Student.finish

    def spoil(self, numbers):
        finish(self, numbers)
        if self.due:
            with torch.no_grad():
                self.network.backbone.head.bias[0] = float("inf")

    monkeypatch.setattr(Student, "finish", spoil)
    cell = student("none")
    assert compute(store, cell) == {cell.key: Outcome.FAILED}
    found = replay(store, cell, device="cpu", say=print)
    assert found.kept.taken
    assert found.same
    assert "an output is NaN or infinite after step" in found.fault


def test_from_the_command_line(store, often, capsys):
    cell, well = diverges(), student("none")
    planned.write(store.root, [cell, well])
    compute(store, cell, well)
    before = {path: path.read_bytes() for path in store.folder(cell.key).rglob("*") if path.is_file()}
    arguments = ["--evidence", str(store.root)]
    assert cli.main(["replay", cell.key, *arguments]) == 0
    assert "so it is the step" in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in store.folder(cell.key).rglob("*") if path.is_file()}
    assert f"replay {cell.key}" in (store.folder(cell.key) / "log.txt").read_text()
    assert cli.main(["replay", well.key, *arguments]) == 2
    assert "only a training that diverged leaves something" in capsys.readouterr().err


def test_a_failure_of_another_kind_keeps_nothing(store):
    cell = student("none", shape={"num_heads": 3})
    compute(store, cell)
    assert store.state(cell.key).word == "failed"
    assert keepsake.read(store.folder(cell.key)) is None
    with pytest.raises(SuiteError, match="nothing is kept to replay"):
        replay(store, cell, device="cpu", say=print)
