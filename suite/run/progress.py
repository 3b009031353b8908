"""What runs, how far it is, how long it will take: live on a terminal, one line a minute elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.table import Table

from suite.run.execute import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from suite.run.plan import Plan

MINUTE = 60.0


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

    def __init__(self, plan: Plan, console: Console, *, workers: int) -> None:
        """``console`` decides whether the display is live."""
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
            self._console.print(f"computing {len(self._labels)} cells with {self._workers} worker(s)")
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.stop()
        if self._labels:
            self._console.print(self._line())

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
        if outcome in (Outcome.FAILED, Outcome.BLOCKED, Outcome.BUSY):
            self.say(f"{outcome}: {self._labels.get(key, key)}")
        self.tick()

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def tick(self) -> None:
        """Once a minute, where nobody watches a live display, print one line."""
        now = time.monotonic()
        if self._live is None and now - self._last_line >= MINUTE:
            self._last_line = now
            self._console.print(self._line())

    def _done_weight(self) -> float:
        finished = sum(self._weights.get(key, 0.0) for key in self._outcomes)
        return finished + sum(self._weights[key] * share for key, (share, _) in self._running.items())

    def _line(self) -> str:
        elapsed = time.monotonic() - self._started
        total, done = sum(self._weights.values()), self._done_weight()
        left = f", about {duration(elapsed * (total - done) / done)} left" if 0 < done < total else ""
        bad = sum(outcome in (Outcome.FAILED, Outcome.KILLED, Outcome.BLOCKED) for outcome in self._outcomes.values())
        failed = f", {bad} failed" if bad else ""
        now = "; ".join(f"{self._labels[key]}: {text}" for key, (_, text) in self._running.items())
        head = f"{len(self._outcomes)}/{len(self._labels)} cells{failed}, {duration(elapsed)}{left}"
        return head + (f" | {now}" if now else "")

    def _table(self) -> Table:
        table = Table(title=self._line().partition(" | ")[0], title_justify="left", box=None, show_header=False)
        for key, (share, text) in self._running.items():
            bar = "█" * round(share * 20)
            table.add_row(self._labels[key], f"{bar:<20}", f"{share:4.0%}", text)
        return table
