"""The training runs that Distillation Dynamics released: files, lengths, printed accuracies.

One run per method; its seed is not logged. Epochs count from 0, as in the logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from claims.published import TRAINING_LOGS

if TYPE_CHECKING:
    from suite.evidence.released import Original, TrainingLog

ACCURACY = "test_acc1"
ONLY_RELEASED = ("released",)


@dataclass(frozen=True)
class Run:
    """A released run: its log, its length in epochs, and the accuracy the paper's table prints for it."""

    title: str
    original: Original[TrainingLog]
    epochs: int = 300
    printed: float | None = None

    @property
    def last_ten(self) -> range:
        """Its last ten epochs."""
        return range(self.epochs - 10, self.epochs)

    @property
    def file(self) -> str:
        """Folder and name of its log, as cited."""
        return self.original.short

    def whole(self, log: TrainingLog) -> TrainingLog:
        """Its log, complete.

        Raises:
            SuiteError: it is not; names the first line that is not as announced.
        """
        return log.complete(self.epochs)


def _run(title: str, name: str, printed: float | None = None, epochs: int = 300) -> Run:
    return Run(title, TRAINING_LOGS[name], epochs, printed)


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
