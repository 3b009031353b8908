"""A measurement is one file: adding it leaves the evidence of all others valid."""

import importlib.util
import sys

import pytest

from suite import profile
from suite.errors import SuiteError
from suite.evidence import code
from suite.measure import probes
from suite.studies.cells import representation

SOURCE = '''
from typing import ClassVar

from suite.measure.probe import Form, Probe


class Largest(Probe):
    """The largest value of an image."""

    ARRAYS: ClassVar = {"largest": Form.PER_IMAGE}

    def update(self, piece):
        self.rows(largest=piece.high.double())
'''


def keys(cell):
    return {part.spec["probe"]: part.key for part in cell.parts}


@pytest.fixture
def new_file(tmp_path, monkeypatch):
    """A file more in the folder of probes."""
    (tmp_path / "largest.py").write_text(SOURCE)
    monkeypatch.setattr(probes, "__path__", [*probes.__path__, str(tmp_path)])
    spec = importlib.util.spec_from_file_location("suite.measure.probes.largest", tmp_path / "largest.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    file_of = code._file
    monkeypatch.setattr(
        code, "_file", lambda name: tmp_path / "largest.py" if name.endswith(".largest") else file_of(name)
    )
    code.code_digest.cache_clear()
    yield "largest"
    code.code_digest.cache_clear()


def test_a_new_probe_is_found_and_changes_no_other_cell(new_file):
    desk = profile.load("smoke")
    before = {name: representation("cait", probes=name)(desk, 0).key for name in probes.names() if name != new_file}
    found = keys(representation("cait")(desk, 0))
    assert set(found) == {*before, new_file}
    assert {name: key for name, key in found.items() if name != new_file} == before
    assert probes.find(new_file).ARRAYS.keys() == {"largest"}


@pytest.mark.parametrize("name", probes.names())
def test_the_code_of_a_cell_is_that_of_its_own_probe(name):
    reached = code.closure(["suite.studies.measure", f"suite.measure.probes.{name}"])
    assert [module for module in reached if module.startswith("suite.measure.probes.")] == [
        f"suite.measure.probes.{name}"
    ]


def test_probes_of_one_network_are_one_group_and_differ_in_nothing_else():
    whole = representation("cait", planted="scale_u:0.15")(profile.load("smoke"), 0)
    assert len({part.group for part in whole.parts}) == 1
    assert len({part.key for part in whole.parts}) == len(whole.parts) == len(probes.names())
    assert all(part.spec["planted"] == "scale_u:0.15" for part in whole.parts)
    plain = representation("cait")(profile.load("smoke"), 0)
    assert "planted" not in plain.spec
    assert plain.group == whole.group
    assert plain.key != whole.key


def test_an_unknown_probe_is_named():
    with pytest.raises(SuiteError, match=r"no module named suite.measure.probes.luck"):
        representation("cait", probes="luck")(profile.load("smoke"), 0)
    with pytest.raises(ValueError, match="no probe 'luck': choose from angles, "):
        probes.find("luck")
