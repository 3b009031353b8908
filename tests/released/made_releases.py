"""Small releases of known truth, written by the tests that read them: no published file is needed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from claims._released_layers import BOTH, CHECKPOINTS, FIRST, LAST, SOFT
from claims._released_runs import MAE_RUNS, PRINTED_RUNS, SPECTRAL_LAST_MAE, Run
from suite import profile
from suite.assess import Assessment, Evidence, assess_claim
from suite.claim import Claim
from suite.evidence.released import LayerTable, Original
from suite.evidence.store import Store

WARM_UP = 6


def learning_rate(epoch: int, epochs: int) -> float:
    """A warm-up common to all lengths, then a cosine of the run's own length."""
    if epoch < WARM_UP:
        return 1e-6 + 4e-4 * max(epoch - 1, 0)
    return 1e-3 * (1 + np.cos(np.pi * epoch / epochs))


def accuracies(epochs: int, end: float, *, seed: int) -> np.ndarray:
    """A saturating curve: one for all runs early on, 0.06 points below its end in the last epochs but one."""
    curve = 76 * (1 - np.exp(-(np.arange(epochs) + 1) / 25))
    jitter = np.random.default_rng(seed).normal(0, 0.1, epochs)
    jitter[:WARM_UP] = jitter[100:] = 0
    late = np.clip((np.arange(epochs) - 100) / 150, 0, 1)
    curve = curve + jitter + late * (end - 0.06 - 76)
    curve[-1] = end
    return curve


@dataclass
class Truth:
    """What a release is to contain.

    Attributes:
        end: accuracy at the last epoch by run title; the printed one, if not given.
        added: points to add per epoch, by run title.
        images: size of the evaluation set by run title; 50,000, if not given.
        mae_divergence: of student and MAE teacher at epochs 0 to 299.
        mae_collapses: whether the aligned run with the MAE teacher breaks down.
        profiles: entropy over layers by (table, checkpoint index).
    """

    end: Mapping[str, float] = field(default_factory=dict)
    added: Mapping[str, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)
    images: Mapping[str, int] = field(default_factory=dict)
    mae_divergence: np.ndarray = field(default_factory=lambda: np.linspace(5, 0.5, 300))
    mae_collapses: bool = False
    profiles: Callable[[Original[LayerTable], int], np.ndarray] = lambda _table, _checkpoint: np.array(
        [2.5, 2, 1, 2, 3]
    )


def _write_log(folder: Path, run: Run, truth: Truth, seed: int) -> None:
    epochs = np.arange(run.epochs)
    end = truth.end.get(run.title, run.printed or 72.0)
    percent = accuracies(run.epochs, end, seed=seed)
    if run.title in truth.added:
        percent = percent + truth.added[run.title](epochs)
    if run is SPECTRAL_LAST_MAE and truth.mae_collapses:
        percent[5] = 0.1
    images = truth.images.get(run.title, 50_000)
    percent = np.round(np.clip(percent, 0.1, 100) * images / 100) / images * 100
    divergence = truth.mae_divergence if run in MAE_RUNS else 0.4 + 5 * np.exp(-epochs / 20)
    feature = (0 if run.title.startswith("SoftKD") else 1.5) * np.exp(-epochs / 50)
    lines = []
    for epoch in epochs:
        base, dist = 0.69 - 0.001 * epoch, 0.9 * float(divergence[epoch])
        fft = float(feature[epoch])
        row = {
            "train_lr": learning_rate(int(epoch), run.epochs),
            "train_loss": base + fft + dist,
            "train_loss_base": base,
            "train_loss_fft": fft,
            "train_loss_dist": dist,
            "test_loss": 1.0 if truth.mae_divergence[0] > 1 else 3.5,
            "test_acc1": float(percent[epoch]),
            "epoch": int(epoch),
        }
        lines.append(json.dumps(row))
    path = folder / run.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def _write_layers(folder: Path, table: Original[LayerTable], truth: Truth) -> None:
    names = (*CHECKPOINTS, "model_best")
    rows = [truth.profiles(table, min(place, len(CHECKPOINTS) - 1)) for place in range(len(names))]
    header = ["Model/Epoch", *(f"Layer_{layer + 1}" for layer in range(len(rows[0])))]
    text = [",".join(header)]
    text += [",".join([name, *(f"{value:.6f}" for value in row)]) for name, row in zip(names, rows, strict=True)]
    path = folder / table.short
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(text) + "\n")


def write_release(folder: Path, truth: Truth) -> Path:
    """Write all eleven logs and four tables."""
    for seed, run in enumerate((*PRINTED_RUNS, *MAE_RUNS)):
        _write_log(folder, run, truth, seed)
    for table in (SOFT, FIRST, LAST, BOTH):
        _write_layers(folder, table, truth)
    return folder


def judge(claim: Claim, *folders: Path) -> dict[str, Assessment]:
    """Judge a claim on releases, by criterion."""
    chosen = profile.load("released", released=folders)
    found = assess_claim(claim, Evidence(chosen, Store(Path("no-store"))))
    return {assessment.criterion.key: assessment for assessment in found}
