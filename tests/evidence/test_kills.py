"""A kill -9 at any moment: whatever is under ``cells/`` verifies, locks are free, and the run resumes."""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time

import pytest
from fake_studies import ignore
from fake_studies.killing import dies_at, dozen, endless, resumed

from suite.evidence.store import Missing, Store
from suite.run.execute import Outcome, execute

DEATHS = 40
PROCESSES = 2
AT_MOST = 200  # touches of the file system that one cell could need


@pytest.fixture(scope="module")
def spawner():
    """Processes forked from one that has everything imported: a life costs milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fake_studies.killing", "fake_studies.single", "pytest"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # which old Pythons do not hand to that process
        first = context.Process(target=os.getpid)
        first.start()
    first.join()
    return context


def require_sound(store, known):
    """Every cell on disk verifies and holds what it should; returns how many are there."""
    for key in store.keys():  # noqa: SIM118
        state = store.state(key)
        if state.word in ("missing", "partial"):
            continue  # at this very moment a living process puts a new cell in the old one's place
        cell = known[key]
        assert state.word == ("failed" if cell.spec["does"] == "raise" else "done"), state
        if state.word == "done":
            try:
                result = store.read(cell)
            except Missing:
                continue  # likewise
            assert result.arrays["value"] == cell.spec["value"]
            assert [line["loss"] for line in result.metrics] == [1.0, 0.5]
    return len(store.keys())


def test_processes_killed_at_random_moments_leave_nothing_half_written(tmp_path, spawner):
    random_moments = random.Random(20)  # noqa: S311 - moments, not secrets
    known = {cell.key: cell for cell in dozen()}
    alive = []
    for death in range(DEATHS):
        while len(alive) < PROCESSES:
            alive.append(spawner.Process(target=endless, args=(str(tmp_path), death + 5 * len(alive))))
            alive[-1].start()
        time.sleep(random_moments.uniform(0.0, 0.15))
        victim = alive.pop(random_moments.randrange(len(alive)))
        victim.kill()
        victim.join()
        require_sound(Store(tmp_path), known)
    for process in alive:
        process.kill()
        process.join()
    store = Store(tmp_path)
    assert require_sound(store, known) > 0
    for cell in dozen():
        with store.lock(cell.key) as mine:
            assert mine, "a killed process still holds a lock"
        outcome = execute(store, [cell], device="cpu", report=ignore)[cell.key]
        assert outcome is (Outcome.FAILED if cell.spec["does"] == "raise" else outcome)
        assert outcome in (Outcome.DONE, Outcome.CACHED, Outcome.FAILED)
    assert require_sound(Store(tmp_path), known) == len(known)


@pytest.mark.parametrize("before", ["nothing", "failed", "damaged"])
def test_a_kill_at_every_touch_of_the_file_system(tmp_path, spawner, before):
    """The cell is computed, and nothing that was there is lost, wherever the process dies."""
    cell = resumed()
    for touch in range(AT_MOST):
        store = Store(tmp_path / str(touch))
        if before != "nothing":
            store.begin(cell).fail("an earlier fault", seconds=1, device="cpu")
        if before == "damaged":
            os.truncate(store.folder(cell.key) / "cell.json", 3)
        process = spawner.Process(target=dies_at, args=(str(store.root), touch))
        process.start()
        process.join()
        survived = process.exitcode == 0
        state = Store(store.root).state(cell.key)
        assert state.word in {"nothing": ("missing",), "failed": ("failed",), "damaged": ("damaged",)}[before] + (
            "partial",
            "done",
        )
        outcome = execute(Store(store.root), [cell], device="cpu", report=ignore)[cell.key]
        assert outcome in (Outcome.DONE, Outcome.CACHED)
        assert Store(store.root).read(cell).arrays["value"] == 5.0
        assert not (store.root / "partial" / cell.key).exists()
        if before != "nothing":
            assert len(list((store.root / "failed").iterdir())) == 1
        if survived:
            break
    else:
        pytest.fail(f"a cell touched the file system more than {AT_MOST} times")
    assert touch > 15, "the process was killed too rarely to prove anything"
