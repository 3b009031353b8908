"""Compute nothing: print the shell lines that would, for whoever runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.errors import SuiteError
from suite.run.queue import Job, jobs_of
from suite.run.resources import resources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.profile import Profile
    from suite.run.executors.launch import Launch
    from suite.run.plan import Plan


def stages(plan: Plan) -> list[list[Job]]:
    """The plan's jobs, in groups of which each needs only earlier ones.

    Raises:
        SuiteError: jobs wait for one another.
    """
    waiting, found = jobs_of(plan), []
    while waiting:
        pending = {cell.key for job in waiting for cell in job.cells}
        ready = [job for job in waiting if not job.needs & pending]
        if not ready:
            names = ", ".join(str(cell) for job in waiting for cell in job.cells)
            raise SuiteError(f"these cells wait for one another: {names}; mend their groups")
        found.append(ready)
        waiting = [job for job in waiting if job not in ready]
    return found


def lines(plan: Plan, profile: Profile, launch: Launch) -> Iterator[str]:
    """One line a job, in dependency order; comments say what must finish before what follows.

    Lines of a stage may run in any order, at once, on any machine that sees the evidence folder. A line whose needs
    are missing computes nothing and ends with status 1, and a line whose cells are done does nothing.

    Args:
        plan: what to compute.
        profile: its ``[compute]`` says how many processes a job has.
        launch: how a cell is computed from a shell.
    """
    found = stages(plan)
    if not found:
        yield "# nothing to compute"
    for number, jobs in enumerate(found, start=1):
        before = f": start when every line of stage {number - 1} has ended" if number > 1 else ""
        yield f"# stage {number} of {len(found)}, {len(jobs)} line{'s' if len(jobs) > 1 else ''}{before}"
        for job in jobs:
            asked = resources(profile, job.cells[0].study)
            if asked.nodes > 1:
                yield f"# on every one of {asked.nodes} nodes, MASTER_ADDR naming the first"
            yield launch.line([cell.key for cell in job.cells], asked)
