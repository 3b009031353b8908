"""Cells of one profile are made once, however many readings ask for them."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.evidence.cell import Cell
    from suite.profile import Profile

P = ParamSpec("P")


def once_a_profile(make: Callable[Concatenate[Profile, P], Cell]) -> Callable[Concatenate[Profile, P], Cell]:
    """The same function, which remembers the cells of the profile that it was last asked for."""
    made: dict[object, Cell] = {}
    last: list[Profile] = []

    @wraps(make)
    def cell(profile: Profile, /, *args: P.args, **kwargs: P.kwargs) -> Cell:
        if not last or last[0] is not profile:
            made.clear()
            last[:] = [profile]
        asked = (args, *sorted(kwargs.items()))
        if asked not in made:
            made[asked] = make(profile, *args, **kwargs)
        return made[asked]

    return cell
