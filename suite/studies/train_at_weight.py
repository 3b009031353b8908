"""Study *train_at_weight*: study *train* with a method's weight chosen so that its own terms count as much as asked.

How much they count at the published weight was noted at the first step of the same student of the same seed, and the
effective weight (:mod:`baselines.effective`) is proportional to the weight: one division gives the wanted one.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines import METHODS
from suite.errors import SuiteError
from suite.studies import train

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from suite.evidence.cell import Cell, Result
    from suite.studies.protocol import Bench
    from suite.studies.train import Results

TOGETHER, DISTRIBUTED = train.TOGETHER, train.DISTRIBUTED
AS_PUBLISHED = "as_published"  # the need whose effective weight is known


class _Weighted:
    """The workplace of a cell as study *train* sees it: with the weight in place."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        spec = {name: value for name, value in bench.cell.spec.items() if name != "effective_weight"}
        found = float(bench.need(AS_PUBLISHED).arrays["effective_weight_first"])
        method = reweighted(spec["method"], found, bench.cell.spec["effective_weight"])
        needs = {role: need for role, need in bench.cell.needs.items() if role != AS_PUBLISHED}
        self.cell: Cell = replace(bench.cell, study="train", spec={**spec, "method": method}, needs=needs)
        self.weight = float(method["options"][METHODS[method["name"]].weight_option])

    @property
    def device(self) -> str:
        return self._bench.device

    @property
    def folder(self) -> Path:
        return self._bench.folder

    @property
    def checkpoints(self) -> Path:
        return self._bench.checkpoints

    def need(self, role: str) -> Result:
        return self._bench.need(role)

    def report(self, fraction: float, text: str) -> None:
        self._bench.report(fraction, text)


def reweighted(method: Mapping[str, Any], found: float, wanted: float) -> dict[str, Any]:
    """A method's part of a spec with its weight changed.

    Args:
        method: name and options.
        found: its effective weight with these options.
        wanted: the one it shall have.

    Returns:
        The same with other options.

    Raises:
        SuiteError: the method has no weight, or no gradient that could be scaled.
    """
    kind, options = METHODS[method["name"]], method["options"]
    if not kind.weight_option or not 0 < found < math.inf:
        raise SuiteError(
            f"{kind.name} cannot be given an effective weight of {wanted:g}: it has "
            + ("no weight" if not kind.weight_option else f"one of {found:g} at the first step")
        )
    given = options.get(kind.weight_option, getattr(kind.options_type(), kind.weight_option))
    return {"name": kind.name, "options": {**options, kind.weight_option: given * wanted / found}}


def run_block(benches: Sequence[Bench]) -> Results:
    """Train all students of a block together, each at its weight.

    Returns:
        by cell key: what study *train* returns, and ``weight``, the method's own; or the fault that ended this student.
    """
    results: Results = {}
    own: dict[str, str] = {}
    made: list[_Weighted] = []
    for bench in benches:
        try:
            weighted = _Weighted(bench)
        except (SuiteError, KeyError) as fault:
            results[bench.cell.key] = fault
            continue
        own[weighted.cell.key] = bench.cell.key
        made.append(weighted)
    trained = train.run_block(made) if made else {}
    weights = {weighted.cell.key: weighted.weight for weighted in made}
    for key, found in trained.items():
        if isinstance(found, Exception):
            results[own[key]] = found
        else:
            arrays, metrics = found
            results[own[key]] = {**arrays, "weight": np.float64(weights[key])}, metrics
    return results
