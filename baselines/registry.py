"""Which methods there are, and how one is built by name."""

import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from types import MappingProxyType
from typing import Any

import torch

import baselines
from baselines.protocol import Method, Network


def _discover() -> dict[str, type[Method]]:
    """Every concrete method defined in a public module of this package, by name."""
    found: dict[str, type[Method]] = {}
    for entry in pkgutil.iter_modules(baselines.__path__):
        if entry.ispkg or entry.name.startswith("_"):
            continue
        module = import_module(f"baselines.{entry.name}")
        for member in vars(module).values():
            if not (inspect.isclass(member) and issubclass(member, Method)):
                continue
            if member.__module__ != module.__name__ or inspect.isabstract(member):
                continue
            if member.name in found:
                raise ValueError(
                    f"two methods are named {member.name!r} "
                    f"({found[member.name].__module__} and {member.__module__}): rename one"
                )
            found[member.name] = member
    return dict(sorted(found.items()))


METHODS: Mapping[str, type[Method]] = MappingProxyType(_discover())
"""Name → class of every method."""


def build(
    name: str,
    *,
    student: Network,
    teacher: Network | None = None,
    options: Mapping[str, Any] | None = None,
    generator: torch.Generator,
) -> Method:
    """A method made for one student and one teacher.

    Args:
        name: One of `METHODS`.
        student: Shapes of the student.
        teacher: Shapes of the teacher; None only for methods that need none.
        options: Values that differ from the method's defaults; lists stand for tuples, as in JSON or TOML.
        generator: Source of the initial values of the method's own parameters.

    Raises:
        ValueError: No such method or option, a value out of range, or networks that do not fit; the message
            says what to do.
    """
    if name not in METHODS:
        raise ValueError(f"no method is called {name!r}: choose from {', '.join(METHODS)}")
    method = METHODS[name]
    known = [f.name for f in fields(method.options_type)]
    given: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in (options or {}).items()}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"{name} has no option {', '.join(unknown)}: choose from {', '.join(known)}")
    try:
        return method(student, teacher, method.options_type(**given), generator)
    except ValueError as fault:
        raise ValueError(f"{name}: {fault}") from fault
