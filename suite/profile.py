"""A profile: the scale at which claims are asked, as data in one TOML file that a user can copy and edit."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.claim.schema import Deviation, Unavailable
from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "profiles"
SCOPES = ("published", "proxy", "smoke")


@dataclass(frozen=True)
class Profile:
    """The scale of a session.

    Attributes:
        name: the file's name.
        scope: ``published`` if the evidence is of the models, data and length the papers speak of,
            ``proxy`` if not, ``smoke`` if it only proves that the code runs.
        summary: what it needs and what it costs, one line.
        seeds: the seeds of every study; one block each.
        device: ``cpu`` or ``cuda``, resolved.
        networks: by role (``cait``): timm name, overrides, recipe.
        sections: everything else of the file, by section (``data``, ``measure``, ``recipes``, ``distill``...).
        deviations: differences from the papers that this scale brings.
        released: folders with authors' released files.
        modified: what the command line changed; a modified profile's verdicts are not held to expectations.
    """

    name: str
    scope: str
    summary: str
    seeds: tuple[int, ...]
    device: str = "cpu"
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    released: tuple[Path, ...] = ()
    modified: tuple[str, ...] = ()

    def section(self, name: str) -> Mapping[str, Any]:
        """A section of the file; raises Unavailable if the profile has none."""
        try:
            return self.sections[name]
        except KeyError:
            raise Unavailable(f"profile {self.name} has no section [{name}]") from None

    def network(self, role: str) -> Mapping[str, Any]:
        """The network that plays a role; raises Unavailable if the profile has none."""
        try:
            return self.networks[role]
        except KeyError:
            raise Unavailable(f"profile {self.name} has no network for {role!r}") from None

    def recipe(self, name: str) -> Mapping[str, Any]:
        """A training recipe of the profile; raises Unavailable if it has none of that name."""
        recipes = self.sections.get("recipes", {})
        try:
            recipe: Mapping[str, Any] = recipes[name]
        except KeyError:
            raise Unavailable(f"profile {self.name} has no recipe {name!r}") from None
        return recipe

    def with_seeds(self, count: int) -> Profile:
        """The same profile with seeds 0 ... count-1."""
        if count < 1:
            raise SuiteError(f"--seeds {count}: give at least 1")
        if count == len(self.seeds):
            return self
        return replace(self, seeds=tuple(range(count)), modified=(*self.modified, f"{count} seeds"))


def names() -> list[str]:
    """The profiles that come with the suite."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str, *, device: str = "cpu", released: tuple[Path, ...] = ()) -> Profile:
    """Read a profile by name, or from a file if the name ends in ``.toml``.

    Raises:
        SuiteError: there is no such profile, or its file is not right; the message says what is.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SuiteError(
            f"no profile {name!r}: choose from {', '.join(names())}, or give the path of a .toml file"
        ) from None
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path} is not a profile: {error}") from None
    try:
        scope, seeds, summary = data.pop("scope"), data.pop("seeds"), data.pop("summary")
    except KeyError as error:
        raise SuiteError(f"{path} lacks the key {error}: every profile states scope, seeds and summary") from None
    if scope not in SCOPES:
        raise SuiteError(f"{path}: scope {scope!r} is none of {', '.join(SCOPES)}")
    if not isinstance(seeds, int) or seeds < 1:
        raise SuiteError(f"{path}: seeds = {seeds!r} must be a whole number of at least 1")
    try:
        deviations = tuple(Deviation(**entry) for entry in data.pop("deviations", []))
    except TypeError as error:
        raise SuiteError(f"{path}: a deviation states what, paper and ours ({error})") from None
    return Profile(
        name=path.stem,
        scope=scope,
        summary=summary,
        seeds=tuple(range(seeds)),
        device=device,
        networks=data.pop("networks", {}),
        sections=data,
        deviations=deviations,
        released=released,
    )
