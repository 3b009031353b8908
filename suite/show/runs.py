"""The runs a verdict stands on: the cells that were read and, behind them, the cells those were made from."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError
from suite.evidence.draft import RECORD
from suite.evidence.store import SEAL, Store
from suite.judge import Sampling

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from suite.assess import Assessment
    from suite.evidence.cell import Result


@dataclass(frozen=True)
class Run:
    """A finished cell with what is written about it beside its numbers.

    Attributes:
        result: its numbers, logs and environment.
        study: which study computed it.
        seed: its seed.
        spec: recipe, network, data: everything but seed and code.
        label: its name for people.
        needs: keys of the cells it was made from.
        finished: when it was sealed, ISO 8601; empty if not recorded.
    """

    result: Result
    study: str
    seed: int
    spec: Mapping[str, Any]
    label: str
    needs: tuple[str, ...]
    finished: str

    @property
    def key(self) -> str:
        """The cell's key."""
        return self.result.key

    @property
    def group(self) -> str:
        """The label without the seed: runs that differ by nothing else share it."""
        return group_of(self.label or self.study)


def group_of(label: str) -> str:
    """A cell's label without its closing ``, seed N``."""
    return label.rpartition(", seed ")[0] or label


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def describe(result: Result) -> Run:
    """What is written beside a result's numbers."""
    identity = _json(result.folder / RECORD)
    return Run(
        result=result,
        study=identity["study"],
        seed=identity["seed"],
        spec=identity["spec"],
        label=identity.get("label", ""),
        needs=tuple(identity["needs"].values()),
        finished=_json(result.folder / SEAL).get("finished", ""),
    )


def runs(results: Iterable[Result]) -> dict[str, Run]:
    """The runs behind some results, by key, every run after those it was made from.

    A cell that was needed once and is no longer on disk is left out: what was measured from it is sealed.
    """
    stores: dict[Path, Store] = {}
    found: dict[str, Run] = {}

    def add(result: Result) -> None:
        if result.key in found:
            return
        run = describe(result)
        store = stores.setdefault(result.folder.parents[1], Store(result.folder.parents[1]))
        for key in run.needs:
            try:
                add(replace(store.read(key), origin=result.origin, differs=result.differs))
            except SuiteError:
                continue
        found[run.key] = run

    for result in results:
        add(result)
    return found


def reached(results: Iterable[Result], known: Mapping[str, Run]) -> dict[str, Run]:
    """Those of some known runs that a few results stand on, directly or through another run."""
    pending, found = [result.key for result in results], set[str]()
    while pending:
        key = pending.pop()
        if key in known and key not in found:
            found.add(key)
            pending.extend(known[key].needs)
    return {key: run for key, run in known.items() if key in found}


def _seconds(folders: Iterable[Path]) -> float:
    """What some cells and the cells behind them took, each counted once; from their seals alone."""
    seconds: dict[Path, float] = {}
    pending = list(folders)
    while pending:
        folder = pending.pop()
        if folder not in seconds and folder.is_dir():
            seconds[folder] = _json(folder / SEAL)["seconds"]
            pending += [folder.parent / key for key in _json(folder / RECORD)["needs"].values()]
    return sum(seconds.values())


def seconds_per_seed(assessment: Assessment) -> float:
    """What one more seed of a criterion and its controls would cost, by what theirs took; 0 if unknown."""
    observed = assessment.observed
    if observed is None or observed.sampling is not Sampling.SEEDS or not observed.values:
        return 0.0
    return _seconds(result.folder for result in assessment.cells) / len(observed.values)
