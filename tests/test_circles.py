"""No module needs another that needs it, be it for types alone."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("suite", "baselines", "claims")


def modules():
    """Every module of ours, by dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def needed(text, known):
    """Modules that a source names in import statements, those for type checkers among them."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & known) or {node.module}
    return found & known


def around(name):
    """A module and the packages that it is in, which are loaded before it in any case."""
    parts = name.split(".")
    return {".".join(parts[:depth]) for depth in range(1, len(parts) + 1)}


def test_modules_need_one_another_in_no_circle():
    found = modules()
    graph = {name: needed(path.read_text(), found.keys()) - around(name) for name, path in found.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as fault:
        raise AssertionError(" -> ".join(reversed(fault.args[1]))) from None


def test_a_circle_of_types_is_one():
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from suite.train.teacher import Answers\n"
    assert needed(text, {"suite.train.teacher", "suite.train"}) == {"suite.train.teacher"}
