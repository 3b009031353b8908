"""Faults of the disk: which there are, and one clear line for each."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOTHING_LEFT = 2**20  # bytes; a library that only says "write failed" leaves about as much


class Unwritable(SuiteError):
    """Nothing can be written where the evidence lies. It ends a run: no cell is to blame."""


def is_full(fault: BaseException, root: Path) -> bool:
    """Whether a fault comes from a full disk, whatever a library made of it.

    torch reports a write that fails as a RuntimeError without a cause, safetensors as an error of its own.
    """
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        cause = cause.__cause__ or cause.__context__
    if any(os.strerror(number) in str(fault) for number in _FULL):
        return True
    return root.is_dir() and shutil.disk_usage(root).free < _NOTHING_LEFT


def full(root: Path) -> Unwritable:
    """What a person does about a full disk."""
    return Unwritable(
        f"the disk that holds {root} is full: free space and run the same command again; "
        "finished cells are kept, unfinished ones resume"
    )


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Turn faults of the disk into one line that says what to do.

    Raises:
        Unwritable: the disk is full, or the folder cannot be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise full(root) from error
        raise Unwritable(
            f"cannot write evidence to {root} ({error.strerror or error}): name another folder with --evidence DIR"
        ) from error


def sync(path: Path) -> None:
    """Wait until a file or a folder's list of names is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
