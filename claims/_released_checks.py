"""Readings that hold released logs against the printed table and against themselves; all exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claims._released_runs import ACCURACY, MAE_RUNS, PRINTED_RUNS, Run
from suite.claim import Released
from suite.evidence.released import evaluation_images, off_grid
from suite.judge import Observed, Sampling

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.evidence.released import TrainingLog

ALL_RUNS = (*PRINTED_RUNS, *MAE_RUNS)
RATE, TOTAL = "train_lr", "train_loss"
TERMS = ("train_loss_base", "train_loss_fft", "train_loss_dist")


def exact(value: float, note: str) -> Observed:
    """A statement about files, in which nothing was drawn at random."""
    return Observed(values=(value,), sampling=Sampling.EXACT, note=note)


def best_epoch(log: TrainingLog) -> tuple[float, str]:
    """The highest accuracy, and where it stands."""
    best = log.figure(ACCURACY, int(np.argmax(log.column(ACCURACY))))
    return best.value, str(best)


def last_ten(log: TrainingLog) -> tuple[float, str]:
    """The mean accuracy of the last ten epochs, and where it stands."""
    epochs = range(len(log.epochs) - 10, len(log.epochs))
    mean = float(log.at(ACCURACY, epochs).mean())
    return mean, f"{mean:.3f} ({log.cite(epochs)})"


def table_against(
    accuracy: Callable[[TrainingLog], tuple[float, str]], *, shift: int = 0, rounded: bool = False
) -> Released:
    """Largest distance of a printed accuracy from what its log (or the log ``shift`` rows on) says.

    Args:
        accuracy: what the log says, and where.
        shift: so many rows on stands the log that each row is held against.
        rounded: in place of the printed accuracies, what the logs say rounded to two decimals.
    """
    runs = PRINTED_RUNS[shift:] + PRINTED_RUNS[:shift]

    def value(*logs: TrainingLog) -> Observed:
        far, words = [], []
        for row, run, log in zip(PRINTED_RUNS, runs, logs, strict=True):
            found, where = accuracy(run.whole(log))
            printed = round(found, 2) if rounded else row.printed or 0.0
            far.append(abs(found - printed))
            words.append(f"{row.title} {printed:.2f}: {where}")
        return exact(max(far), "; ".join(words))

    return Released(tuple(run.original for run in runs), value)


def epochs_out_of_place(drop: int | None = None, *, numbered: bool = False) -> Released:
    """Epochs of all logs that are not where they belong.

    Args:
        drop: cuts that line out of every log first.
        numbered: in place of the logs, ones that hold each epoch once and in order.
    """

    def value(*logs: TrainingLog) -> Observed:
        wrong, words = 0, []
        for run, log in zip(ALL_RUNS, logs, strict=True):
            epochs = np.arange(run.epochs) if numbered else log.epochs
            epochs = epochs if drop is None else np.delete(epochs, drop)
            both = min(len(epochs), run.epochs)
            wrong += int((epochs[:both] != np.arange(both)).sum()) + abs(len(epochs) - run.epochs)
            words.append(f"{log.file}: {len(epochs)} lines")
        return exact(wrong, "; ".join(words))

    return Released(tuple(run.original for run in ALL_RUNS), value)


def loss_gap(*, features: bool, summed: bool = False) -> Released:
    """Largest distance of a total loss from the sum of its terms.

    Args:
        features: whether the feature term counts.
        summed: in place of the logged totals, the sums as 32-bit numbers.
    """

    def value(*logs: TrainingLog) -> Observed:
        worst, where = -1.0, ""
        for run, each in zip(ALL_RUNS, logs, strict=True):
            log = run.whole(each)
            terms = [log.column(name) for name in TERMS if name in log.columns and (features or name != TERMS[1])]
            total = np.sum(terms, axis=0)
            far = np.abs((total.astype(np.float32) if summed else log.column(TOTAL)) - total)
            if far.max() > worst:
                worst = float(far.max())
                where = f"largest at {log.figure(TOTAL, int(np.argmax(far)))}"
        return exact(worst, where)

    return Released(tuple(run.original for run in ALL_RUNS), value)


def off_grid_of(runs: tuple[Run, ...], images: int, *, of: int | None = None) -> Released:
    """Largest distance of an accuracy from a whole number of correct images.

    Args:
        runs: whose accuracies.
        images: size of the set.
        of: in place of the accuracies, the nearest ones of a set of this size, as 32-bit numbers.
    """

    def value(*logs: TrainingLog) -> Observed:
        whole = [run.whole(log) for run, log in zip(runs, logs, strict=True)]
        columns = [log.column(ACCURACY) for log in whole]
        if of is not None:
            columns = [(100 * np.round(column * of / 100) / of).astype(np.float32) for column in columns]
        far = max(float(off_grid(column, images).max()) for column in columns)
        sizes = [f"{log.file}: {evaluation_images(log.column(ACCURACY)):,} images" for log in whole]
        return exact(far, "; ".join(sizes))

    return Released(tuple(run.original for run in runs), value)


def agreement_short_of_rate(*pairs: tuple[Run, Run]) -> Released:
    """Epochs from the start in which two runs share the learning rate but not everything they both log."""

    def value(*logs: TrainingLog) -> Observed:
        short, words = 0, []
        for number, pair in enumerate(pairs):
            two = [run.whole(log) for run, log in zip(pair, logs[2 * number :], strict=False)]
            shared = [name for name in two[0].columns if name in two[1].columns]
            rate, everything = _equal_from_start(two, [RATE]), _equal_from_start(two, shared)
            short = max(short, rate - everything)
            words.append(
                f"{two[0].file} and {two[1].file}: {rate} first lines with equal {RATE}, {everything} equal in all"
            )
        return exact(short, "; ".join(words))

    return Released(tuple(run.original for pair in pairs for run in pair), value)


def _equal_from_start(logs: list[TrainingLog], names: list[str]) -> int:
    length = min(len(log.epochs) for log in logs)
    first, second = (np.stack([log.column(name)[:length] for name in names]) for log in logs)
    return int(np.logical_and.accumulate((first == second).all(axis=0)).sum())
