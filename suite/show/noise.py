"""The noise floor: how far seeds scatter, whether pairing helps, and what could be resolved at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table
from scipy import stats

from suite.claim import PerSeed
from suite.errors import SuiteError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from suite.assess import Evidence
    from suite.claim import Claim

POWER = 0.8


@dataclass(frozen=True)
class Noise:
    """Scatter of one method over the seeds of one recipe, and of its paired difference to a reference.

    Attributes:
        method: its name.
        n: seeds.
        mean: mean of the quantity.
        sd: standard deviation over seeds.
        correlation: with the reference over seeds; what pairing lives on.
        paired_sd: standard deviation of the paired difference.
        detectable: smallest true difference that a two-sided 95 % t interval of ``n`` pairs excludes 0 for with
            probability .8.
    """

    method: str
    n: int
    mean: float
    sd: float
    correlation: float
    paired_sd: float
    detectable: float


def detectable(sd: float, n: int, *, level: float = 0.95) -> float:
    """Smallest true mean of ``n`` values with this spread that a t interval tells from 0 with probability .8."""
    if n < 2:
        return float("nan")
    df = n - 1
    critical = stats.t.ppf(0.5 + level / 2, df)
    low, high = 0.0, critical + 10.0
    for _ in range(60):  # bisection on the non-centrality at which the power is .8
        middle = (low + high) / 2
        low, high = (middle, high) if stats.nct.sf(critical, df, middle) < POWER else (low, middle)
    return float(high * sd / np.sqrt(n))


def noise_floor(values: Mapping[str, Sequence[float]], reference: str) -> list[Noise]:
    """Noise of every method against one of them.

    Args:
        values: by method, one value per seed, the seeds in one order.
        reference: the method that differences are taken to.

    Raises:
        ValueError: fewer than two seeds, or methods with different numbers of seeds.
    """
    counts = {len(row) for row in values.values()}
    if len(counts) != 1 or min(counts) < 2:
        raise ValueError(f"the noise floor needs the same two or more seeds of every method, not {sorted(counts)}")
    base = np.asarray(values[reference], dtype=np.float64)
    rows = []
    for method, row in values.items():
        own = np.asarray(row, dtype=np.float64)
        flat = own.std() == 0 or base.std() == 0
        paired = float(np.std(own - base, ddof=1))
        rows.append(
            Noise(
                method=method,
                n=len(own),
                mean=float(own.mean()),
                sd=float(own.std(ddof=1)),
                correlation=float("nan") if flat else float(np.corrcoef(own, base)[0, 1]),
                paired_sd=paired,
                detectable=detectable(paired, len(own)),
            )
        )
    return rows


def tables(claims: Sequence[Claim], evidence: Evidence) -> list[tuple[str, str, list[Noise]]]:
    """The noise floor of every table of methods that claims pool their noise over.

    Args:
        claims: criteria whose reading has companions are used; each table once. Its first method is the reference.
        evidence: finished cells.

    Returns:
        (reference, unit, rows) per table.

    Raises:
        SuiteError: a cell is missing.
    """
    found: dict[tuple[str, ...], tuple[str, str, list[Noise]]] = {}
    for criterion in (criterion for claim in claims for criterion in claim.asked_at(evidence.profile)):
        reading = criterion.evidence
        if not isinstance(reading, PerSeed) or not reading.companions or reading.level is None:
            continue
        names = tuple(reading.companions)
        if names in found:
            continue
        try:
            values = {
                name: [reading.level(evidence.result(subject(evidence.profile, s))) for s in evidence.profile.seeds]
                for name, subject in reading.compared(evidence.profile).items()
            }
        except Unavailable as reason:
            raise SuiteError(f"{reason}: compute it with {evidence.session.compute('baselines')}") from None
        found[names] = (names[0], criterion.quantity.unit, noise_floor(values, names[0]))
    return list(found.values())


def print_noise(rows: Sequence[Noise], reference: str, unit: str, console: Console) -> None:
    """The noise floor as a table."""
    table = Table(title=f"noise over {rows[0].n} seeds, differences to {reference} ({unit})", title_justify="left")
    for column in ("method", "mean", "SD over seeds", "correlation", "SD of difference", "detectable at 80 % power"):
        table.add_column(column, justify="left" if column == "method" else "right")
    for row in rows:
        own = row.method == reference
        table.add_row(
            row.method,
            f"{row.mean:.2f}",
            f"{row.sd:.2f}",
            "" if own else f"{row.correlation:.2f}",
            "" if own else f"{row.paired_sd:.2f}",
            "" if own else f"{row.detectable:.2f}",
        )
    console.print(table)
