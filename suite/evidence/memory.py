"""How much main memory this process has held, as the system counts it."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_PEAK = "5"  # what makes Linux forget the peak (proc(5))


def begin() -> None:
    """Count from now on; where the system does not let it, the peak is that of the whole process."""
    with suppress(OSError):
        _RESET.write_text(_PEAK, encoding="ascii")


def peak() -> int | None:
    """Bytes that this process held at most, its children aside; None where nobody knows."""
    with suppress(OSError, StopIteration, ValueError):
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
