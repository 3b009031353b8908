"""Costs of a step: counted once, and anew as soon as anything changes that they follow from."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from suite.claim.program import Program
from suite.show import costs
from suite.show.costs import FILE, Counted, counted


def cell(name="soft_kd", **data):
    spec = {"student": {"depth": 2}, "teacher": {}, "method": {"name": name}, "data": {"source": "digits", **data}}
    return SimpleNamespace(spec=spec)


@pytest.fixture
def program(tmp_path):
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "one.py").write_text("CLAIM = 1\n")
    return Program.of(tmp_path / "claims")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "evidence").mkdir()
    return tmp_path / "evidence" / "values"


@pytest.fixture
def asked(monkeypatch):
    """The methods that were counted, in order."""
    found = []

    def count(one):
        found.append(one.spec["method"]["name"])
        return Counted(1000 * len(found), len(found))

    monkeypatch.setattr(costs, "_count", count)
    return found


def test_what_was_counted_is_not_counted_again(asked, folder, program):
    first = [counted(cell(name), folder, program) for name in ("soft_kd", "fitnet", "soft_kd")]
    assert first == [Counted(1000, 1), Counted(2000, 2), Counted(1000, 1)]
    assert asked == ["soft_kd", "fitnet"]


def test_another_size_method_or_program_is_counted_anew(asked, folder, program):
    for one, whose in (
        (cell(), program),
        (cell(size=8), program),
        (cell("fitnet"), program),
        (cell(), replace(program, digest="another")),
    ):
        counted(one, folder, whose)
    assert len(asked) == 4


def test_nothing_is_remembered_without_a_program_without_evidence_or_when_files_changed(
    asked, folder, program, tmp_path
):
    counted(cell(), folder, None)
    counted(cell(), tmp_path / "nowhere" / "values", program)
    (tmp_path / "claims" / "one.py").write_text("CLAIM = 2\n")
    counted(cell(), folder, program)
    assert len(asked) == 3
    assert not folder.exists()
    assert not (tmp_path / "nowhere").exists()


def test_an_edited_file_is_ignored(asked, folder, program):
    counted(cell(), folder, program)
    text = (folder / FILE).read_text()
    (folder / FILE).write_text(text.replace("1000", "9000"))
    assert counted(cell(), folder, program) == Counted(2000, 2)
    assert len(asked) == 2
