"""The measurements, one file each: the name of the file is the name of the probe.

| probe | arrays |
|---|---|
| ``magnitude`` | magnitude, scale |
| ``spectrum`` | intensity, dc_share, flatness, low_pass; amplitude |
| ``permuted_spectrum`` | flatness_permuted, low_pass_permuted; amplitude_permuted |
| ``entropy`` | entropy_global, entropy_layer (bits); clipped_share |
| ``entropy_standardised`` | entropy_standardised (bits) |
| ``pooled`` | pooled, the mean token |
| ``energy_pattern`` | deep layers: sep_curve, sep_sorted, sep_curve_permuted |
| ``ranks`` | deep layers: svd_dims at 80/90/95/99 %, participation |
| ``shared_ranks`` | deep layers: shared_dims, shared_dims_centred; shared_spectrum, captured |
| ``null_ranks`` | deep layers: null_svd_dims, null_shared_dims |
| ``angles`` | deep layers: angles_cross, angles_split |
| ``matched_angles`` | deep layers: matched_cross, matched_split |
| ``centred_angles`` | deep layers: centred_cross, centred_split |

To add one, write ``suite/measure/probes/NAME.py`` with a single public class::

    class Skewness(Probe):
        \"\"\"Third standardised moment of all values of an image: 0 where they are symmetric.\"\"\"

        ARRAYS: ClassVar = {"skewness": Form.PER_IMAGE}

        def update(self, piece: Piece) -> None:
            deviation = piece.values.double() - piece.values.double().mean(dim=(1, 2), keepdim=True)
            third, second = (deviation.pow(power).mean(dim=(1, 2)) for power in (3, 2))
            self.rows(skewness=torch.where(second > 0, third / second.pow(1.5), 0))

A claim then reads it: ``representation("cait", probes=("skewness",))``.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from suite.measure.probe import Probe


def names() -> list[str]:
    """Names of all probes, sorted."""
    return sorted(entry.name for entry in pkgutil.iter_modules(__path__) if not entry.name.startswith("_"))


def find(name: str) -> type[Probe]:
    """The probe of a name.

    Args:
        name: of its file.

    Returns:
        The class.

    Raises:
        ValueError: there is no such file, or it does not hold exactly one probe.
    """
    from suite.measure.probe import Probe  # noqa: PLC0415 - torch, not needed to list the names

    if name not in names():
        raise ValueError(f"no probe {name!r}: choose from {', '.join(names())}")
    module = import_module(f"{__name__}.{name}")
    kinds = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Probe) and kind.__module__ == module.__name__
    ]
    if len(kinds) != 1:
        raise ValueError(f"{module.__name__} holds {len(kinds)} probes: a probe's file holds one class of its own")
    return kinds[0]


def chosen(wanted: Iterable[str] | None = None) -> Sequence[type[Probe]]:
    """Several probes.

    Args:
        wanted: their names; all there are unless given.

    Returns:
        The classes, in the order of the names.

    Raises:
        ValueError: one does not exist.
    """
    return [find(name) for name in sorted(set(names() if wanted is None else wanted))]
