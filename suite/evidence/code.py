"""Which source a study reaches, and its digest: editing it makes the cells it computed stale."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OURS = ("suite", "baselines")


@cache
def _source(module: str) -> Path:
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise SuiteError(f"no module named {module}: is it spelled as its file is?")
    return Path(spec.origin)


def _typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker executes."""
    for child in ast.iter_child_nodes(node):
        if not _typing_only(child):
            yield child
            yield from _statements(child)


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_source(module).read_text(encoding="utf-8"))


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@cache
def imports(module: str) -> frozenset[str]:
    """Our own modules that a module imports directly, packages' ``__init__`` included."""
    package = module if _source(module).name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in _statements(_tree(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, *([node.module] if node.module else [])])
            found.add(base)
            if base.split(".")[0] in OURS:
                found.update(name for alias in node.names if _is_module(name := f"{base}.{alias.name}"))
    ours = {name for name in found if name.split(".")[0] in OURS}
    parents = {".".join(name.split(".")[:depth]) for name in ours for depth in range(1, len(name.split(".")))}
    return frozenset(ours | parents)


def closure(modules: Iterable[str]) -> list[str]:
    """Our own modules reachable through import statements, sorted."""
    pending, reached = list(modules), set[str]()
    while pending:
        module = pending.pop()
        if module not in reached:
            reached.add(module)
            pending.extend(imports(module))
    return sorted(reached)


@cache
def _module_digest(module: str) -> str:
    """Digest of a module's syntax tree without docstrings: comments and layout change nothing."""
    tree = ast.parse(_source(module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                line
                for line in body
                if not (
                    isinstance(line, ast.Expr)
                    and isinstance(line.value, ast.Constant)
                    and isinstance(line.value.value, str)
                )
            ]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


@cache
def code_digest(*modules: str) -> str:
    """Digest of all source that the modules reach, 16 hexadecimal digits.

    Raises:
        SuiteError: a module does not exist.
    """
    total = hashlib.sha256()
    for module in closure(modules):
        total.update(f"{module}:{_module_digest(module)};".encode())
    return total.hexdigest()[:16]
