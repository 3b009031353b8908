"""What readings found is remembered, and never outlives anything that it depends on."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fake_studies import ignore
from fake_studies.claims import PROFILE_TOML, RELEASED_LOG, claim, criterion, reading, single

from suite import profile as profiles
from suite import values
from suite.assess import Evidence, assess
from suite.claim import Constant, Released
from suite.claim.program import Program
from suite.evidence.store import Store
from suite.judge import Observed, Pooled, Sampling, Verdict
from suite.run.execute import execute
from suite.run.plan import plan


@pytest.fixture
def profile(tmp_path, monkeypatch):
    (tmp_path / "toy.toml").write_text(PROFILE_TOML)
    monkeypatch.chdir(tmp_path)
    return profiles.load("toy.toml")


@pytest.fixture
def program(tmp_path):
    """The files of a package of claims, as they are now."""
    folder = tmp_path / "claims_of_mine"
    folder.mkdir()
    (folder / "asked.py").write_text("CLAIM = 1")
    return Program.of(folder)


@pytest.fixture
def calls():
    """Which readings were done."""
    return []


@pytest.fixture
def asked(program, calls):
    """A claim whose readings say that they were done."""

    def value(result):
        calls.append("value")
        return float(result.arrays["value"])

    def constant():
        calls.append("constant")
        return 0.3

    def released(log):
        calls.append("released")
        return single(log)

    made = claim(
        "asked",
        criterion("seeds", reading("high", value=value)),
        criterion("count", Constant(constant), control=Constant(lambda: 0.0)),
        criterion("log", Released((RELEASED_LOG,), released)),
    )
    return replace(made, program=program)


@pytest.fixture
def store(tmp_path, profile, asked):
    store = Store(tmp_path / "evidence")
    for step in plan([asked], profile, store).to_run:
        execute(store, [step.cell], device="cpu", report=ignore)
    return store


def judged(claim, profile, store):
    return assess([claim], Evidence(profile, Store(store.root)))


ALL = ["value"] * 4 + ["constant", "released"]


def test_judging_again_computes_nothing_and_finds_the_same(asked, profile, store, calls):
    first = judged(asked, profile, store)
    assert calls == ALL
    again = judged(asked, profile, store)
    assert calls == ALL, "nothing was computed again"
    for one, other in zip(first, again, strict=True):
        assert (one.verdict, one.observed, one.controls) == (other.verdict, other.observed, other.controls)
        assert [result.key for result in one.cells] == [result.key for result in other.cells]
    assert {one.verdict for one in first} >= {Verdict.SEEN_HERE}


def test_a_claim_that_no_file_states_is_not_remembered(asked, profile, store, calls):
    passing = replace(asked, program=None)
    judged(passing, profile, store)
    judged(passing, profile, store)
    assert calls == 2 * ALL
    assert not (store.root / values.FOLDER).exists()


def test_other_source_is_read_anew(asked, profile, store, calls, program):
    judged(asked, profile, store)
    judged(replace(asked, program=replace(program, digest="another")), profile, store)
    assert calls == 2 * ALL


def test_other_libraries_are_read_anew(asked, profile, store, calls, monkeypatch):
    judged(asked, profile, store)
    monkeypatch.setattr(values, "numerics", lambda _: {"numpy": "another"})
    judged(asked, profile, store)
    assert calls == 2 * ALL


def test_another_profile_of_the_same_name_is_read_anew(asked, profile, store, calls):
    judged(asked, profile, store)
    judged(asked, replace(profile, sections={"data": {"source": "elsewhere"}}), store)
    assert calls == 2 * ALL


def test_a_cell_that_was_computed_again_is_read_anew(asked, profile, store, calls):
    judged(asked, profile, store)
    step = plan([asked], profile, store).steps[0]
    time.sleep(1.01)  # a seal tells seconds apart: what was made twice within one may be the same file
    execute(store, [step.cell], device="cpu", report=ignore, again=True)
    judged(asked, profile, store)
    assert calls == [*ALL, *["value"] * 4], "only what stands on it"


def test_a_damaged_cell_is_named_though_its_number_is_remembered(asked, profile, store, calls):
    judged(asked, profile, store)
    result = judged(asked, profile, store)[0].cells[0]
    with (result.folder / "arrays.npz").open("ab") as stream:
        stream.write(b"x")
    found = judged(asked, profile, store)[0]
    assert found.verdict is Verdict.ERROR
    assert "is damaged" in found.judgement.reason


def test_a_missing_cell_is_missed_though_its_number_is_remembered(asked, profile, store):
    judged(asked, profile, store)
    key = judged(asked, profile, store)[0].cells[0].key
    store.folder(key).rename(store.root / "elsewhere")
    assert judged(asked, profile, store)[0].verdict is Verdict.NOT_RUN


@pytest.mark.parametrize("edit", [lambda text: text.replace("0.3", "0.9"), lambda text: text[:-9], lambda _: "[1]"])
def test_a_memory_that_was_edited_is_not_believed(asked, profile, store, calls, edit):
    first = judged(asked, profile, store)
    file = store.root / values.FOLDER / "toy.json"
    file.write_text(edit(file.read_text()))
    again = judged(asked, profile, store)
    assert calls == 2 * ALL
    assert [one.observed for one in first] == [one.observed for one in again]
    judged(asked, profile, store)
    assert calls == 2 * ALL, "it was written anew"


def test_what_a_program_finds_that_was_edited_meanwhile_is_not_remembered(asked, profile, store, program, calls):
    (program.folders[0] / "asked.py").write_text("CLAIM = 2")
    judged(asked, profile, store)
    judged(asked, profile, store)
    assert calls == 2 * ALL


def test_a_number_that_is_none_and_a_fault_are_told_each_time(program, profile, tmp_path):
    never = criterion("nan", Constant(lambda: float("nan")), Constant(lambda: 0.0))
    nan = replace(claim("asked", never), program=program)
    (tmp_path / "evidence").mkdir()
    store = Store(tmp_path / "evidence")
    for _ in range(2):
        assert judged(nan, profile, store)[0].verdict is Verdict.ERROR
    kept = json.loads((store.root / values.FOLDER / "toy.json").read_text())["values"]
    assert set(kept) == {"asked.nan/null", "asked.nan/planted"}


def test_files_that_were_given_are_read_each_time(asked, profile, store, calls, tmp_path):
    (tmp_path / "clone").mkdir()
    given = replace(profile, released=(tmp_path / "clone",))
    judged(asked, given, store)
    judged(asked, given, store)
    assert calls.count("released") == 2


def test_where_nothing_can_be_written_all_is_judged(asked, profile, store, calls):
    (store.root / values.FOLDER).write_text("in the way")
    judged(asked, profile, store)
    assert judged(asked, profile, store)[0].verdict is Verdict.SEEN_HERE
    assert calls == 2 * ALL


def test_where_there_is_no_evidence_none_is_begun(asked, profile, tmp_path):
    judged(asked, profile, Store(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "observed",
    [
        Observed((0.1, 1 / 3), Sampling.SEEDS, ("seed 0", "seed 1"), resolution=0.1, diverged=("seed 2",), note="ä"),
        Observed((0.1,), Sampling.SEEDS, pooled=Pooled(0.1, 4, 0.7, fair=True, groups=3, note="one left out")),
        Observed((0.1,), Sampling.SINGLE, standard_error=1e-300, covers_runs=True, error_df=5.0),
        Observed((0.1,), Sampling.HALVES),
        Observed((float.fromhex("0x1.fffffffffffffp-3"),), Sampling.EXACT, numerical_error=1e-12),
    ],
)
def test_what_was_observed_is_kept_to_the_last_bit(observed):
    assert values._observed(values._plain(observed)) == observed


def test_texts_and_what_is_expected_are_no_part_of_a_program(program):
    folder = program.folders[0]
    (folder / "expected.jsonl").write_text("{}")
    (folder / "README.md").write_text("text")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "asked.cpython-311.pyc").write_bytes(b"x")
    assert program.current
    (folder / "figures.npz").write_bytes(b"x")
    assert not program.current


def test_the_program_holds_the_suite_and_the_baselines(program):
    import baselines
    import suite

    assert {Path(module.__file__).parent for module in (baselines, suite)} < set(program.folders)
