"""A key is equal for equal questions and changes with everything that can change the answer."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from datetime import date

import pytest
from fake_studies import make
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import SuiteError
from suite.evidence import runtime
from suite.evidence.cell import Cell, canonical
from suite.profile import Table

NAMES = st.text("abcdefgh_", min_size=1, max_size=6)
LEAVES = st.one_of(
    st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)
SPECS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=5)


def cell(spec, **changes):
    return Cell(**({"study": "network", "spec": spec, "seed": 0, "code": "c0de"} | changes))


def shuffled(value, draw):
    """The same data with every table in another order."""
    if isinstance(value, dict):
        return {name: shuffled(value[name], draw) for name in draw(st.permutations(sorted(value)))}
    return [shuffled(item, draw) for item in value] if isinstance(value, list) else value


def leaves(value, path=()):
    """Paths of everything in a spec that is no table or list."""
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for name, item in items for found in leaves(item, (*path, name))]
    return [path]


@given(spec=SPECS, data=st.data())
def test_the_order_of_a_table_does_not_matter(spec, data):
    assert cell(shuffled(spec, data.draw)).key == cell(spec).key
    assert cell(Table("here", spec)).key == cell(spec).key


@given(spec=SPECS, data=st.data())
def test_any_other_value_anywhere_is_another_cell(spec, data):
    paths = leaves(spec)
    if not paths:
        return
    other = json.loads(json.dumps(spec))
    *above, last = data.draw(st.sampled_from(paths))
    place = other
    for name in above:
        place = place[name]
    new = data.draw(LEAVES)
    changed = canonical(new) != canonical(place[last])
    place[last] = new
    assert (cell(other).key != cell(spec).key) is changed


@given(spec=SPECS, name=NAMES)
def test_a_value_more_or_less_is_another_cell(spec, name):
    less = {other: value for other, value in spec.items() if other != name}
    assert (cell(less).key != cell(spec).key) is (name in spec)


def test_everything_that_can_change_a_result_is_in_the_key():
    teacher = cell({"epochs": 3}, study="network")
    base = cell({"x": 1}, study="student", needs={"teacher": teacher})
    variants = {
        "study": replace(base, study="representation"),
        "seed": replace(base, seed=1),
        "code": replace(base, code="c0dd"),
        "device": replace(base, device="cuda"),
        "no need": replace(base, needs={}),
        "role": replace(base, needs={"network": teacher}),
        "need's seed": replace(base, needs={"teacher": replace(teacher, seed=1)}),
        "need's spec": replace(base, needs={"teacher": cell({"epochs": 4})}),
        "need's code": replace(base, needs={"teacher": replace(teacher, code="c0dd")}),
    }
    keys = {name: variant.key for name, variant in variants.items()}
    assert len({base.key, *keys.values()}) == len(keys) + 1, keys


def test_names_costs_and_company_are_not_in_the_key():
    base = cell({"x": 1})
    assert replace(base, label="another", weight=9.0, group="block of seed 0").key == base.key


@pytest.mark.parametrize("library", runtime.NUMERIC_LIBRARIES)
def test_another_version_of_a_library_is_another_cell(library, monkeypatch):
    base = cell({"x": 1}).key
    real = runtime._version
    monkeypatch.setattr(runtime, "_version", lambda name: "0.0.1" if name == library else real(name))
    runtime.numerics.cache_clear()
    try:
        assert cell({"x": 1}).key != base
    finally:
        monkeypatch.undo()
        runtime.numerics.cache_clear()
    assert cell({"x": 1}).key == base


def test_a_question_outlives_code_and_machine():
    teacher = cell({"epochs": 3})
    base = cell({"x": 1}, needs={"teacher": teacher})
    moved = replace(base, code="new", device="cuda", needs={"teacher": replace(teacher, code="new")})
    assert moved.key != base.key
    assert moved.question == base.question
    assert replace(base, seed=1).question != base.question
    assert replace(base, needs={"teacher": replace(teacher, seed=1)}).question != base.question


@pytest.mark.parametrize("value", [float("nan"), float("inf"), date(2026, 1, 1), object()])
def test_a_spec_that_equals_nothing_is_refused_by_name(value):
    broken = make("train cait, seed 0", learning_rate=value)
    with pytest.raises(SuiteError, match=r"the spec of 'train cait, seed 0' cannot be kept: .*: give finite numbers"):
        broken.key  # noqa: B018 - a property that raises


def test_a_key_is_a_name_for_a_folder():
    assert cell({"x": 1}).key.startswith("network-")
    assert len(cell({"x": 1}).key) == len("network-") + 20


def test_a_cell_reaches_a_worker_whole():
    base = cell(Table("here", {"x": {"y": 1}}), needs={"teacher": cell({})}, group="g", label="l")
    base.key  # noqa: B018 - cached, and carried along
    there = pickle.loads(pickle.dumps(base))  # noqa: S301
    assert there == base
    assert (there.group, str(there), there.needs["teacher"]) == ("g", "l", base.needs["teacher"])
    with pytest.raises(SuiteError, match="here: x lacks the key 'z'"):
        there.spec["x"]["z"]
