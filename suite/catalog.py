"""Find claims by looking: every public module of a package that defines ``CLAIM``."""

from __future__ import annotations

import pkgutil
import traceback
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from suite.claim import Claim, Finding, expected
from suite.claim.program import Program
from suite.errors import SuiteError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

PACKAGE = "claims"
EVIDENCE = "evidence"


def discover(package: str = PACKAGE) -> list[Claim]:
    """All claims of a package, by module name, with the verdicts expected of them.

    Raises:
        SuiteError: the package or a module of it cannot be imported, a claim's key is not its module's name, keys
            repeat, or a verdict is expected of a criterion that does not exist.
    """
    try:
        folder = import_module(package)
    except ModuleNotFoundError as error:
        raise SuiteError(
            f"cannot import {package!r} ({error}): run from the project's root, or install the project"
        ) from None
    entries = [entry for place in folder.__path__ for entry in expected.read(Path(place) / expected.FILE)]
    programs = [Program.of(Path(place)) for place in folder.__path__]
    found: list[Claim] = []
    for info in pkgutil.iter_modules(folder.__path__):
        if info.name.startswith("_"):
            continue
        claim = getattr(_module(package, info.name), "CLAIM", None)
        if claim is None:
            continue
        if not isinstance(claim, Claim) or claim.key != info.name:
            raise SuiteError(f"{package}/{info.name}.py: CLAIM must be a Claim with key={info.name!r}")
        names = [criterion.key for criterion in claim.criteria]
        if len(set(names)) != len(names):
            raise SuiteError(f"{package}/{info.name}.py: two criteria share a key")
        found.append(replace(expected.attach(claim, entries), program=programs[0]))
    return found


def findings(package: str = PACKAGE) -> tuple[Finding, ...]:
    """What a package's claims are about: ``FINDINGS`` of its module ``findings``; none without such a module.

    Raises:
        SuiteError: the module cannot be imported, or is not such a module.
    """
    folder = import_module(package)
    if "findings" not in {info.name for info in pkgutil.iter_modules(folder.__path__)}:
        return ()
    found = getattr(_module(package, "findings"), "FINDINGS", None)
    if not isinstance(found, tuple) or not all(isinstance(finding, Finding) for finding in found):
        raise SuiteError(f"{package}/findings.py: FINDINGS must be a tuple of findings")
    return found


def bundles(package: str = PACKAGE) -> list[Path]:
    """Evidence that comes with a package's claims: ``evidence/PROFILE.tar.gz``, one bundle a profile."""
    folders = import_module(package).__path__
    return sorted(path for folder in folders for path in (Path(folder) / EVIDENCE).glob("*.tar.gz"))


def _module(package: str, name: str) -> ModuleType:
    try:
        return import_module(f"{package}.{name}")
    except Exception as fault:
        where = traceback.extract_tb(fault.__traceback__)[-1]
        raise SuiteError(
            f"{package}/{name}.py cannot be imported: {one_line(fault)} ({where.filename}, line {where.lineno})"
        ) from fault


def _criteria(claim: Claim) -> set[str]:
    """Full names of a claim's criteria."""
    return {f"{claim.key}.{criterion.key}" for criterion in claim.criteria}


def select(claims: Iterable[Claim], patterns: Sequence[str]) -> list[Claim]:
    """The claims whose key is one of the patterns, or contains one that is no key itself; all, if there are none.

    A pattern may name a criterion (``u_shape.entropy``): it selects its claim, whose criteria are judged together.

    Raises:
        SuiteError: a pattern matches nothing; the message lists what there is.
    """
    claims = list(claims)
    known = [claim.key for claim in claims]
    chosen: set[str] = set()
    for pattern in patterns:
        found = {pattern} if pattern in known else {key for key in known if pattern in key}
        found |= {claim.key for claim in claims if pattern in _criteria(claim)}
        if not found:
            raise SuiteError(f"no claim matches {pattern!r}: there are {', '.join(known)}")
        chosen |= found
    return [claim for claim in claims if not patterns or claim.key in chosen]
