"""The cells of study *train_at_weight*, made from a profile that asks for one effective weight of all methods."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError, Unavailable
from suite.evidence.code import code_digest, modules_of
from suite.studies.cells import student

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from suite.evidence.cell import Cell
    from suite.profile import Profile

STUDY = "train_at_weight"
OF_ALL = "all"  # [distill.options.all]: what is asked of every method
ASKED = "effective_weight"
AS_PUBLISHED = "as_published"  # the need from which the study reads what the published weight counts


def student_at_weight(
    method: str, options: Mapping[str, Any] | None = None, *, target: str = "features"
) -> Callable[[Profile, int], Cell]:
    """Train a student under a method whose own terms count as much as the profile asks: (profile, seed) -> cell.

    A control (another target) has the weight of the method on its teacher's features, as it has at published weights.

    Args:
        method: a baseline's name; one with a weight of its own.
        options: see :func:`suite.studies.cells.student`.
        target: what the method's feature terms align with, likewise.
    """

    def cell(profile: Profile, seed: int) -> Cell:
        wanted = wanted_weight(profile)
        published = student(method, options)(profile, seed)
        made = student(method, options, target=target)(profile, seed)
        return replace(
            made,
            study=STUDY,
            spec={**made.spec, ASKED: wanted},
            needs={**made.needs, AS_PUBLISHED: published},
            code=code_digest(f"suite.studies.{STUDY}", *modules_of(made.code)),
            label=made.label.replace(", seed ", f", effective weight {wanted:g}, seed "),
            group=f"{made.group} at equal weight",
        )

    return cell


def wanted_weight(profile: Profile) -> float:
    """How much every method's own terms shall count beside SoftKD.

    Raises:
        Unavailable: the profile does not ask for it.
        SuiteError: what it asks of every method is not a weight above 0, and nothing else.
    """
    asked = profile.section("distill").get("options", {}).get(OF_ALL)
    if asked is None:
        raise Unavailable(f"profile {profile.name} has no {ASKED}: set it under [distill.options.{OF_ALL}]")
    found = asked.get(ASKED)
    if set(asked) != {ASKED} or isinstance(found, bool) or not isinstance(found, int | float) or not found > 0:
        raise SuiteError(f"profile {profile.name}: [distill.options.{OF_ALL}] takes {ASKED}, a number above 0, alone")
    return float(found)
