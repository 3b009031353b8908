"""What every method in ``baselines/`` says of itself, read from its file, which is not imported.

A method's class states its name, title and source as plain text. So claims, plans and figures know the methods there
are without torch, which only a loss needs.
"""

from __future__ import annotations

import ast
import pkgutil
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from suite.errors import SuiteError
from suite.evidence.code import folder_of, tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PACKAGE = "baselines"
FEATURES = "FeatureMethod"  # of what compares features is a class


@dataclass(frozen=True)
class MethodFacts:
    """What a claim needs to know of a method.

    Attributes:
        name: how it is asked for.
        module: dotted name of its module.
        title: how it is written in a table.
        source: paper, equation or table, and repository.
        compares_features: whether it has a term on features; otherwise it reads logits alone.
    """

    name: str
    module: str
    title: str
    source: str
    compares_features: bool


@dataclass(frozen=True)
class _Class:
    """A class as its module writes it: its texts, and the classes it is derived from, as ``module.Name``."""

    place: str
    module: str
    texts: Mapping[str, str]
    bases: tuple[str, ...]


@cache
def methods() -> Mapping[str, MethodFacts]:
    """Every method, by name: each class of a public module of ``baselines`` that has a ``name`` of its own.

    Raises:
        SuiteError: two methods share a name, or one says something of itself that is no plain text.
    """
    found: dict[str, MethodFacts] = {}
    for info in pkgutil.iter_modules([str(folder_of(PACKAGE))]):
        if info.ispkg or info.name.startswith("_"):
            continue
        for place, written in _classes(f"{PACKAGE}.{info.name}").items():
            name = written.texts.get("name")
            if name is None:
                continue
            if name in found:
                raise SuiteError(f"two methods are named {name!r} ({found[name].module}, {place}): rename one")
            line = list(_ancestry(place))
            found[name] = MethodFacts(
                name=name,
                module=written.module,
                title=_said("title", line),
                source=_said("source", line),
                compares_features=any(one.place.rpartition(".")[2] == FEATURES for one in line),
            )
    return MappingProxyType(dict(sorted(found.items())))


def _ancestry(place: str) -> Iterator[_Class]:
    """A class and all that it is derived from within the package, itself first."""
    module = place.rpartition(".")[0]
    if module.split(".")[0] == PACKAGE:
        written = _classes(module)[place]
        yield written
        for base in written.bases:
            yield from _ancestry(base)


def _said(key: str, line: Sequence[_Class]) -> str:
    """A text of a class, or the nearest one that it inherits."""
    for one in line:
        if key in one.texts:
            return one.texts[key]
    raise SuiteError(f"{line[0].place} has no {key}: state it as plain text in the class")


@cache
def _classes(module: str) -> Mapping[str, _Class]:
    """Classes that a module defines, by ``module.Name``."""
    names: dict[str, str] = {}
    found: dict[str, _Class] = {}
    for node in tree(module).body:
        if isinstance(node, ast.ImportFrom) and not node.level:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ClassDef):
            place = names[node.name] = f"{module}.{node.name}"
            bases = tuple(names[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in names)
            found[place] = _Class(place, module, _texts(node, place), bases)
    return found


def _texts(node: ast.ClassDef, place: str) -> dict[str, str]:
    found = {}
    for statement in node.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            if isinstance(target, ast.Name) and target.id in ("name", "title", "source"):
                if not isinstance(statement.value, ast.Constant) or not isinstance(statement.value.value, str):
                    raise SuiteError(f"{place}.{target.id} is no plain text: write it as one, so that it can be read")
                found[target.id] = statement.value.value
    return found
