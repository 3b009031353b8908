"""What if the regions were wider, or the seeds more: the same judge, another question.

Nothing here is a verdict. The answers are marked as such, and no registered verdict is compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist, fmean, stdev
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from suite.assess import Evidence, assess_claim
from suite.errors import SuiteError
from suite.judge import Observed, Sampling
from suite.show import describe
from suite.show.verdicts import LOOKS, marked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from suite.assess import Assessment
    from suite.claim import Access, Claim, Control, Criterion, Reading
    from suite.evidence.cell import Cell
    from suite.profile import Profile


@dataclass(frozen=True)
class WhatIf:
    """Two judgements of the same criteria.

    Attributes:
        change: what was changed, in words.
        registered: by the rule as it is.
        changed: by the changed one, in the same order.
    """

    change: str
    registered: tuple[Assessment, ...]
    changed: tuple[Assessment, ...]


def foreseen(observed: Observed, n: int) -> Observed:
    """What n seeds would show if they had the present mean and spread.

    Normal quantiles, shifted and scaled to exactly that mean and standard deviation; the judge's interval of
    them is the one that n such seeds would give. Noise pooled over methods gains degrees of
    freedom in proportion to n - 1.

    Args:
        observed: seeds; anything else (images, exact values, a single run) is returned as it is, because more
            seeds of it are not foreseeable.
        n: number of seeds, at least 2.
    """
    values = observed.values
    if observed.sampling is not Sampling.SEEDS or len(values) < 2 or observed.broken:
        return observed
    quantiles = [NormalDist().inv_cdf((index + 0.5) / n) for index in range(n)]
    mean, scale = fmean(values), stdev(values) / stdev(quantiles)
    pooled = observed.pooled
    if pooled is not None:
        pooled = replace(pooled, df=max(1, round(pooled.df * (n - 1) / (len(values) - 1))))
    return replace(observed, values=tuple(mean + scale * q for q in quantiles), labels=(), diverged=(), pooled=pooled)


@dataclass(frozen=True)
class _Foreseen:
    """A reading as n seeds would show it."""

    reading: Reading
    n: int

    def cells(self, profile: Profile) -> Iterable[Cell]:
        return self.reading.cells(profile)

    def observe(self, access: Access) -> Observed:
        return foreseen(self.reading.observe(access), self.n)


def _widened(criterion: Criterion, margin: float) -> Criterion:
    try:
        return replace(criterion, region=criterion.region.widened(margin))
    except ValueError as error:
        raise SuiteError(f"--margin {margin:g} leaves nothing of {criterion.key}: {error}") from None


def _more_seeds(criterion: Criterion, n: int) -> Criterion:
    def wrapped(control: Control) -> Control:
        return replace(control, evidence=_Foreseen(control.evidence, n))

    return replace(
        criterion,
        evidence=_Foreseen(criterion.evidence, n),
        negative_controls=tuple(map(wrapped, criterion.negative_controls)),
        positive_controls=tuple(map(wrapped, criterion.positive_controls)),
    )


def what_if_claim(claim: Claim, evidence: Evidence, *, margin: float | None = None, seeds: int | None = None) -> WhatIf:
    """Judge a claim as it is registered, and again with wider regions, more seeds, or both.

    Args:
        claim: all its criteria, because they share one error rate.
        evidence: of one profile.
        margin: by how much to widen every finite end of every region, each in its own unit; negative narrows.
        seeds: as if so many seeds had the present mean and spread, controls included.

    Returns:
        Both judgements; the changed one has a profile marked as modified.

    Raises:
        SuiteError: neither is given, or a value is impossible; the message says which are not.
    """
    if margin is None and seeds is None:
        raise SuiteError("give --margin, --seeds or both: what should be different?")
    if seeds is not None and seeds < 2:
        raise SuiteError(f"--seeds {seeds}: one seed shows no spread, give at least 2")
    changes, criteria = [], claim.criteria
    if margin is not None:
        criteria = tuple(_widened(criterion, margin) for criterion in criteria)
        changes.append(f"every region {'widened' if margin >= 0 else 'narrowed'} by {abs(margin):g} at each end")
    if seeds is not None:
        criteria = tuple(_more_seeds(criterion, seeds) for criterion in criteria)
        changes.append(f"{seeds} seeds of the present mean and spread")
    change = " and ".join(changes)
    profile = replace(evidence.profile, modified=(*evidence.profile.modified, change))
    return WhatIf(
        change=change,
        registered=tuple(assess_claim(claim, evidence)),
        changed=tuple(assess_claim(replace(claim, criteria=criteria), evidence.beside(profile, evidence.session))),
    )


def print_what_if(answer: WhatIf, console: Console) -> None:
    """Print both judgements side by side, marked as what they are."""
    claim = answer.registered[0].claim.key if answer.registered else "no criterion"
    console.print(Text(f"{claim}: what if {answer.change}?", style="bold"))
    console.print(Text("NOT the registered rule: nothing below is a verdict.", style="bold reverse"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("criterion", "as registered", "what if", "claimed then", "measured then"):
        table.add_column(column, overflow="fold")
    for before, after in zip(answer.registered, answer.changed, strict=True):
        table.add_row(
            Text(before.criterion.key),
            Text(marked(before.verdict), style=LOOKS[before.verdict].style),
            Text(marked(after.verdict), style=LOOKS[after.verdict].style),
            Text(describe.claimed(after)),
            Text(describe.measured(after)),
        )
    console.print(table)
