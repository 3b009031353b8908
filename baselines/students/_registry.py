"""Which students there are, and how one is built by name."""

import inspect
import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

import torch

from baselines import students
from baselines.students._config import ViTConfig
from baselines.students._init import Initialiser
from baselines.students._tapped import Tapped


def _discover() -> dict[str, Callable[..., Tapped]]:
    """The function of its own name from every public module of this package."""
    names = [entry.name for entry in pkgutil.iter_modules(students.__path__)]
    return {
        name: getattr(import_module(f"baselines.students.{name}"), name) for name in names if not name.startswith("_")
    }


STUDENTS: Mapping[str, Callable[..., Tapped]] = MappingProxyType(_discover())
"""Name → builder of every student architecture."""


def build_student(
    name: str,
    config: ViTConfig,
    *,
    generator: torch.Generator,
    init: Initialiser | None = None,
    options: Mapping[str, Any] | None = None,
) -> Tapped:
    """A student by name.

    Args:
        name: One of `STUDENTS`.
        config: The plain Vision Transformer it starts from.
        generator: Source of the initial values; nothing is drawn from the global state.
        init: Overrides timm's initial values (`width_aware` for small networks).
        options: The builder's further arguments, for instance the teacher's width.

    Raises:
        ValueError: No such student, an option missing or unknown, or sizes that do not fit.
    """
    if name not in STUDENTS:
        raise ValueError(f"no student is called {name!r}: choose from {', '.join(STUDENTS)}")
    signature = inspect.signature(STUDENTS[name])
    try:
        arguments = signature.bind(config, generator=generator, init=init, **(options or {}))
    except TypeError as fault:
        own = [o for o in signature.parameters if o not in ("config", "generator", "init")]
        raise ValueError(f"{name}: {fault}; its options are: {', '.join(own) or 'none'}") from fault
    return STUDENTS[name](*arguments.args, **arguments.kwargs)
