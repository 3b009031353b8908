"""What a training leaves to go on from, in one file that is whole or not there and tells if it was changed."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import torch

from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SUM = hashlib.sha256().digest_size


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors, numbers and text; the new file replaces the old one in one step."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    written = buffer.getvalue()
    draft = path.with_name(f"{path.name}.draft")
    draft.write_bytes(hashlib.sha256(written).digest() + written)
    draft.replace(path)


def load(path: Path) -> dict[str, Any]:
    """What :func:`save` wrote; no code of the file is run.

    Raises:
        SuiteError: it is not what was written.
    """
    read = path.read_bytes()
    if hashlib.sha256(read[SUM:]).digest() != read[:SUM]:
        raise SuiteError("its checkpoint has other content than when it was written")
    found: dict[str, Any] = torch.load(io.BytesIO(read[SUM:]), weights_only=True)
    return found
