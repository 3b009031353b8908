"""A profile: the scale at which claims are asked, as data in one TOML file that a user can copy and edit."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from suite import sections as records
from suite.deviation import Deviation
from suite.errors import SuiteError, Unavailable
from suite.inheritance import differences, merged, toml, without

FOLDER = Path(__file__).parent / "profiles"
SCOPES = PUBLISHED, PROXY, SMOKE = ("published", "proxy", "smoke")
PRINTED = ("full", "frozen")  # what a file extends whose evidence is to be published
EXTENDS, REMOVE, DEVIATIONS = "extends", "remove", "deviations"
HEAD = ("scope", "seeds", "summary", "sampling", "evidence", "claims", DEVIATIONS)
TABLES = ("unavailable", "compute", "machine", "data", "measure", "networks", "recipes", "distill", "super_resolution")
ORDER = (*HEAD[:-1], *TABLES, DEVIATIONS)
MOST_SEEDS = records.MOST_SEEDS
IMAGES = "images"  # sampling: what is drawn at random


class Table(dict[str, Any]):
    """A table of a profile's file; a key that it lacks is named together with its place."""

    def __init__(self, where: str, content: Mapping[str, Any]) -> None:
        """Tables in it become such tables as well."""
        self.where = where
        super().__init__(
            {
                name: Table(f"{where}: {name}", value) if isinstance(value, dict) else value
                for name, value in content.items()
            }
        )

    def __missing__(self, key: str) -> Any:
        raise SuiteError(f"{self.where} lacks the key {key!r}: add it to the profile")


@dataclass(frozen=True)
class Profile:
    """The scale of a session.

    Attributes:
        name: the file's name.
        scope: ``published`` if the evidence is of the models, data and length the papers speak of,
            ``proxy`` if not, ``smoke`` if it only proves that the code runs.
        summary: what it needs and what it costs, one line.
        seeds: the seeds of every study; one block each.
        sampling: what is drawn at random: ``seeds``, or the ``images`` shown to one pretrained network.
        computes: whether its evidence is computed; False where it is what authors released.
        claims: keys of the claims that it asks; all, if there are none.
        device: ``cpu`` or ``cuda``, resolved.
        networks: by role (``cait``): timm name, overrides, recipe.
        sections: everything else of the file, by section (``data``, ``measure``, ``recipes``, ``distill``...).
        deviations: differences from the papers that this scale brings.
        released: folders with authors' released files.
        images: where this machine keeps images; empty where none were given.
        weights: files of weights that were given, by the network's name in the profile.
        modified: what differs from the profile as it is registered; a modified profile's verdicts are not held
            to expectations.
    """

    name: str
    scope: str
    summary: str
    seeds: tuple[int, ...]
    sampling: str = "seeds"
    computes: bool = True
    claims: tuple[str, ...] = ()
    device: str = "cpu"
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    released: tuple[Path, ...] = ()
    images: str = ""
    weights: Mapping[str, Path] = field(default_factory=dict)
    modified: tuple[str, ...] = ()

    @cached_property
    def settings(self) -> records.Sections:
        """Networks and sections as typed records; raises SuiteError where they hold what they cannot."""
        try:
            return records.sections({"networks": dict(self.networks), **self.sections})
        except ValueError as error:
            raise SuiteError(f"profile {self.name}: {error}") from None

    def has(self, place: str) -> bool:
        """Whether the file states something at a place, keys joined by dots (``networks.CaiT-S24``)."""
        part: Any = {"networks": self.networks, **self.sections}
        for name in place.split("."):
            if not isinstance(part, Mapping) or name not in part:
                return False
            part = part[name]
        return True

    @property
    def full(self) -> bool:
        """Whether students are trained on images on disk, of the papers' kind, and not on embedded ones."""
        return "distill" in self.sections and self.section("data")["source"] not in records.EMBEDDED

    def section(self, name: str) -> Mapping[str, Any]:
        """A section of the file; raises Unavailable if the profile has none."""
        return self._part(self.sections, name, f"section [{name}]")

    def network(self, role: str) -> Mapping[str, Any]:
        """The network that plays a role; raises Unavailable if the profile has none."""
        return self._part(self.networks, role, f"network for {role!r}")

    def recipe(self, name: str) -> Mapping[str, Any]:
        """A training recipe of the profile; raises Unavailable if it has none of that name."""
        return self._part(self.sections.get("recipes", {}), name, f"recipe {name!r}")

    def _part(self, parts: Mapping[str, Any], name: str, what: str) -> Mapping[str, Any]:
        if name not in parts:
            why = self.sections.get("unavailable", {}).get("why", "")
            raise Unavailable(f"profile {self.name} has no {what}" + (f" ({why})" if why else ""))
        part: Mapping[str, Any] = parts[name]
        return part

    def with_seeds(self, count: int) -> Profile:
        """The same profile with seeds 0 ... count-1."""
        if count < 1:
            raise SuiteError(f"--seeds {count}: give at least 1")
        if count > MOST_SEEDS:
            raise SuiteError(f"--seeds {count}: give at most {MOST_SEEDS:,}")
        if self.sampling == IMAGES and count > 1:
            raise SuiteError(f"--seeds {count}: profile {self.name} measures fixed networks once; images are drawn")
        if count == len(self.seeds):
            return self
        changed = f"{count} seed" if count == 1 else f"{count} seeds"
        return replace(self, seeds=tuple(range(count)), modified=(*self.modified, changed))

    def on(self, device: str) -> Profile:
        """The same profile, computed on another kind of device."""
        return replace(self, device=device)


def names() -> list[str]:
    """The profiles that come with the suite."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(
    name: str,
    *,
    device: str = "cpu",
    released: tuple[Path, ...] = (),
    images: str = "",
    weights: Mapping[str, Path] | None = None,
) -> Profile:
    """Read a profile by name, or from a file if the name ends in ``.toml``.

    A user's own file of a name that comes with the suite is not the registered profile, and marked as modified. Only
    profiles that come with the suite are published by their own word: a user's file that says so is held against the
    one that it extends, and whatever differs and can matter is stated as a deviation and makes it a proxy.

    Raises:
        SuiteError: there is no such profile, or its file is not right; the message says what is.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    tables, published = _resolved(path, name)
    file = _checked(path, tables)
    deviations = tuple(Deviation(entry.what, entry.paper, entry.ours, entry.small) for entry in file.deviations)
    scope: str = file.scope
    modified: tuple[str, ...] = ()
    if path.stem in names() and not _registered(path):
        modified = (f"read from {path}",)
    if scope == PUBLISHED and not _registered(path):
        others = _departures(published, tables)
        if others:
            scope = PROXY
            deviations = (*deviations, *others)
            modified = (*modified, *(f"other {deviation.what}" for deviation in others))
    own = Table(path.name, {name: value for name, value in tables.items() if name not in HEAD})
    return Profile(
        name=path.stem,
        scope=scope,
        summary=file.summary,
        seeds=tuple(range(file.seeds)),
        sampling=file.sampling,
        computes=file.evidence == "computed",
        claims=tuple(file.claims),
        device=device,
        networks=own.pop("networks", {}),
        sections=own,
        deviations=deviations,
        released=released,
        images=images,
        weights=weights or {},
        modified=modified,
    )


def resolved(name: str) -> str:
    """The text of a profile's file with everything that it takes over from others.

    Raises:
        SuiteError: there is no such profile, or its file is not right.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    tables, _ = _resolved(path, name)
    _checked(path, tables)
    return toml({key: tables[key] for key in sorted(tables, key=ORDER.index)})


def _registered(path: Path) -> bool:
    return path.resolve().parent == FOLDER.resolve()


def _checked(path: Path, tables: Mapping[str, Any]) -> records.File:
    try:
        return records.read(dict(tables))
    except ValueError as error:
        raise SuiteError(f"{path}: {error}") from None


def _resolved(path: Path, name: str, children: tuple[Path, ...] = ()) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """A file's tables with those of what it extends, and those of the nearest published profile of the suite's."""
    own = _read(path, name)
    if path.resolve() in children:
        raise SuiteError(f"{path} extends itself, through {', '.join(child.name for child in children)}")
    parent, removed = own.pop(EXTENDS, None), own.pop(REMOVE, [])
    if not isinstance(removed, list) or not all(isinstance(key, str) for key in removed):
        raise SuiteError(f"{path}: {REMOVE} = {removed!r} must be a list of keys")
    tables: dict[str, Any] = {}
    published = None
    if parent is not None:
        if not isinstance(parent, str):
            raise SuiteError(f"{path}: {EXTENDS} = {parent!r} must be a profile's name or a .toml file")
        place = path.parent / parent if parent.endswith(".toml") else FOLDER / f"{parent}.toml"
        tables, published = _resolved(place, parent, (*children, path.resolve()))
    try:
        for key in removed:
            tables = without(tables, key)
        tables = merged(tables, _by_what(own))
    except ValueError as error:
        raise SuiteError(f"{path}: {error}") from None
    if _registered(path) and tables.get("scope") == PUBLISHED:
        published = tables
    if not children:
        tables = _as_list(tables)
    return tables, published


def _departures(published: Mapping[str, Any] | None, tables: Mapping[str, Any]) -> tuple[Deviation, ...]:
    if published is None:
        return (Deviation("profile", "as printed", f'of its own make: it has no extends = "{" or ".join(PRINTED)}"'),)
    return tuple(Deviation(*found) for found in differences(published, tables))


def _by_what(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The same tables with deviations by what they are about, so that they can be merged and removed like others."""
    entries = tables.get(DEVIATIONS)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and "what" in entry for entry in entries):
        return dict(tables)  # said what is wrong with it when it is checked
    return {**tables, DEVIATIONS: {str(entry["what"]): entry for entry in entries}}


def _as_list(tables: Mapping[str, Any]) -> dict[str, Any]:
    entries = tables.get(DEVIATIONS)
    named = isinstance(entries, dict) and all(isinstance(entry, dict) for entry in entries.values())
    return {**tables, DEVIATIONS: list(entries.values())} if named else dict(tables)  # type: ignore[union-attr]


def _read(path: Path, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        near = f"; did you mean {path.name}?" if path.parent == FOLDER and Path(path.name).is_file() else ""
        raise SuiteError(
            f"no profile {name!r}: choose from {', '.join(names())}, or give the path of a .toml file{near}"
        ) from None
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path} is not a profile: {error}") from None
