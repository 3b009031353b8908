"""What a job asks of a cluster: the section ``[compute]`` of a profile, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError
from suite.run.memory import gigabytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suite.profile import Profile
    from suite.run.memory import Line

SECTION = "compute"
DEVICE = "device"
_SLURM = "slurm"
_SPARE = 2  # a job is given twice the time it is expected to take
_DAY = 24 * 60  # minutes: what a job is given if nobody said how long it takes; it resumes when they are over
# Minutes. Programs and libraries start before anything is computed, a job is told to end before its time is over, and
# of one that had less than ten minutes submitit cannot tell a preemption from a time-out.
_SHORTEST = 30
_SIGNAL, _SIGNAL_DELAY = "slurm_signal_delay_s", 90  # seconds before its end at which a job is told of it
_STARTS = 30  # seconds: SLURM looks at time limits that often
_CPUS_BESIDE_A_GPU = 8  # cores that read and augment images for one GPU
# GB. A process with its libraries and the images it holds; a reader with two batches of 256 images of 224 x 224 in
# floats, 154 MB each, beside what Python shares; pinned copies, checkpoints and networks on their way to a GPU.
_A_PROCESS, _A_READER, _BESIDE_A_GPU = 4, 1, 20
_LEAST = 1  # GB: a process with its libraries
_MEMORY = ("mem_gb", "slurm_mem", "slurm_mem_per_cpu", "slurm_mem_per_gpu")  # who says one of these says all


@dataclass(frozen=True)
class Resources:
    """What one job of a study asks for.

    Attributes:
        processes: processes a node, one a GPU.
        nodes: machines.
        hours: expected hours for one unit of a cell's weight with these processes; None if nobody said.
        parameters: submitit's own parameters, which win over everything derived here.
    """

    processes: int = 1
    nodes: int = 1
    hours: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def world(self) -> int:
        """Processes of the whole job."""
        return self.processes * self.nodes

    def submission(
        self, *, weight: float, device: str, threads: int, together: int = 1, line: Line | None = None
    ) -> dict[str, Any]:
        """The parameters of submitit's ``AutoExecutor`` for one job.

        Args:
            weight: summed over the job's cells.
            device: ``cpu`` or ``cuda``; with the latter every process is given a GPU.
            threads: torch's threads a process.
            together: cells of the job.
            line: memory of a process, as measured; None if nothing was.
        """
        minutes = _DAY if self.hours is None else max(_SHORTEST, math.ceil(60 * _SPARE * self.hours * weight))
        derived: dict[str, Any] = {"nodes": self.nodes, "tasks_per_node": 1, "timeout_min": minutes}
        if device == "cuda":
            derived |= {"gpus_per_node": self.processes, "cpus_per_task": self.processes * _CPUS_BESIDE_A_GPU}
        else:
            derived["cpus_per_task"] = self.processes * threads
        if self.guesses_memory:
            derived["mem_gb"] = self.memory(device, together, line)
        asked = derived | dict(self.parameters)
        _require_time(asked)
        return asked

    @property
    def guesses_memory(self) -> bool:
        """Whether nobody said how much memory to ask for."""
        return not any(name in self.parameters for name in _MEMORY)

    def memory(self, device: str, together: int = 1, line: Line | None = None) -> int:
        """GB of main memory that a node should give: by what was measured, else estimated.

        Loaders, images, networks on their way to a GPU. What is measured is a process without its readers.
        """
        readers = _CPUS_BESIDE_A_GPU * _A_READER if device == "cuda" else 0
        if line is not None:
            return self.processes * (max(_LEAST, gigabytes(line, together)) + readers)
        return self.processes * (_A_PROCESS + readers + (_BESIDE_A_GPU if device == "cuda" else 0))


def _require_time(asked: Mapping[str, Any]) -> None:
    """Check that a job has time to compute anything before it is told to end."""
    minutes, delay = asked["timeout_min"], asked.get(_SIGNAL, _SIGNAL_DELAY)
    known = isinstance(minutes, int | float) and isinstance(delay, int | float)  # else submitit says what is wrong
    if known and 60 * minutes < delay + _STARTS:
        raise SuiteError(
            f"timeout_min = {minutes}: a job is told to end {delay} s before that, so none would compute anything; "
            f"give it {math.ceil((delay + _STARTS) / 60) + 3} minutes or more"
        )


_KEYS = ("processes", "nodes", "hours", _SLURM)


def resources(profile: Profile, study: str = "", overrides: Mapping[str, Any] | None = None) -> Resources:
    """What the profile's ``[compute]`` asks for, or ``[compute.STUDY]`` where it says otherwise.

    Args:
        profile: read from its file; without a section everything has its default.
        study: whose jobs; empty for what holds for all of them.
        overrides: submitit's parameters as typed, which win over the profile's.

    Raises:
        SuiteError: the section holds what nobody reads, or a number that cannot be.
    """
    section = dict(profile.sections.get(SECTION, {}))
    section.pop(DEVICE, None)
    where = f"profile {profile.name}, [{SECTION}]"
    studies = {
        name: section.pop(name) for name in list(section) if name not in _KEYS and isinstance(section[name], dict)
    }
    for name in studies:
        if "." not in name and find_spec(f"suite.studies.{name}") is None:
            raise SuiteError(
                f"{where}: {name!r} is no study: it takes {DEVICE}, {', '.join(_KEYS)} and names of studies"
            )
    found = _changed(Resources(), section, where)
    if study in studies:
        found = _changed(found, studies[study], f"{where[:-1]}.{study}]")
    return replace(found, parameters={**found.parameters, **(overrides or {})})


def device_of(profile: Profile) -> str:
    """Where the profile's cells are computed if nobody says: ``cpu``, ``cuda``, or ``auto``."""
    return str(profile.sections.get(SECTION, {}).get(DEVICE, "auto"))


def _changed(before: Resources, section: Mapping[str, Any], where: str) -> Resources:
    for name in section:
        if name not in _KEYS:
            raise SuiteError(f"{where}: unknown key {name!r}: it takes {', '.join(_KEYS)}")
    changes: dict[str, Any] = {}
    for name in ("processes", "nodes"):
        if name in section:
            changes[name] = section[name]
            if type(section[name]) is not int or section[name] < 1:
                raise SuiteError(f"{where}: {name} = {section[name]!r} must be a whole number of at least 1")
    if "hours" in section:
        hours = section["hours"]
        if not isinstance(hours, int | float) or isinstance(hours, bool) or not 0 < hours < math.inf:
            raise SuiteError(f"{where}: hours = {hours!r} must be a number above 0")
        changes["hours"] = float(hours)
    slurm = section.get(_SLURM, {})
    if not isinstance(slurm, dict):
        raise SuiteError(f"{where}: {_SLURM} = {slurm!r} must be a section of submitit's parameters")
    return replace(before, **changes, parameters={**before.parameters, **slurm})
