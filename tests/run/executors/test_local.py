"""A plan run in one process or several: the order, what a fault or a kill takes with it, and the end of it all."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from fake_studies import make
from fake_studies.plans import plan_of, quiet, said
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.errors import SuiteError
from suite.evidence.disk import Unwritable
from suite.evidence.store import Store
from suite.run.execute import Outcome
from suite.run.executors import Work, here, local, run
from suite.run.queue import Job, Queue, dealt, jobs_of

DONE, FAILED, BLOCKED = Outcome.DONE, Outcome.FAILED, Outcome.BLOCKED


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "evidence")


def go(store, *cells, workers=1, again=False):
    """Outcomes in the order of the cells, and what was said."""
    plan = plan_of(store, *cells)
    progress = quiet(plan)
    outcomes = run(plan, here(Work(store, "cpu", again=again), plan, workers), progress)
    assert not multiprocessing.active_children()
    return [outcomes[cell.key] for cell in cells], said(progress)


def family():
    """A net whose teacher fails: only what needs it may suffer, not the sibling in the same group."""
    teacher, other = make("teacher", does="raise"), make("other", value=5.0)
    taught = make("taught", study="fake_studies.block", group="block", needs={"teacher": teacher})
    alone = make("alone", study="fake_studies.block", group="block")
    measured = make("measured", needs={"network": taught})
    fine = make("fine", needs={"network": other})
    return teacher, other, taught, alone, measured, fine


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_blocks_its_dependants_and_nobody_else(store, workers):
    cells = family()
    outcomes, text = go(store, *cells, workers=workers)
    assert outcomes == [FAILED, DONE, BLOCKED, DONE, BLOCKED, DONE]
    assert list(store.read(cells[3]).arrays["company"]) == ["alone"]
    assert store.read(cells[5]).arrays["value"] == 6.0
    assert "failed: teacher (python -m suite status tells why)" in text
    assert "blocked: measured (it needs a cell that could not be had)" in text
    assert store.state(cells[4].key).word == "missing"


def test_one_process_and_several_write_the_same(tmp_path):
    stores = [Store(tmp_path / "inline"), Store(tmp_path / "pool")]
    first = make("first", value=1.0)
    cells = [first, *(make(f"cell {n}", seed=n, value=n, needs={"first": first}) for n in range(4))]
    cells += [make(name, study="fake_studies.block", group="g") for name in "ab"]
    outcomes = [go(store, *cells, workers=workers)[0] for store, workers in zip(stores, (1, 2), strict=True)]
    assert outcomes == [[DONE] * len(cells)] * 2
    for cell in cells:
        one, two = (Store(store.root).read(cell) for store in stores)
        assert one.arrays["value"] == two.arrays["value"]
        assert list(one.metrics) == list(two.metrics)
        if "torch" in two.arrays:
            assert not two.arrays["torch"]  # a worker that needs no torch never loads it
    pids = {int(stores[1].read(cell).arrays["pid"]) for cell in cells[1:5]}
    assert os.getpid() not in pids


def test_cells_of_one_group_and_study_are_one_job_and_no_others(store):
    cells = [
        make("a", study="fake_studies.block", group="g"),
        make("b", group="g"),
        make("c", study="fake_studies.block", group="g"),
        make("d", study="fake_studies.block", group="h"),
        make("e"),
    ]
    assert [[str(cell) for cell in job.cells] for job in jobs_of(plan_of(store, *cells))] == [
        ["a", "c"],
        ["b"],
        ["d"],
        ["e"],
    ]


def test_again_computes_what_is_done(store):
    cell = make("a")
    go(store, cell)
    before = store.read(cell).folder.stat().st_ino
    assert go(store, cell)[0] == [Outcome.CACHED]
    assert go(store, cell, again=True)[0] == [DONE]
    assert store.read(cell).folder.stat().st_ino != before


def test_a_cell_somebody_else_computes_is_busy_and_its_dependants_wait_for_the_next_run(store):
    need = make("need")
    cells = (need, make("after", needs={"need": need}), make("free"))
    with Store(store.root).lock(need.key):
        outcomes, text = go(store, *cells)
    assert outcomes == [Outcome.BUSY, BLOCKED, DONE]
    assert "busy: need (another process computes it; run again when that is done)" in text
    assert go(store, *cells)[0] == [DONE, DONE, Outcome.CACHED]


def test_cells_that_wait_for_one_another_are_named_not_skipped(store):
    one = make("one", study="fake_studies.block", group="knot")
    two = make("two", study="fake_studies.block", group="knot", needs={"one": one})
    with pytest.raises(SuiteError, match="these cells wait for one another, so none was computed: one, two"):
        go(store, one, two, make("three"))
    assert store.state(make("three").key).word == "done"


@settings(max_examples=60)
@given(data=st.data())
def test_every_cell_ends_after_its_needs_and_exactly_the_right_ones_are_blocked(data, tmp_path_factory):
    """Random nets with random faults and groups: an oracle says what must be blocked."""
    store = Store(tmp_path_factory.mktemp("evidence"))
    cells, bad = [], set()
    for number in range(data.draw(st.integers(1, 8))):
        needs = (
            {f"n{i}": need for i, need in enumerate(data.draw(st.sets(st.sampled_from(cells), max_size=3)))}
            if (cells)
            else {}
        )
        depth = 1 + max((cell.spec["depth"] for cell in needs.values()), default=0)
        group = data.draw(st.sampled_from(["", "g"])) and f"level {depth}"  # a group never needs its own cells
        cells.append(make(f"c{number}", needs=needs, group=group, depth=depth, fails=data.draw(st.booleans())))
        if cells[-1].spec["fails"] or bad & {need.key for need in needs.values()}:
            bad.add(cells[-1].key)
    plan = plan_of(store, *cells)
    queue = Queue(plan, quiet(plan))
    ended = {}
    while (job := queue.next()) is not None:
        for cell in job.cells:
            assert all(ended[need.key] is DONE for need in cell.needs.values())
            ended[cell.key] = FAILED if cell.spec["fails"] else DONE
            queue.settle(cell.key, ended[cell.key])
        ended |= queue.outcomes
    queue.require_empty()
    assert set(queue.outcomes) == {cell.key for cell in cells}
    for cell in cells:
        blocked = bool(bad & {need.key for need in cell.needs.values()})
        expected = BLOCKED if blocked else FAILED if cell.spec["fails"] else DONE
        assert queue.outcomes[cell.key] is expected


# -------------------------------------------------------------------------------------------------- deaths


def test_a_killed_worker_loses_its_job_alone_and_a_fresh_one_goes_on(store, tmp_path):
    killed = make("killed", does="kill", marker=str(tmp_path / "killed"))
    after = make("after", needs={"killed": killed})
    gone = make("gone", does="exit", marker=str(tmp_path / "gone"))
    others = [make(f"other {n}", value=n) for n in range(3)]
    cells = [killed, gone, after, *others]
    outcomes, text = go(store, *cells, workers=2)
    assert outcomes == [Outcome.KILLED, Outcome.KILLED, BLOCKED, DONE, DONE, DONE]
    assert "lost: killed: its process was killed by SIGKILL (often for want of memory: try fewer --workers)" in text
    assert "lost: gone: its process ended with code 7; run again to resume it" in text
    assert store.state(killed.key).word == "partial"
    assert go(store, *cells, workers=2)[0] == [DONE, DONE, DONE, *[Outcome.CACHED] * 3]


def test_what_a_killed_worker_had_finished_is_done(store, tmp_path):
    """Cells of one job without a block are sealed one by one: those before the kill count."""
    cells = [make("a", group="g"), make("b", group="g", does="kill", marker=str(tmp_path / "m"))]
    outcomes, _ = go(store, *cells, make("c"), workers=2)
    assert outcomes == [DONE, Outcome.KILLED, DONE]


def test_an_idle_worker_that_dies_costs_nothing(store, tmp_path):
    """Killed between two jobs, while the other one works: it is replaced before it is given anything."""
    started, leave = tmp_path / "started", tmp_path / "go"
    long, short = make("long", does="wait", started=str(started), go=str(leave)), make("short")
    after = [make(f"after {n}", needs={"long": long}) for n in range(3)]

    def kill_the_idle_one():
        busy = int(wait_for(started))
        while not store.folder(short.key).exists():
            time.sleep(0.01)
        time.sleep(0.5)  # until its answer has been taken
        for child in multiprocessing.active_children():
            if child.pid != busy:
                os.kill(child.pid, signal.SIGKILL)
        leave.write_text("")

    helper = threading.Thread(target=kill_the_idle_one)
    helper.start()
    outcomes, text = go(store, long, short, *after, workers=2)
    helper.join()
    assert outcomes == [DONE] * 5, text


def test_a_full_disk_in_a_worker_ends_the_run_and_the_other_workers(store, tmp_path):
    waiting = make("waiting", does="wait", started=str(tmp_path / "started"), go=str(tmp_path / "never"))
    with pytest.raises(Unwritable, match="is full: free space"):
        go(store, make("full", does="full"), waiting, workers=2)
    assert not multiprocessing.active_children()
    for cell in (waiting, make("full", does="full")):
        with store.lock(cell.key) as mine:
            assert mine
        assert store.state(cell.key).word in ("partial", "missing")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_training_that_met_a_full_disk_goes_on_at_its_last_checkpoint(store, tmp_path, workers):
    trace = tmp_path / "trace"
    changes = {"steps": 6, "pause": 0.0, "full_at": 4, "trace": str(trace), "marker": str(tmp_path / "been")}
    cells = [make("trained", does="steps", **changes), make("other", needs={})]
    with pytest.raises(Unwritable, match=r"disk .*full"):
        go(store, *cells, workers=workers)
    assert store.state(cells[0].key).word == "partial"
    outcomes, _ = go(store, *cells, workers=workers)
    assert outcomes[0] is DONE
    assert outcomes[1] in (DONE, Outcome.CACHED), "its worker may have been through with it"
    assert trace.read_text().split() == list("012345"), "no step is taken twice, and none is left out"


def test_a_worker_whose_parent_is_killed_ends_and_frees_its_cell(store, tmp_path):
    started = tmp_path / "started"
    cells = [make(name, does="wait", started=str(started) + name, go=str(tmp_path / "never")) for name in "ab"]
    parent = multiprocessing.get_context("spawn").Process(target=go, args=(store, *cells), kwargs={"workers": 2})
    parent.start()
    pids = [int(wait_for(Path(f"{started}{name}"))) for name in "ab"]
    parent.kill()
    parent.join()
    for pid in pids:
        gone = time.monotonic() + 60
        while running(pid) and time.monotonic() < gone:
            time.sleep(0.01)
        assert not running(pid), "an orphan goes on computing"
    for cell in cells:
        assert store.state(cell.key).word == "partial"  # not failed: nothing is wrong with it
        with store.lock(cell.key) as mine:
            assert mine


def test_a_worker_nobody_listens_to_ends_without_blaming_its_cell(store, tmp_path):
    started, leave = tmp_path / "started", tmp_path / "go"
    cell = make("a", does="wait", started=str(started), go=str(leave))
    worker = local._Worker(Work(store, "cpu"))
    worker.give(Job((cell,)))
    wait_for(started)
    worker.connection.close()
    leave.write_text("")
    worker.process.join()
    assert worker.process.exitcode == 1
    assert store.state(cell.key).word == "partial"


def wait_for(path):
    deadline = time.monotonic() + 120
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, f"{path.name} never appeared"
        time.sleep(0.01)
    return path.read_text()


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_every_worker_has_a_gpu_of_its_own_and_keeps_it_when_it_is_replaced(store, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5")
    killed = make("killed", does="kill", marker=str(tmp_path / "been"))
    waiting = [
        make(f"cell {n}", does="wait", started=str(tmp_path / f"started {n}"), go=str(tmp_path / f"started {1 - n}"))
        for n in range(2)
    ]  # each waits until the other runs
    plan = plan_of(store, killed, *waiting)
    outcomes = run(plan, here(Work(store, "cuda"), plan, 2), quiet(plan))
    assert outcomes[killed.key] is Outcome.KILLED
    assert sorted(str(store.read(cell).arrays["gpu"]) for cell in waiting) == ["3", "GPU-5"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,GPU-5"


def taken_with(store, cells):
    """Who was computed together with whom."""
    return sorted({tuple(store.read(cell).arrays["company"]) for cell in cells})


def test_the_students_of_a_block_are_dealt_to_several_gpus(store, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr("suite.run.queue._DEALT", ("fake_studies.block",))
    costs = {"a": 1.0, "b": 3.0, "c": 1.0, "d": 1.0}
    cells = [make(name, study="fake_studies.block", group="block", weight=cost) for name, cost in costs.items()]
    plan = plan_of(store, *cells)
    work = Work(store, "cuda")
    assert isinstance(here(work, plan, 2), local.Local), "one job, and two GPUs for it"
    assert run(plan, here(work, plan, 2), quiet(plan)) == {cell.key: DONE for cell in cells}
    assert taken_with(store, cells) == [("a", "c", "d"), ("b",)]


def test_nothing_is_dealt_where_there_is_one_gpu_or_none_or_enough_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("suite.run.queue._DEALT", ("fake_studies.block",))
    blocks = [[make(f"{n}{name}", study="fake_studies.block", group=f"block {n}") for name in "ab"] for n in range(2)]
    cells = [cell for block in blocks for cell in block]
    for number, (device, visible) in enumerate((("cuda", "0"), ("cpu", "0,1"), ("cuda", "0,1"))):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        store = Store(tmp_path / str(number))
        plan = plan_of(store, *cells)
        run(plan, here(Work(store, device), plan, 2), quiet(plan))
        assert taken_with(store, cells) == [("0a", "0b"), ("1a", "1b")]


@settings(max_examples=60)
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), count=st.integers(1, 12), data=st.data())
def test_dealing_keeps_every_cell_and_makes_parts_of_like_weight(sizes, count, data):
    studies = [data.draw(st.sampled_from(["train", "measure"])) for _ in sizes]
    weights = st.floats(0.5, 2.0)
    jobs = [
        Job(tuple(make(f"{n}.{m}", study=study, weight=data.draw(weights)) for m in range(size)))
        for n, (study, size) in enumerate(zip(studies, sizes, strict=True))
    ]
    parts = dealt(jobs, count)
    assert sorted(str(cell) for part in parts for cell in part.cells) == sorted(
        str(cell) for job in jobs for cell in job.cells
    )
    assert len(parts) == max(len(jobs), min(count, sum(job.most for job in jobs)))
    whole = [part for part in parts if part.cells[0].study == "measure"]
    assert whole == [job for job, study in zip(jobs, studies, strict=True) if study == "measure"]
    for job in jobs:
        own = [part for part in parts if set(part.cells) <= set(job.cells)]
        heaviest = max(cell.weight for cell in job.cells)
        assert max(part.weight for part in own) - min(part.weight for part in own) <= heaviest + 1e-9


def test_how_a_process_ended_is_said_in_words():
    assert local._ended(-11) == "was killed by SIGSEGV"
    assert local._ended(3) == "ended with code 3"
    assert local._ended(None) == "ended with code None"
