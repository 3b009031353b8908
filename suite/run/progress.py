"""What runs, how far it is, how long it will take: live on a terminal, one line a minute elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.table import Table
from rich.text import Text

from suite.run.execute import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from suite.run.plan import Plan

    _Running = tuple[str, tuple[float, str]]  # key, share done, what it says

MINUTE = 60.0
_WHY = {
    Outcome.BLOCKED: "it needs a cell that could not be had",
    Outcome.BUSY: "another process computes it; run again when that is done",
}
_BAD = (Outcome.FAILED, Outcome.KILLED, Outcome.BLOCKED)
_BAR = 20  # characters
_NAMED = 2  # running cells that a line names: a block holds dozens
_AROUND = 3  # rows of a screen besides the running cells: the title, the number of the others, the cursor


def duration(seconds: float) -> str:
    """``75`` -> ``1 min 15 s``."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {left:02d} s" if minutes else f"{left} s"


class Progress:
    """Follows a run. Time left comes from the pace so far, by the cells' relative costs."""

    def __init__(
        self, plan: Plan, console: Console, *, workers: int | None, status: str = "python -m suite status"
    ) -> None:
        """``console`` decides whether the display is live; without workers, a cluster computes.

        ``status`` is the command that tells why a cell failed.
        """
        self.status = status
        self._why = {**_WHY, Outcome.FAILED: f"{status} tells why"}
        self._labels = {step.cell.key: str(step.cell) for step in plan.to_run}
        self._weights = {step.cell.key: step.cell.weight for step in plan.to_run}
        self._running: dict[str, tuple[float, str]] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._console = console
        self._workers = workers
        self._started = self._last_line = time.monotonic()
        self._live = (
            Live(console=console, refresh_per_second=4, get_renderable=self._table)
            if console.is_terminal and self._labels
            else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        elif self._labels:
            means = "in jobs of the cluster" if self._workers is None else f"with {_count(self._workers, 'worker')}"
            self.say(f"computing {_count(len(self._labels), 'cell')} {means}")
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.stop()
        if self._labels:
            self.say(self._line())

    def start(self, key: str) -> None:
        """A cell was handed to a worker."""
        self._running[key] = (0.0, "starting")

    def update(self, key: str, fraction: float, text: str) -> None:
        """A cell got further."""
        self._running[key] = (fraction, text)
        self.tick()

    def done(self, key: str, outcome: Outcome) -> None:
        """A cell ended, one way or another."""
        self._running.pop(key, None)
        self._outcomes[key] = outcome
        if outcome in self._why:
            self.say(f"{outcome}: {self._labels[key]} ({self._why[outcome]})")
        self.tick()

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def tick(self) -> None:
        """Once a minute, where nobody watches a live display, print one line."""
        now = time.monotonic()
        if self._live is None and now - self._last_line >= MINUTE:
            self._last_line = now
            self.say(self._line())

    def _now(self) -> list[_Running]:
        return list(self._running.items())  # a copy: the live display is drawn by a thread of its own

    def _done_weight(self) -> float:
        finished = sum(self._weights[key] for key in list(self._outcomes))
        return finished + sum(self._weights[key] * share for key, (share, _) in self._now())

    def _line(self) -> str:
        elapsed = time.monotonic() - self._started
        total, done = sum(self._weights.values()), self._done_weight()
        paced = self._workers is not None and 0 < done < total  # a queue has no pace
        left = f", about {duration(elapsed * (total - done) / done)} left" if paced else ""
        bad = sum(outcome in _BAD for outcome in list(self._outcomes.values()))
        failed = f", {bad} failed" if bad else ""
        shown, others = _first(self._now(), _NAMED)
        now = "; ".join([*(f"{self._labels[key]}: {text}" for key, (_, text) in shown), *others])
        head = f"{len(self._outcomes)}/{len(self._labels)} cells{failed}, {duration(elapsed)}{left}"
        return head + (f" | {now}" if now else "")

    def _table(self) -> Table:
        title = Text(self._line().partition(" | ")[0])
        table = Table(title=title, title_justify="left", box=None, show_header=False)
        shown, others = _first(self._now(), max(1, self._console.height - _AROUND))
        for key, (share, text) in shown:
            bar = "█" * round(share * _BAR)
            table.add_row(Text(self._labels[key]), f"{bar:<{_BAR}}", f"{share:4.0%}", Text(text))
        for text in others:
            table.add_row(Text(text))
        return table


def _first(items: list[_Running], most: int) -> tuple[list[_Running], list[str]]:
    """The first few, and how many more there are in words, if there are."""
    more = len(items) - most
    return items[:most], [f"and {more} more"] if more > 0 else []


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
