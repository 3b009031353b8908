"""Plans of fake cells, and progress that can be read afterwards."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from suite.run.plan import Plan, Step
from suite.run.progress import Progress

if TYPE_CHECKING:
    from suite.evidence.cell import Cell


def plan_of(store, *cells: Cell) -> Plan:
    """A plan that computes these cells, in this order."""
    return Plan(tuple(Step(cell, store.state(cell.key), run=True) for cell in cells), ())


def quiet(plan: Plan) -> Progress:
    """Progress that writes to memory."""
    return Progress(plan, Console(file=io.StringIO(), width=200), workers=1)


def said(progress: Progress) -> str:
    """What progress wrote."""
    return progress._console.file.getvalue()
