"""The released files, each with its reader and its embedded figures."""

from __future__ import annotations

import json
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from claims.papers import DISTILLATION_DYNAMICS, ENCODING_MISMATCH
from suite.evidence.released import (
    LayerTable,
    Original,
    PatternTable,
    RankTable,
    Table,
    TrainingLog,
    read_layer_table,
    read_pattern_table,
    read_rank_table,
    read_training_log,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from suite.claim import Paper

T = TypeVar("T", bound=Table)

FOLDER = Path(__file__).parent
SOURCES = FOLDER / "sources.json"

LOG_NAMES = (
    "SoftKD",
    "SpectralKD_First_1",
    "SpectralKD_Last_1",
    "SpectralKD_First_1_Last_1",
    "ProjectorKD_First_1",
    "ProjectorKD_Last_1",
    "ProjectorKD_First_1_Last_1",
    "SoftKD_500_epochs",
    "SpectralKD_Last_1_500_epochs",
    "SoftKD_MAE",
    "SpectralKD_Last_1_MAE",
)
LOGGED = (
    "epoch",
    "train_lr",
    "train_loss",
    "train_loss_base",
    "train_loss_fft",
    "train_loss_dist",
    "test_loss",
    "test_acc1",
)
ENTROPY_NAMES = ("SoftKD", "SpectralKD01", "SpectralKD10", "SpectralKD11")

# commit at which each repository was read
COMMITS = {
    DISTILLATION_DYNAMICS.key: "5086c560c7816a72914be3358862b6087a47dc6e",
    ENCODING_MISMATCH.key: "02c7d517286257c3010bf2dfe6de64d1db67bab7",
}


@cache
def _sources() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SOURCES.read_text(encoding="utf-8")) if SOURCES.exists() else {}
    return found


def archive(paper: Paper) -> Path:
    """Where the figures of a paper's repository lie: columns named ``file:column``."""
    return FOLDER / f"{paper.key}.npz"


@cache
def _figures(paper: Paper) -> dict[str, dict[str, NDArray[Any]]]:
    """Every file's figures by column."""
    found: dict[str, dict[str, NDArray[Any]]] = {}
    with np.load(archive(paper)) as columns:
        for name in columns.files:
            file, _, column = name.partition(":")
            found.setdefault(file, {})[column] = columns[name]
    return found


def _original(
    paper: Paper, file: str, read: Callable[[Path], T], make: Callable[[str, Mapping[str, NDArray[Any]]], T]
) -> Original[T]:
    source = _sources().get(file, {})
    original: Original[T] = Original(
        repository=paper.repository,
        commit=COMMITS[paper.key],
        file=file,
        lines=source.get("lines", 0),
        sha256=source.get("sha256", ""),
        read=read,
        embedded=partial(_embedded, paper, file, make),
    )
    return original


def _embedded(paper: Paper, file: str, make: Callable[[str, Mapping[str, NDArray[Any]]], T]) -> T:
    return make("/".join(file.split("/")[-2:]), _figures(paper)[file])


TRAINING_LOGS: dict[str, Original[TrainingLog]] = {
    name: _original(
        DISTILLATION_DYNAMICS,
        f"Distillation_Dynamics/Distillation_Logs/{name}.txt",
        read_training_log,
        TrainingLog.of,
    )
    for name in LOG_NAMES
}
ENTROPY_TABLES: dict[str, Original[LayerTable]] = {
    name: _original(
        DISTILLATION_DYNAMICS, f"Distillation_Dynamics/Analysis_Results/{name}.csv", read_layer_table, LayerTable.of
    )
    for name in ENTROPY_NAMES
}
RANK_TABLE: Original[RankTable] = _original(
    ENCODING_MISMATCH, "Raw data/comparison/svd_pca/svd_rank_table.md", read_rank_table, RankTable.of
)
PATTERN_TABLE: Original[PatternTable] = _original(
    ENCODING_MISMATCH, "Raw data/comparison/sep/sep_comparison_table.csv", read_pattern_table, PatternTable.of
)
ORIGINALS: tuple[Original[Any], ...] = (
    *TRAINING_LOGS.values(),
    *ENTROPY_TABLES.values(),
    RANK_TABLE,
    PATTERN_TABLE,
)
