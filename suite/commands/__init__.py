"""One module a verb of the command line, found by its name (``what_if`` is ``what-if``).

The first line of a module's docstring is the verb's help; ``add`` says what can be typed after it; ``run`` does it and
returns the exit status. Modules import what they use when they run, so that help is instant.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def verbs() -> dict[str, ModuleType]:
    """The module of every verb."""
    names = [info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]
    return {name.replace("_", "-"): import_module(f"{__name__}.{name}") for name in names}
