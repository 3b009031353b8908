"""What a person sees while it runs: a line a minute where nobody watches, a live table where somebody does."""

from __future__ import annotations

import io

import pytest
from fake_studies import make
from fake_studies.plans import plan_of
from rich.console import Console

from suite.evidence.store import Store
from suite.run import progress as module
from suite.run.execute import Outcome
from suite.run.progress import Progress, duration


class Clock:
    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def start(tmp_path, *, terminal=False, labels=("one", "two"), weights=(1.0, 3.0)):
    cells = [make(label, weight=weight) for label, weight in zip(labels, weights, strict=True)]
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    return Progress(plan_of(Store(tmp_path), *cells), console, workers=2), [cell.key for cell in cells], console.file


def test_where_nobody_watches_there_is_a_line_a_minute_with_the_time_left(tmp_path, clock):
    progress, (one, two), out = start(tmp_path)
    with progress:
        progress.start(one)
        clock.now += 59
        progress.update(one, 0.5, "epoch 1/2")
        assert out.getvalue() == "computing 2 cells with 2 workers\n"
        clock.now += 1
        progress.tick()
        clock.now += 30
        progress.tick()
        progress.done(one, Outcome.DONE)
        clock.now += 30
        progress.start(two)
        progress.update(two, 1 / 3, "step 3")
    assert out.getvalue().splitlines() == [
        "computing 2 cells with 2 workers",
        "0/2 cells, 1 min 00 s, about 7 min 00 s left | one: epoch 1/2",
        "1/2 cells, 2 min 00 s, about 2 min 00 s left | two: step 3",
        "1/2 cells, 2 min 00 s, about 2 min 00 s left | two: step 3",
    ]


BLOCK = tuple(f"student {n}" for n in range(30))


def test_a_line_names_two_of_a_block_and_counts_the_others(tmp_path, clock):
    progress, keys, out = start(tmp_path, labels=BLOCK, weights=(1.0,) * 30)
    with progress:
        for key in keys[:3]:
            progress.start(key)
        clock.now += 60
        progress.tick()
        progress.done(keys[0], Outcome.DONE)
        clock.now += 60
        progress.tick()
    lines = [line.partition(" | ")[2] for line in out.getvalue().splitlines()]
    assert lines[1] == "student 0: starting; student 1: starting; and 1 more"
    assert lines[2] == "student 1: starting; student 2: starting"


def test_the_live_table_fits_on_the_screen(tmp_path, clock):
    progress, keys, _ = start(tmp_path, terminal=True, labels=BLOCK, weights=(1.0,) * 30)
    progress._console.size = (120, 12)
    for key in keys:
        progress.start(key)
    console = Console(file=io.StringIO(), width=120)
    console.print(progress._table())
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 11  # a title and one row of twelve is left to the cursor
    assert lines[-1].split() == ["and", "21", "more"]


def test_before_any_progress_nothing_is_foretold(tmp_path, clock):
    progress, (one, _), out = start(tmp_path)
    with progress:
        progress.start(one)
        clock.now += 60
        progress.tick()
    assert out.getvalue().splitlines()[1] == "0/2 cells, 1 min 00 s | one: starting"


def test_what_goes_wrong_is_said_at_once_and_counted(tmp_path, clock):
    progress, (one, two), out = start(tmp_path, labels=("one [bold]", "two"))
    with progress:
        progress.done(one, Outcome.FAILED)
        progress.done(two, Outcome.BLOCKED)
    assert out.getvalue().splitlines()[1:] == [
        "failed: one [bold] (python -m suite status tells why)",
        "blocked: two (it needs a cell that could not be had)",
        "2/2 cells, 2 failed, 0 s",
    ]


def test_nothing_to_do_says_nothing(tmp_path):
    progress, _, out = start(tmp_path, labels=(), weights=())
    with progress:
        progress.tick()
    assert out.getvalue() == ""


def test_on_a_terminal_a_table_lives_and_lines_stay_above_it(tmp_path, clock):
    progress, (one, _), out = start(tmp_path, terminal=True, labels=("one [red]", "two"))
    with progress:
        progress.start(one)
        progress.update(one, 0.5, "epoch [1/2]")
        progress._live.refresh()
        shown = out.getvalue()
        assert "one [red]" in shown
        assert "█" * 10 in shown
        assert "50%" in shown
        assert "epoch [1/2]" in shown
        progress.done(one, Outcome.FAILED)
    assert "failed: one [red] (python -m suite status tells why)" in out.getvalue()


def test_the_table_is_drawn_while_cells_come_and_go(tmp_path):
    """The display's thread reads what the main thread changes: here, at every single look."""
    progress, keys, _ = start(tmp_path, labels=("one", "two", "three"), weights=(1.0,) * 3)

    class Meddling(dict):
        def __getitem__(self, key):
            for other in keys:
                if progress._running.pop(other, None) is None:
                    progress._running[other] = (0.0, "starting")
            return super().__getitem__(key)

    progress._labels = Meddling(progress._labels)
    progress._weights = Meddling(progress._weights)
    progress.start(keys[0])
    assert progress._table().row_count  # and no RuntimeError on the way


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (75, "1 min 15 s"), (3599.9, "1 h 00 min"), (7384, "2 h 03 min")],
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words
