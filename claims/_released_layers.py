"""Readings of the released entropies of students over their layers.

One run per method, one batch of 32 images of one class: the spread over neighbouring checkpoints is the only noise
the tables show, and is stated as the standard error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claims.published import ENTROPY_TABLES
from suite.claim import Released
from suite.judge import Observed, Sampling
from suite.measure.depth import u_depth

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from suite.evidence.released import LayerTable, Original

SOFT, FIRST, LAST, BOTH = (ENTROPY_TABLES[name] for name in ("SoftKD", "SpectralKD10", "SpectralKD01", "SpectralKD11"))
EPOCHS = tuple(range(30, 301, 30))
CHECKPOINTS = tuple(f"checkpoint_epoch_{epoch}" for epoch in EPOCHS)
START, MIDWAY = CHECKPOINTS[:3], CHECKPOINTS[3:6]
END = (*CHECKPOINTS[-2:], "model_best")

# No size is printed: ten per cent of the spread of activations is the smallest change one would draw.
SMALLEST = float(np.log2(1.1))


def rise(profile: NDArray[np.float64]) -> float:
    """Expansion: the last layer above the smallest, in bits."""
    return float(profile[-1] - profile.min())


def fall(profile: NDArray[np.float64]) -> float:
    """Compression: the first layer above the smallest, in bits."""
    return float(profile[0] - profile.min())


def ratio(profile: NDArray[np.float64]) -> float:
    """Expansion as a ratio of entropies, which depends on the bin width."""
    return float(profile[-1] / profile.min())


def last_layer(profile: NDArray[np.float64]) -> float:
    """Level of the last layer, in bits of this checkpoint's bins."""
    return float(profile[-1])


def kept(share: float, value: Callable[[NDArray[np.float64]], float]) -> Callable[[NDArray[np.float64]], float]:
    """The quantity of a flatter profile: a share is kept of what rises above its smallest layer."""
    return lambda profile: value(profile.min() + share * (profile - profile.min()))


def planted_u(bits: float, value: Callable[[NDArray[np.float64]], float]) -> Callable[[NDArray[np.float64]], float]:
    """The quantity of a profile to which a U of so many bits is added, its bottom in the middle layer."""

    def of(profile: NDArray[np.float64]) -> float:
        depth = np.linspace(-1, 1, len(profile))
        return value(profile + bits * np.abs(depth))

    return of


def _single(values: list[float], note: str) -> Observed:
    """The middle of neighbouring checkpoints' values; their spread is the only noise the tables show."""
    return Observed(
        values=(values[len(values) // 2],),
        sampling=Sampling.SINGLE,
        standard_error=float(np.std(values, ddof=1)),
        note=f"{note}; standard error: spread over neighbouring checkpoints, {', '.join(f'{v:.3f}' for v in values)}",
    )


def of_one(
    student: Original[LayerTable], value: Callable[[NDArray[np.float64]], float], names: tuple[str, ...] = END
) -> Released:
    """A quantity of one student."""

    def read(table: LayerTable) -> Observed:
        return _single([value(table.profile(name)) for name in names], str(table.source(names[len(names) // 2])))

    return Released((student,), read)


def above(
    student: Original[LayerTable],
    references: tuple[Original[LayerTable], ...],
    value: Callable[[NDArray[np.float64]], float],
    names: tuple[str, ...] = END,
    *,
    own_value: Callable[[NDArray[np.float64]], float] | None = None,
) -> Released:
    """A quantity of one student less the smallest of others; another quantity of the one, where given."""
    of_own = own_value or value

    def read(own: LayerTable, *others: LayerTable) -> Observed:
        gaps = [of_own(own.profile(name)) - min(value(t.profile(name)) for t in others) for name in names]
        middle = names[len(names) // 2]
        where = ", ".join(f"{value(t.profile(middle)):.3f} ({t.source(middle)})" for t in others)
        return _single(gaps, f"{of_own(own.profile(middle)):.3f} ({own.source(middle)}) against {where}")

    return Released((student, *references), read)


def onset(table: LayerTable) -> int:
    """First epoch at which the student compresses; one step beyond the last checkpoint if it never does."""
    return next(
        (epoch for epoch, name in zip(EPOCHS, CHECKPOINTS, strict=True) if fall(table.profile(name)) >= SMALLEST),
        EPOCHS[-1] + EPOCHS[0],
    )


def delay(student: Original[LayerTable], *, shift: int = 0) -> Released:
    """Epochs by which a student, set back by so many checkpoints, compresses later than the SoftKD student."""

    def read(own: LayerTable, soft: LayerTable) -> Observed:
        onsets = [onset(own) + shift * EPOCHS[0], onset(soft)]
        return Observed(
            values=(onsets[0] - onsets[1],),
            sampling=Sampling.SINGLE,
            standard_error=EPOCHS[0] * float(np.sqrt(2 / 12)),
            note=(
                f"first at epoch {onsets[0]} ({own.file}) and {onsets[1]} ({soft.file}); standard error: "
                f"checkpoints are {EPOCHS[0]} epochs apart"
            ),
        )

    return Released((student, SOFT), read)


def shuffled(checkpoints: tuple[str, ...]) -> tuple[str, ...]:
    """The same checkpoints in another order, always the same one."""
    return tuple(checkpoints[place] for place in np.random.default_rng(0).permutation(len(checkpoints)))


def emergence(order: tuple[str, ...], *, ordered: bool = False) -> Released:
    """Rank correlation of the depth of the SoftKD student's U with the place of a checkpoint in an order.

    Args:
        order: of the checkpoints.
        ordered: puts them in the order of their depths instead: growth by construction.
    """

    def read(table: LayerTable) -> Observed:
        depths = [u_depth(table.profile(name)) for name in order]
        if ordered:
            depths.sort()
        ranks = np.argsort(np.argsort(depths))
        rho = float(np.corrcoef(ranks, np.arange(len(ranks)))[0, 1])
        return Observed(
            values=(rho,),
            sampling=Sampling.SINGLE,
            standard_error=float(np.sqrt((1 - rho**2) / (len(order) - 2))),
            note=f"{table.source(order[0])} to {table.source(order[-1])}: {', '.join(f'{d:.3f}' for d in depths)} bits",
        )

    return Released((SOFT,), read)
