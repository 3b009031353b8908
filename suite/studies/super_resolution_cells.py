"""The cells of study *super_resolution*, made from a profile's section of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.evidence.cell import Cell
from suite.evidence.code import code_digest
from suite.studies.embedded import PHOTOGRAPHS, embedded_digest
from suite.studies.once import once_a_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.profile import Profile

SECTION = "super_resolution"


def enlarger(module: str = "multi_depth", *, trained: bool = True) -> Callable[[Profile, int], Cell]:
    """Train and measure a network that enlarges photographs: (profile, seed) -> cell.

    Args:
        module: what it is made of: ``multi_depth``, ``equal_depth`` or ``branch_free``.
        trained: whether to train it, or to measure it as initialised (a control).
    """

    @once_a_profile
    def cell(profile: Profile, seed: int) -> Cell:
        asked = dict(profile.section(SECTION))
        network = {"features": asked.pop("features"), "blocks": asked.pop("blocks"), "module": module}
        scale = asked.pop("scale")
        return Cell(
            study=SECTION,
            spec={
                "network": network,
                "scale": scale,
                "recipe": asked if trained else None,
                "photographs": embedded_digest(PHOTOGRAPHS),
            },
            seed=seed,
            code=code_digest("suite.studies.super_resolution"),
            device="cpu",
            label=f"{'train' if trained else 'measure untrained'} {module} for super-resolution, seed {seed}",
            weight=0.4 if trained else 0.05,
        )

    return cell
