"""A profile: the scale at which claims are asked, as data in one TOML file that a user can copy and edit."""

from __future__ import annotations

import shlex
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.deviation import Deviation
from suite.errors import SuiteError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "profiles"
SCOPES = ("published", "proxy", "smoke")
SAMPLINGS = ("seeds", "images")


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
        device: ``cpu`` or ``cuda``, resolved.
        networks: by role (``cait``): timm name, overrides, recipe.
        sections: everything else of the file, by section (``data``, ``measure``, ``recipes``, ``distill``...).
        deviations: differences from the papers that this scale brings.
        released: folders with authors' released files.
        images: where this machine keeps images; empty where none were given.
        weights: files of weights that were given, by the network's name in the profile.
        modified: what differs from the profile as it is registered; a modified profile's verdicts are not held
            to expectations.
        given: the options that ask for it, as typed; empty for its name alone.
    """

    name: str
    scope: str
    summary: str
    seeds: tuple[int, ...]
    sampling: str = "seeds"
    device: str = "cpu"
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    released: tuple[Path, ...] = ()
    images: str = ""
    weights: Mapping[str, Path] = field(default_factory=dict)
    modified: tuple[str, ...] = ()
    given: tuple[str, ...] = ()

    @property
    def full(self) -> bool:
        """Whether students are trained as printed, on images on disk."""
        return bool(self.sections.get("distill", {}).get("scale") == "full")

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
        if count == len(self.seeds):
            return self
        changed = f"{count} seed" if count == 1 else f"{count} seeds"
        fewer_or_more = replace(self, seeds=tuple(range(count)), modified=(*self.modified, changed))
        return fewer_or_more.asked_with("--seeds", str(count))

    def asked_with(self, *options: str) -> Profile:
        """The same profile, remembering more of the options that were typed for it."""
        return replace(self, given=(*self._given, *options))

    @property
    def _given(self) -> tuple[str, ...]:
        return self.given or ("--profile", self.name)

    def asking(self, command: str) -> str:
        """Another command of the program for the same profile, images, weights and evidence."""
        return shlex.join(("python", "-m", "suite", command, *self._given))

    def command(self, claim: str) -> str:
        """The command that computes and judges a claim at this scale, from nothing."""
        return shlex.join(("python", "-m", "suite", "claims", "-k", claim, *self._given))


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

    A user's own file of a name that comes with the suite is not the registered profile, and marked as modified.

    Raises:
        SuiteError: there is no such profile, or its file is not right; the message says what is.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    data = _read(path, name)
    for key in ("scope", "seeds", "summary"):
        if key not in data:
            raise SuiteError(f"{path} lacks the key {key!r}: every profile states scope, seeds and summary")
    scope, seeds, summary = data.pop("scope"), data.pop("seeds"), data.pop("summary")
    if scope not in SCOPES:
        raise SuiteError(f"{path}: scope {scope!r} is none of {', '.join(SCOPES)}")
    if type(seeds) is not int or seeds < 1:  # True is an int, too
        raise SuiteError(f"{path}: seeds = {seeds!r} must be a whole number of at least 1")
    sampling = data.pop("sampling", SAMPLINGS[0])
    if sampling not in SAMPLINGS:
        raise SuiteError(f"{path}: sampling {sampling!r} is none of {', '.join(SAMPLINGS)}")
    deviations = _deviations(data.pop("deviations", []), path)
    for key, value in data.items():
        if not isinstance(value, dict):
            raise SuiteError(f"{path}: {key} = {value!r} stands outside any section: move or delete it")
    for role, network in data.get("networks", {}).items():
        if not isinstance(network, dict):
            raise SuiteError(f"{path}: networks.{role} = {network!r} must be a section [networks.{role}]")
    tables = Table(path.name, data)
    own = path.stem in names() and path.resolve().parent != FOLDER.resolve()
    return Profile(
        name=path.stem,
        scope=scope,
        summary=str(summary),
        seeds=tuple(range(seeds)),
        sampling=sampling,
        device=device,
        networks=tables.pop("networks", {}),
        sections=tables,
        deviations=deviations,
        released=released,
        images=images,
        weights=weights or {},
        modified=(f"read from {path}",) if own else (),
        given=(
            *("--profile", name),
            *(part for folder in released for part in ("--released", str(folder))),
            *(("--images", images) if images else ()),
            *(part for role, file in (weights or {}).items() for part in ("--weights", f"{role}={file}")),
        ),
    )


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


def _deviations(entries: Any, path: Path) -> tuple[Deviation, ...]:
    try:
        return tuple(Deviation(**entry) for entry in entries)
    except TypeError as error:
        raise SuiteError(f"{path}: each of [[deviations]] states what, paper and ours ({error})") from None
