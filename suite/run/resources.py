"""What a job asks of a cluster: the section ``[compute]`` of a profile, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suite.profile import Profile

SECTION = "compute"
DEVICE = "device"
_SLURM = "slurm"
_SPARE = 2  # a job is given twice the time it is expected to take
_DAY = 24 * 60  # minutes: what a job is given if nobody said how long it takes; it resumes when they are over
_CPUS_BESIDE_A_GPU = 8  # cores that read and augment images for one GPU


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

    def submission(self, *, weight: float, device: str, threads: int) -> dict[str, Any]:
        """The parameters of submitit's ``AutoExecutor`` for one job.

        Args:
            weight: summed over the job's cells.
            device: ``cpu`` or ``cuda``; with the latter every process is given a GPU.
            threads: torch's threads a process.
        """
        minutes = _DAY if self.hours is None else max(1, math.ceil(60 * _SPARE * self.hours * weight))
        derived: dict[str, Any] = {"nodes": self.nodes, "tasks_per_node": 1, "timeout_min": minutes}
        if device == "cuda":
            derived |= {"gpus_per_node": self.processes, "cpus_per_task": self.processes * _CPUS_BESIDE_A_GPU}
        else:
            derived["cpus_per_task"] = self.processes * threads
        return derived | dict(self.parameters)


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
