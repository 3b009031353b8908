"""Our implementations against a folder of numbers computed with the authors' released code."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.console import Console

MEASURES = ("dynamics_measures", "encoding_measures")


@dataclass(frozen=True)
class Check:
    """One quantity of one file: the largest error found, and the largest that rounding explains."""

    file: str
    quantity: str
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the error is rounding; never for a NaN."""
        return self.error <= self.tolerance


def _arrays(path: Path) -> Mapping[str, NDArray[np.generic]]:
    try:
        # from memory: numpy leaves a file open that turns out to be no archive
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise SuiteError(f"{path} is not a readable .npz file ({error}): copy it anew") from None


def _check_file(path: Path) -> Iterable[Check]:
    from baselines import goldens as losses  # noqa: PLC0415 - torch, which only this command needs
    from suite.measure import goldens as measures  # noqa: PLC0415

    stem, arrays = path.stem, _arrays(path)
    try:
        if stem.startswith(MEASURES[0]):
            return [Check(path.name, *row) for row in measures.check_dynamics(arrays)]
        if stem.startswith(MEASURES[1]):
            return [Check(path.name, *row) for row in measures.check_encoding(arrays)]
        return [Check(path.name, row.quantity, row.error, row.tolerance) for row in losses.check(stem, arrays)]
    except KeyError as missing:
        raise SuiteError(f"{path} holds no array {missing}: copy the file anew") from None
    except ValueError as error:
        raise SuiteError(f"{path}: {error}; files of measurements are named {' or '.join(MEASURES)}") from None


def check_folder(folder: Path) -> list[Check]:
    """Check every ``.npz`` file of a folder; what a file holds is told by how its name begins.

    Raises:
        SuiteError: there is no such folder or no such file in it, a file cannot be read, or nothing of ours goes by
            its name.
    """
    if not folder.is_dir():
        raise SuiteError(f"{folder} is not a folder: give one that holds .npz files")
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise SuiteError(f"{folder} holds no .npz file: give a folder that does")
    return [check for path in files for check in _check_file(path)]


def print_checks(checks: Sequence[Check], console: Console) -> None:
    """One line per quantity, and how many are off."""
    table = Table()
    for column in ("file", "quantity", "largest error", "tolerance", "verdict"):
        table.add_column(column, justify="right" if column in ("largest error", "tolerance") else "left")
    for check in checks:
        verdict = "agrees" if check.ok else "[bold red]OFF[/]"
        table.add_row(check.file, check.quantity, f"{check.error:.1e}", f"{check.tolerance:.1e}", verdict)
    console.print(table)
    off = sum(not check.ok for check in checks)
    console.print(f"{len(checks)} quantities checked, {off} off")
