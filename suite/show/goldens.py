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
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.console import Console

    Arrays = Mapping[str, NDArray[np.generic]]
    Row = tuple[str, float, float]
    Checker = Callable[[str, Arrays], Iterable[Row]]


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


def checkers() -> dict[str, Checker]:
    """How a file is checked, by how its name begins; of several beginnings the longest counts."""
    from baselines import goldens as losses  # noqa: PLC0415 - torch, which only this command needs
    from suite.measure import goldens as measures  # noqa: PLC0415
    from suite.models import goldens as networks  # noqa: PLC0415

    def loss(stem: str, arrays: Arrays) -> list[Row]:
        return [(found.quantity, found.error, found.tolerance) for found in losses.check(stem, arrays)]

    known: dict[str, Checker] = dict.fromkeys(losses.CHECKS, loss)
    known["mdbn_"] = lambda _stem, arrays: networks.check(arrays)
    known["sr_metrics"] = lambda _stem, arrays: networks.check_metrics(arrays)
    known["dynamics_measures"] = lambda _stem, arrays: measures.check_dynamics(arrays)
    known["encoding_measures"] = lambda _stem, arrays: measures.check_encoding(arrays)
    return known


def _check_file(path: Path, checker: Checker) -> Iterable[Check]:
    try:
        return [Check(path.name, *row) for row in checker(path.stem, _arrays(path))]
    except KeyError as missing:
        raise SuiteError(f"{path} holds no array {missing}: copy the file anew") from None
    except ValueError as error:
        raise SuiteError(f"{path}: {error}") from None


def check_folder(folder: Path) -> tuple[list[Check], list[str]]:
    """Check every ``.npz`` file of a folder; what a file holds is told by how its name begins.

    Returns:
        what was checked, and the names of files that nothing of ours goes by.

    Raises:
        SuiteError: there is no such folder or no such file in it, or a file cannot be read.
    """
    if not folder.is_dir():
        raise SuiteError(f"{folder} is not a folder: give one that holds .npz files")
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise SuiteError(f"{folder} holds no .npz file: give a folder that does")
    known = checkers()
    checks: list[Check] = []
    unknown: list[str] = []
    for path in files:
        beginnings = [beginning for beginning in known if path.stem.startswith(beginning)]
        if beginnings:
            checks += _check_file(path, known[max(beginnings, key=len)])
        else:
            unknown.append(path.name)
    return checks, unknown


def print_checks(checks: Sequence[Check], unknown: Sequence[str], console: Console) -> None:
    """One line per quantity, how many are off, and which files were not checked."""
    table = Table()
    for column in ("file", "quantity", "largest error", "tolerance", "verdict"):
        table.add_column(column, justify="right" if column in ("largest error", "tolerance") else "left")
    for check in checks:
        verdict = "agrees" if check.ok else "[bold red]OFF[/]"
        table.add_row(check.file, check.quantity, f"{check.error:.1e}", f"{check.tolerance:.1e}", verdict)
    console.print(table)
    off = sum(not check.ok for check in checks)
    files = len({check.file for check in checks})
    console.print(f"{len(checks)} quantities of {files} files checked, {off} off")
    if unknown:
        console.print(f"not checked, nothing of ours goes by the name: {', '.join(unknown)}")
