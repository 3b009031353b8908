"""A session: which profile a person asks for, with what images, weights and evidence, as one value.

It is made once, from a command line, from pytest's options or from a file; every command that the program prints comes
from :meth:`Session.argv`. ``sessions/NAME.json`` beside the evidence holds the session together with the cells that it
asked for: what a page shows besides, and what ``gc`` keeps, is read from there and never from what was printed.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from suite.checkpoints import about_repository, is_repository
from suite.errors import SuiteError
from suite.evidence.disk import writing
from suite.evidence.seal import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from suite.profile import Profile

EVIDENCE = "SUITE_EVIDENCE"
DEFAULT_PROFILE = "desk"
AUTO = "auto"
FOLDER = "sessions"
DATA_SETS = ("torch/", "hfds/", "hfids/", "wds/", "tfds/")  # what timm reads besides folders
PROGRAM = ("python", "-m", "suite")


def evidence_folder() -> str:
    """Where evidence lies, unless an option says otherwise."""
    return os.environ.get(EVIDENCE) or "evidence"


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a person asks for.

    Attributes:
        profile: name of a profile, or path of a ``.toml`` file.
        only: parts of names of claims; all claims, if there are none.
        seeds: how many seeds, instead of the profile's own; None for those.
        device: ``auto``, ``cpu`` or ``cuda``.
        evidence: folder in which evidence lies; empty for the default.
        released: folders with copies of what authors released.
        images: where images lie, or the name of a data set.
        weights: ``NAME=FILE``, a weights file of a network of the profile.
        bundles: somebody's cells, used where ours are missing.
        preferred: somebody's cells, used rather than ours.
    """

    profile: str = DEFAULT_PROFILE
    only: tuple[str, ...] = ()
    seeds: int | None = None
    device: str = AUTO
    evidence: str = ""
    released: tuple[str, ...] = ()
    images: str = ""
    weights: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()
    preferred: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The evidence's root folder."""
        return Path(self.evidence or evidence_folder())

    @property
    def name(self) -> str:
        """The profile's name."""
        return Path(self.profile).stem if self.profile.endswith(".toml") else self.profile

    def argv(self) -> tuple[str, ...]:
        """The options that ask for this session, without its claims."""
        return (
            *("--profile", self.profile),
            *_each("--released", self.released),
            *(("--images", self.images) if self.images else ()),
            *_each("--weights", self.weights),
            *(("--seeds", str(self.seeds)) if self.seeds is not None else ()),
            *(("--device", self.device) if self.device != AUTO else ()),
            *(("--evidence", self.evidence) if self.evidence and self.evidence != evidence_folder() else ()),
            *_each("--with", self.bundles),
            *_each("--prefer", self.preferred),
        )

    def command(self, verb: str, *words: str) -> str:
        """A command of the program for this session, as it can be typed."""
        return shlex.join((*PROGRAM, verb, *words, *self.argv()))

    def compute(self, claim: str, *more: str) -> str:
        """The command that computes and judges one claim."""
        return self.command("claims", "-k", claim, *more)

    def replay(self, key: str) -> str:
        """The command that takes a diverged training's last step again; all but the evidence lies with the cell."""
        evidence = ("--evidence", self.evidence) if self.evidence and self.evidence != evidence_folder() else ()
        return shlex.join((*PROGRAM, "replay", key, *evidence))

    def anchored(self) -> Session:
        """The same session with paths that hold from any folder."""

        def absolute(path: str) -> str:
            return str(Path(path).resolve()) if path and Path(path).exists() else path

        weights = (text.partition("=") for text in self.weights)
        return msgspec.structs.replace(
            self,
            profile=absolute(self.profile) if self.profile.endswith(".toml") else self.profile,
            evidence=str(self.root.resolve()),
            released=tuple(map(absolute, self.released)),
            images=absolute(self.images),
            weights=tuple(f"{name}={absolute(file)}" for name, _, file in weights),
            bundles=tuple(map(absolute, self.bundles)),
            preferred=tuple(map(absolute, self.preferred)),
        )

    def portable(self) -> Session:
        """The same session as somebody else would ask for it, without the names of this machine's folders."""
        return Session(
            profile=Path(self.profile).name,
            only=self.only,
            seeds=self.seeds,
            device=self.device,
            images="DIR" if self.images else "",
        )

    def load(self, *, here: bool = False) -> Profile:
        """The profile as this session asks for it.

        Args:
            here: whether cells are computed on this machine, which must have the device then.

        Raises:
            SuiteError: something that was given is not there, or does not fit the profile.
        """
        from suite.evidence.runtime import resolve_device  # noqa: PLC0415 - sessions are stored and read without it
        from suite.profile import load  # noqa: PLC0415
        from suite.scope import as_measured  # noqa: PLC0415

        for folder in self.released:
            if not Path(folder).is_dir():
                raise SuiteError(f"--released {folder}: no such folder; clone the authors' repository there first")
        profile = as_measured(
            load(
                self.profile,
                released=tuple(map(Path, self.released)),
                images=_there(self.images),
                weights=dict(map(_file, self.weights)),
            )
        )
        if self.seeds is not None:
            profile = profile.with_seeds(self.seeds)
        asked = self.device
        if asked == AUTO:
            compute = profile.settings.compute
            asked = ((compute.device if compute else None) or AUTO) if profile.computes else "cpu"
        return profile.on(resolve_device(asked, here=here))


def _each(option: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)


def _there(images: str) -> str:
    """A folder or a tar file that is there, or the name of a timm data set."""
    if images and not Path(images).exists() and not images.startswith(DATA_SETS):
        raise SuiteError(f"--images {images}: no such folder; give one, or a timm data set such as hfds/NAME")
    return images


def _file(text: str) -> tuple[str, Path]:
    """A file by the network's name in the profile.

    Raises:
        SuiteError: there is no such file, or no name; a repository of the hub is told from a file.
    """
    name, equals, file = text.partition("=")
    for part in (name, file):
        if is_repository(part):
            raise SuiteError(f"--weights {text}: {about_repository(part)}")
    if not (name and equals and Path(file).is_file()):
        raise SuiteError(f"--weights {text}: give NAME=FILE, a network of the profile and a file that is there")
    return name, Path(file)


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session as it is stored: what was asked for, and the keys of the cells that it needs."""

    session: Session
    cells: tuple[str, ...] = ()


def keep(session: Session, root: Path, cells: Iterable[str]) -> None:
    """Store a session beside its evidence, with what it and earlier ones like it but for their claims asked for.

    Raises:
        Unwritable: the evidence cannot be written.
    """
    whole = msgspec.structs.replace(session.anchored(), only=(), evidence="")
    path = root / FOLDER / f"{_file_name(whole)}.json"
    keys = set(cells)
    if session.only:
        before = _read(path)
        keys |= set(before.cells) if before is not None and before.session == whole else set()
    stored: dict[str, Any] = msgspec.to_builtins(Kept(whole, tuple(sorted(keys))))
    with writing(root):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, stored)


def kept(root: Path) -> list[Kept]:
    """The sessions stored beside evidence, the latest first; what cannot be read is left out."""
    folder = root / FOLDER
    paths = (
        sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True) if folder.is_dir() else []
    )
    found = [one for one in map(_read, paths) if one is not None]
    return [Kept(msgspec.structs.replace(one.session, evidence=str(root)), one.cells) for one in found]


def _file_name(session: Session) -> str:
    seeds = f"-{session.seeds}-seeds" if session.seeds is not None else ""
    device = f"-{session.device}" if session.device != AUTO else ""
    return f"{session.name}{seeds}{device}"


def _read(path: Path) -> Kept | None:
    try:
        return msgspec.convert(json.loads(path.read_text(encoding="utf-8")), Kept)
    except (OSError, ValueError):
        return None
