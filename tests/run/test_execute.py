"""One cell or one group in this process: sealed, or kept as failed, and never in the way of its siblings."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from fake_studies import ignore, make

from suite.evidence import disk
from suite.evidence.disk import Unwritable
from suite.evidence.store import Failed, Store
from suite.run import execute as execute_module
from suite.run.execute import Outcome, execute
from suite.studies.protocol import separately


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "evidence")


def compute(store, *cells, again=False, report=ignore):
    outcomes = execute(store, cells, device="cpu", report=report, again=again)
    return [outcomes[cell.key] for cell in cells]


def test_a_cell_is_computed_once_and_again_on_request(store):
    cell = make("a", value=2.0)
    assert compute(store, cell) == [Outcome.DONE]
    first = store.folder(cell.key).stat().st_ino
    assert compute(store, cell) == [Outcome.CACHED]
    assert store.folder(cell.key).stat().st_ino == first
    assert compute(store, cell, again=True) == [Outcome.DONE]
    assert store.folder(cell.key).stat().st_ino != first
    assert store.read(cell).arrays["value"] == 2.0


def test_needs_are_read_and_a_need_that_is_damaged_fails_the_cell(store):
    one, two = make("one", value=1.0), make("two", value=10.0)
    both = make("both", value=100.0, needs={"a": one, "b": two})
    compute(store, one)
    compute(store, two)
    assert compute(store, both) == [Outcome.DONE]
    assert store.read(both).arrays["value"] == 111.0
    (store.folder(two.key) / "arrays.npz").write_bytes(b"")
    assert compute(Store(store.root), both, again=True) == [Outcome.FAILED]
    assert "arrays.npz has 0 of" in Store(store.root).state(both.key).detail


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("raise", "FakeFault: it broke and the reason spans lines"),
        ("nan metric", "metric 'loss' of record 2 is nan: a metric is a finite number, a text or null"),
        ("objects", "array 'objects' holds Python objects: give numbers, flags or text of one type"),
        ("return nothing", "the study returned NoneType, not a pair of arrays and metrics"),
    ],
)
def test_whatever_goes_wrong_is_kept_with_the_cell_in_one_line(store, does, reason):
    cell = make("broken", does=does)
    assert compute(store, cell) == [Outcome.FAILED]
    assert store.state(cell.key).detail == reason
    with pytest.raises(Failed, match="cell 'broken' failed: "):
        store.read(cell)
    log = (store.folder(cell.key) / "log.txt").read_text()
    assert f"does {does}" in log
    assert "Traceback" in log or "Error" in log
    assert compute(store, cell) == [Outcome.FAILED]  # it is tried again, and the first failure is kept aside
    assert len(list((store.root / "failed").iterdir())) == 1


def test_a_study_that_does_not_exist_or_cannot_be_imported_fails_its_cells(store, monkeypatch, tmp_path):
    cell = make("a", study="nope")
    assert compute(store, cell) == [Outcome.FAILED]
    assert store.state(cell.key).detail == "ModuleNotFoundError: No module named 'suite.studies.nope'"
    (tmp_path / "broken_study").mkdir()
    (tmp_path / "broken_study" / "one.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    dotted = make("b", study="broken_study.one")
    assert compute(store, dotted) == [Outcome.FAILED]
    assert store.state(dotted.key).detail == "ZeroDivisionError: division by zero"


def toy(run):
    """A study made here."""
    module = ModuleType("suite.studies.toy")
    module.TOGETHER = module.DISTRIBUTED = False
    module.run_block = separately(run)
    return module


def test_a_module_that_is_no_study_says_what_it_lacks(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "suite.studies.toy", ModuleType("suite.studies.toy"))
    cell = make("a", study="toy")
    assert compute(store, cell) == [Outcome.FAILED]
    assert store.state(cell.key).detail == "suite.studies.toy is no study: it lacks TOGETHER, DISTRIBUTED, run_block"


def test_a_name_without_a_dot_is_a_study_of_the_suite(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "suite.studies.toy", toy(lambda b: ({"seed": np.int64(b.cell.seed)}, [])))
    cell = make("a", study="toy", seed=4)
    assert compute(store, cell) == [Outcome.DONE]
    assert store.read(cell).arrays["seed"] == 4


def test_cells_without_a_block_do_not_share_a_fault(store):
    cells = [make("a"), make("b", does="raise"), make("c")]
    assert compute(store, *cells) == [Outcome.DONE, Outcome.FAILED, Outcome.DONE]


def test_a_group_is_computed_together_and_one_fault_stays_alone(store):
    cells = [make(name, study="fake_studies.block", does=does) for name, does in zip("abcd", DOES, strict=True)]
    assert compute(store, *cells) == [Outcome.DONE, Outcome.FAILED, Outcome.DONE, Outcome.FAILED]
    assert list(store.read(cells[0]).arrays["company"]) == ["a", "b", "c", "d"]
    assert store.state(cells[1].key).detail == "FakeFault: this one alone diverged"
    assert store.state(cells[3].key).detail == "the study returned nothing for this cell"
    # What is done does not take part again.
    assert compute(store, *cells[:2])[0] is Outcome.CACHED


DOES = ("value", "fault", "value", "nothing")


def test_what_another_process_computes_is_busy_and_the_rest_goes_on(store):
    cells = [make("a"), make("b")]
    with Store(store.root).lock(cells[0].key):
        assert compute(store, *cells) == [Outcome.BUSY, Outcome.DONE]
    assert compute(store, *cells) == [Outcome.DONE, Outcome.CACHED]


def test_locks_are_free_after_a_fault_and_after_an_interrupt(store, monkeypatch):
    cell = make("a", does="raise")
    compute(store, cell)

    def interrupted(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("fake_studies.single._act", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compute(store, cell)
    with Store(store.root).lock(cell.key) as mine:
        assert mine


def test_progress_goes_to_the_caller_and_to_the_log(store):
    heard = []
    cell = make("a")
    compute(store, cell, report=lambda *message: heard.append(message))
    assert heard == [(cell.key, 0.0, "does value"), (cell.key, 1.0, "is there")]
    lines = (store.folder(cell.key) / "log.txt").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["does value", "is there"]


def test_a_cell_sealed_before_the_kill_is_not_computed_again(store):
    cell = make("a", value=7.0)
    compute(store, cell)
    (store.root / "partial").mkdir(exist_ok=True)
    store.folder(cell.key).rename(store.root / "partial" / cell.key)
    assert compute(Store(store.root), cell) == [Outcome.CACHED]
    assert Store(store.root).read(cell).arrays["value"] == 7.0


# -------------------------------------------------------------------------------------------------- full disk


@pytest.mark.parametrize("does", ["full", "file on a full disk", "full in disguise"])
def test_a_full_disk_ends_the_run_and_is_no_cells_fault(store, does, monkeypatch):
    before, cell = make("before"), make("a", does=does)
    compute(store, before)
    if does == "full in disguise":
        monkeypatch.setattr(disk.shutil, "disk_usage", lambda _root: SimpleNamespace(free=0))
    with pytest.raises(Unwritable, match="is full: free space and run the same command again") as caught:
        compute(store, cell)
    assert "\n" not in str(caught.value)
    assert store.state(before.key).word == "done"
    assert store.state(cell.key).word == "partial"
    with store.lock(cell.key) as mine:
        assert mine


def test_a_folder_that_cannot_be_written_ends_the_run_and_is_no_cells_fault(store, monkeypatch):
    module = toy(lambda bench: ((bench.folder / "checkpoints").write_text("in the way"), bench.checkpoints))
    monkeypatch.setitem(sys.modules, "suite.studies.toy", module)
    cell = make("a", study="toy")
    with pytest.raises(Unwritable, match=r"cannot write evidence to .*: name another folder with --evidence DIR"):
        compute(store, cell)
    assert store.state(cell.key).word == "partial"


@pytest.mark.parametrize("name", ["arrays.npz", "metrics.jsonl", "cell.json.draft", "seal.json.draft", "log.txt"])
def test_a_disk_that_fills_while_sealing_ends_the_run(store, name, monkeypatch):
    """A real write to a full device, for every file that is written."""
    cell = make("a")

    def fill(_does, _spec):
        path = store.root / "partial" / cell.key / name
        path.unlink(missing_ok=True)
        path.symlink_to("/dev/full")

    monkeypatch.setattr("fake_studies.single._act", fill)
    with pytest.raises(Unwritable, match="is full"):
        compute(store, cell)
    assert store.state(cell.key).word == "partial"
    monkeypatch.undo()
    (store.root / "partial" / cell.key / "log.txt").unlink(missing_ok=True)  # space was freed
    assert compute(store, cell) == [Outcome.DONE]


# -------------------------------------------------------------------------------------------------- torch


def test_threads_are_limited_where_a_study_brought_torch_and_nowhere_else(store, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    compute(store, make("a"))
    assert "torch" not in sys.modules
    counts = []
    monkeypatch.setitem(
        sys.modules, "torch", SimpleNamespace(set_num_threads=counts.append, get_num_threads=lambda: counts[-1])
    )
    cell = make("b")
    execute(store, [cell], device="cpu", report=ignore, threads=3)
    assert counts == [3]
    assert store.read(cell).environment["threads"] == 3


def test_running_cells_needs_no_torch():
    code = "import sys; import suite.run.executors.local, suite.run.progress; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_study_is_imported_before_threads_are_limited(store, monkeypatch):
    order = []
    monkeypatch.setattr(execute_module, "_limit_threads", lambda _threads: order.append("limit"))
    monkeypatch.setattr(execute_module, "import_module", lambda name: (order.append(name), sys.modules[name])[1])
    compute(store, make("a"))
    assert order == ["fake_studies.single", "limit"]
