"""The training runs that Distillation Dynamics released: files, lengths, printed accuracies.

One run per method; its seed is not logged. Epochs count from 0, as in the logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from suite.claim import Expected
from suite.evidence.released import TrainingLog, read_training_log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from suite.judge import Verdict

ACCURACY = "test_acc1"
ONLY_RELEASED = ("released",)
REGISTERED = date(2026, 11, 21)


@dataclass(frozen=True)
class Run:
    """A released run: its file, its length in epochs, and the accuracy the paper's table prints for it."""

    title: str
    file: str
    epochs: int = 300
    printed: float | None = None

    @property
    def last_ten(self) -> range:
        """Its last ten epochs."""
        return range(self.epochs - 10, self.epochs)

    def read(self, path: Path) -> TrainingLog:
        """Its log, complete."""
        return log_of(path).complete(self.epochs)


def log_of(path: Path) -> TrainingLog:
    """A log, parsed once as long as its file stays as it is: a claim looks at the same few many times."""
    state = path.stat()
    return _parsed(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=32)
def _parsed(path: Path, _modified: int, _size: int) -> TrainingLog:
    return read_training_log(path)


def _run(title: str, name: str, printed: float | None = None, epochs: int = 300) -> Run:
    return Run(title, f"Distillation_Logs/{name}.txt", epochs, printed)


SOFT = _run("SoftKD", "SoftKD", 76.99)
SPECTRAL_BOTH = _run("SpectralKD first+last", "SpectralKD_First_1_Last_1", 77.08)
SPECTRAL_FIRST = _run("SpectralKD first", "SpectralKD_First_1", 77.00)
SPECTRAL_LAST = _run("SpectralKD last", "SpectralKD_Last_1", 76.83)
PROJECTOR_FIRST = _run("ProjectorKD first", "ProjectorKD_First_1", 76.86)
PROJECTOR_LAST = _run("ProjectorKD last", "ProjectorKD_Last_1", 76.72)
PROJECTOR_BOTH = _run("ProjectorKD first+last", "ProjectorKD_First_1_Last_1", 76.80)
SOFT_500 = _run("SoftKD, 500 epochs", "SoftKD_500_epochs", 78.07, epochs=500)
SPECTRAL_LAST_500 = _run("SpectralKD last, 500 epochs", "SpectralKD_Last_1_500_epochs", 77.59, epochs=500)
SOFT_MAE = _run("SoftKD, MAE teacher", "SoftKD_MAE")
SPECTRAL_LAST_MAE = _run("SpectralKD last, MAE teacher", "SpectralKD_Last_1_MAE")

PRINTED_RUNS = (
    SOFT,
    SPECTRAL_BOTH,
    SPECTRAL_FIRST,
    SPECTRAL_LAST,
    PROJECTOR_FIRST,
    PROJECTOR_LAST,
    PROJECTOR_BOTH,
    SOFT_500,
    SPECTRAL_LAST_500,
)
MAE_RUNS = (SOFT_MAE, SPECTRAL_LAST_MAE)


def registered(verdict: Verdict, because: str) -> Mapping[str, Expected]:
    """The verdict registered for profile ``released``."""
    return {"released": Expected(verdict, because, REGISTERED)}
